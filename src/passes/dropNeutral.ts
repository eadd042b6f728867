import { constantNode, intAttribute, integers, intsAttribute } from '../graph/attributes.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import { broadcastShapes, isStatic, sizeOf } from '../graph/dims.ts';
import { elementTypeOf, isFloat } from '../graph/elementTypes.ts';
import { numbersOf } from '../graph/numbers.ts';
import {
  finishRewrite,
  mapBodies,
  producers,
  renameInputs,
  startRewrite,
  withoutInputShapes,
} from '../graph/rewrite.ts';
import { type Rules, ruleFor } from '../graph/rules.ts';
import { emptyData } from '../graph/tensors.ts';
import type { Graph, Node, Tensor } from '../graph/types.ts';

/**
 * Leaves out what changes nothing: Identity, a sum with zero, a product with one, a Cast to the same type, a Slice of
 * everything, a Concat of one value. An integer times zero becomes zero. Bodies included; values in them must have names
 * of their own (`uniqueNames`). Inputs and outputs keep their names. A graph without any is returned as it is.
 */
export function dropNeutral(graph: Graph): Graph {
  return dropIn(graph);
}

function dropIn(graph: Graph, outer?: GraphBuilder): Graph {
  const b = startRewrite(outer ? withoutInputShapes(graph) : graph, { outer });
  const outputs = new Set(graph.outputs.map((o) => o.name));
  const renamed = new Map<string, string>();
  let changed = false;
  for (const given of graph.nodes) {
    const node = mapBodies(renameInputs(given, renamed), (body) => {
      const inside = dropIn(body, b);
      changed ||= inside !== body;
      return inside;
    });
    const zeros = zeroProduct(b, node);
    const source = zeros ? undefined : sourceOf(b, node);
    if (source !== undefined && !outputs.has(node.outputs[0]!)) {
      renamed.set(node.outputs[0]!, source);
      continue;
    }
    const isIdentity = source === undefined || node.op === 'Identity';
    const kept = zeros ?? (isIdentity ? node : asIdentity(node, source));
    changed ||= kept !== node;
    b.addNode(kept);
  }
  const made = changed || renamed.size > 0 ? { ...finishRewrite(b, graph), inputs: graph.inputs } : graph;
  return givenOutDirectly(made);
}

function asIdentity(node: Node, source: string): Node {
  return { ...node, op: 'Identity', inputs: [source], attributes: {} };
}

/** The value that a node gives out as it is; undefined for one that makes something else of it. */
function sourceOf(b: GraphBuilder, node: Node): string | undefined {
  if (node.outputs.length !== 1 || !node.inputs[0]) return undefined;
  return ruleFor(rules, node)?.({ b, node });
}

interface Place {
  readonly b: GraphBuilder;
  readonly node: Node;
}

type Rule = (place: Place) => string | undefined;

/** The other operand where one of these is this number, in a shape that leaves that of the other. */
const neutral =
  (number: number, ...places: readonly number[]): Rule =>
  ({ b, node }) => {
    const place = places.find((i) => {
      const tensor = b.tensorOf(b.value(node.inputs[i]!));
      const other = b.value(node.inputs[1 - i]!).type;
      const fits = tensor && sizeOf(tensor.dims) === 1 && tensor.dims.length <= (other.shape?.length ?? -1);
      return fits && other.elementType === tensor.elementType && isAll(tensor, number);
    });
    return place === undefined ? undefined : node.inputs[1 - place];
  };

function isAll(tensor: Tensor, number: number): boolean {
  const { data } = tensor;
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return data.every((v) => v === BigInt(number));
  return numbersOf(tensor)?.every((value) => value === number) ?? false;
}

/** Ends that no axis goes beyond: exporters write the largest integer of 32 or 64 bits, less one now and then. */
const ANY_END = 2 ** 31 - 2;

const rules: Rules<Rule> = {
  Identity: ({ node }) => node.inputs[0],
  Add: neutral(0, 0, 1),
  Sub: neutral(0, 1),
  Mul: neutral(1, 0, 1),
  Div: neutral(1, 1),
  Concat: ({ node }) => (node.inputs.length === 1 ? node.inputs[0] : undefined),
  /** The type of a value whose rank nobody knows may be a guess. */
  Cast: ({ b, node }) => {
    const { elementType, shape } = b.value(node.inputs[0]!).type;
    return shape && elementTypeOf(intAttribute(node, 'to', 0)) === elementType ? node.inputs[0] : undefined;
  },
  Transpose: ({ node }) => {
    const perm = intsAttribute(node, 'perm');
    return perm?.every((axis, i) => axis === i) ? node.inputs[0] : undefined;
  },
  Pad: ({ b, node }) => {
    const pads =
      intsAttribute(node, 'pads') ?? (node.inputs[1] ? integers(b.tensorOf(b.value(node.inputs[1]))) : undefined);
    return pads?.every((pad) => pad === 0) ? node.inputs[0] : undefined;
  },
  Slice: ({ b, node }) => {
    const given = (name: string, input: number) => {
      const name_ = node.inputs[input];
      return intsAttribute(node, name) ?? (name_ ? integers(b.tensorOf(b.value(name_))) : undefined);
    };
    const steps = node.inputs[4] ? given('steps', 4) : [1];
    const isWhole =
      given('starts', 1)?.every((start) => start === 0) &&
      given('ends', 2)?.every((end) => end >= ANY_END) &&
      steps?.every((step) => step === 1);
    return isWhole ? node.inputs[0] : undefined;
  },
};

/** The constant that a product of integers with zero is; exporters use up inputs in this way. */
function zeroProduct(b: GraphBuilder, node: Node): Node | undefined {
  if (node.op !== 'Mul' || node.domain !== '' || node.inputs.length !== 2) return undefined;
  const [x, y] = node.inputs.map((name) => b.value(name));
  const { elementType } = x!.type;
  if (isFloat(elementType) || elementType === 'string' || !isStatic(x!.type.shape) || !isStatic(y!.type.shape)) {
    return undefined;
  }
  const dims = broadcastShapes(x!.type.shape, y!.type.shape);
  const isZero = [x!, y!].some((value) => {
    const tensor = b.tensorOf(value);
    return tensor !== undefined && isAll(tensor, 0);
  });
  if (!isZero || !isStatic(dims)) return undefined;
  return constantNode(node.outputs[0]!, { elementType, dims, data: emptyData(elementType, sizeOf(dims)) });
}

/** The graph with values that it only gives out under other names made under these names. */
function givenOutDirectly(graph: Graph): Graph {
  const made = producers(graph.nodes);
  const taken = new Set(graph.outputs.map((o) => o.name));
  const names = new Map<string, string>();
  for (const { op, domain, inputs, outputs } of graph.nodes) {
    const [from, to] = [inputs[0] ?? '', outputs[0]!];
    if (op !== 'Identity' || domain !== '' || !taken.has(to) || taken.has(from) || names.has(from)) continue;
    if (made.has(from) && made.get(from)!.op !== 'Constant') names.set(from, to);
  }
  if (names.size === 0) return graph;
  const isAlias = ({ op, inputs, outputs }: Node) => op === 'Identity' && names.get(inputs[0] ?? '') === outputs[0];
  const nodes = graph.nodes
    .filter((node) => !isAlias(node))
    .map((node) => {
      const renamed = renameInputs(node, names);
      return { ...renamed, outputs: node.outputs.map((name) => names.get(name) ?? name) };
    });
  return { ...graph, nodes };
}
