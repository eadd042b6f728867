import { floatAttribute, graphAttribute, intAttribute, intsAttribute } from '../graph/attributes.ts';
import { GraphBuilder, isConstant, type Value } from '../graph/builder.ts';
import { traits } from '../graph/operators.ts';
import { scan, transpose } from '../graph/ops.ts';
import {
  bodiesOf,
  capturedNames,
  initializersAsConstants,
  liveNodes,
  producers,
  removeDeadNodes,
  renameInputs,
  rewriteNodes,
  usedNames,
} from '../graph/rewrite.ts';
import type { Graph, Node } from '../graph/types.ts';
import { factorDifferences, reassociateProducts } from './reassociate.ts';
import { fixedIntegers } from './stackedRules.ts';
import { stackAny } from './stackedScan.ts';

/** How a value inside the body depends on the loop. */
type Kind = 'invariant' | 'stacked' | 'carried';

/**
 * Moves what loops compute without the carried state before every Scan over first axes, where it is computed for all
 * steps at once, vectorised and on all threads. The result computes the same values.
 */
export function hoistLoops(graph: Graph): Graph {
  const hoisted = rewriteNodes(graph, (b, node) => {
    const hasAxes = ['scan_input_axes', 'scan_output_axes'].some((key) =>
      intsAttribute(node, key)?.some((axis) => axis !== 0),
    );
    const body = node.op === 'Scan' && node.domain === '' && !hasAxes ? graphAttribute(node, 'body') : undefined;
    if (body) hoistScan(b, node, body);
    return body !== undefined;
  });
  return removeDeadNodes(hoisted);
}

function hoistScan(b: GraphBuilder, node: Node, original: Graph): void {
  const stateCount = node.inputs.length - intAttribute(node, 'num_scan_inputs', 0);
  const carriedInputs = original.inputs.slice(0, stateCount).map((v) => v.name);
  const unfolded = unfoldTransposes(initializersAsConstants(original), b);
  const body = reassociateProducts(factorDifferences(unfolded, carriedInputs, b), carriedInputs, b);
  const step = GraphBuilder.from(body, { outer: b });
  const inputDirections = intsAttribute(node, 'scan_input_directions') ?? [];
  const outputDirections = intsAttribute(node, 'scan_output_directions') ?? [];

  const kinds = new Map<string, Kind>(carriedInputs.map((name) => [name, 'carried']));
  const directions = new Map<string, number>();
  const outside = new Map<string, Value>();
  body.inputs.slice(stateCount).forEach((x, j) => {
    kinds.set(x.name, 'stacked');
    directions.set(x.name, inputDirections[j] ?? 0);
    outside.set(x.name, b.value(node.inputs[stateCount + j]!));
  });
  const made = producers(body.nodes);
  const kindOf = (name: string): Kind => kinds.get(name) ?? 'invariant';

  /** The value of a body name for use before the loop: [T, …] when stacked, the value itself when invariant. */
  const before = (name: string): Value => {
    const known = outside.get(name);
    if (known) return known;
    const maker = made.get(name);
    if (maker === undefined) return b.value(name);
    const output = b.fresh('hoisted');
    b.addNode({ ...maker, name: output, outputs: [output] });
    outside.set(name, b.value(output));
    return b.value(output);
  };

  const loop: Hoisting = { b, step, stateCount, kindOf, before, directions, outputDirections };
  const kept: Node[] = [];
  for (const n of body.nodes) {
    const fixed = isConstant(n) ? undefined : fixedIntegers(step, n);
    if (fixed) {
      outside.set(n.outputs[0]!, b.constant(fixed));
      continue;
    }
    const inputs = new Set(usedNames(n).map(kindOf));
    const stackedDirections = new Set(n.inputs.flatMap((x) => (kindOf(x) === 'stacked' ? [directions.get(x)] : [])));
    // Random numbers are others at every step.
    const isFree = !isConstant(n) && !inputs.has('carried') && !traits(n).random;
    const kind = inputs.has('stacked') ? 'stacked' : 'invariant';
    const results = isFree && stackedDirections.size <= 1 ? hoisted(loop, n, kind) : undefined;
    if (results === undefined) kept.push(n);
    const [direction] = stackedDirections;
    n.outputs.forEach((name, i) => {
      if (name === '' || isConstant(n)) return;
      kinds.set(name, results ? kind : 'carried');
      if (results) outside.set(name, results[i]!);
      if (results && direction !== undefined) directions.set(name, direction);
    });
  }
  rebuildLoop(loop, node, body, kept);
}

/** A loop that things are moved out of. */
interface Hoisting {
  /** What the loop stands in, and the body as it was. */
  readonly b: GraphBuilder;
  readonly step: GraphBuilder;
  readonly stateCount: number;
  readonly kindOf: (name: string) => Kind;
  readonly before: (name: string) => Value;
  readonly directions: ReadonlyMap<string, number>;
  readonly outputDirections: readonly number[];
}

/** Writes the transpose of a captured weight in a Gemm as a node of its own, which can leave the loop. */
function unfoldTransposes(body: Graph, outer: GraphBuilder): Graph {
  const captured = capturedNames(body);
  const unfold = (b: GraphBuilder, node: Node): boolean => {
    const plain = node.op === 'Gemm' && !node.inputs[2] && floatAttribute(node, 'alpha', 1) === 1;
    const flags = [intAttribute(node, 'transA', 0), intAttribute(node, 'transB', 0)];
    const side = flags.findIndex((flag, i) => flag === 1 && captured.has(node.inputs[i]!));
    if (!plain || side < 0 || flags[1 - side] === 1) return false;
    const factors = node.inputs.slice(0, 2).map((name) => b.value(name));
    const turned = transpose(factors[side]!, [1, 0]);
    b.node('MatMul', side === 0 ? [turned, factors[1]] : [factors[0], turned], {}, node.outputs);
    return true;
  };
  return rewriteNodes(body, unfold, { outer });
}

/** The loop with the nodes that must stay; what they need of the hoisted values is scanned or captured. */
function rebuildLoop(loop: Hoisting, node: Node, body: Graph, kept: readonly Node[]): void {
  const { b, step, stateCount, kindOf, before, directions, outputDirections } = loop;
  // A stacked output that left the loop in the loop's own order needs no trip through it.
  const leaves = body.outputs.map((o, i) => {
    const keepsOrder = directions.get(o.name) === (outputDirections[i - stateCount] ?? 0);
    return i >= stateCount && kindOf(o.name) === 'stacked' && keepsOrder;
  });
  const staying = body.outputs.filter((_, i) => !leaves[i]);
  const stayingNames = staying.map((o) => o.name);
  const live = liveNodes(kept, stayingNames);
  const own = new Set(live.flatMap((n) => n.outputs));
  const states = body.inputs.slice(0, stateCount);
  const inner = new GraphBuilder(body.name, b);
  const names = new Map<string, string>();
  for (const s of states) {
    names.set(s.name, inner.input(b.fresh(s.name), s.type.elementType, step.value(s.name).type.shape).name);
  }
  const scanned: { outer: Value; direction: number }[] = [];
  const needed = [...new Set([...live.flatMap(usedNames), ...stayingNames])].filter((n) => !own.has(n));
  const addScanned = (name: string) => {
    const { type } = step.value(name);
    scanned.push({ outer: before(name), direction: directions.get(name) ?? 0 });
    names.set(name, inner.input(b.fresh(name), type.elementType, type.shape).name);
  };
  for (const name of needed) {
    if (kindOf(name) === 'stacked') addScanned(name);
    else if (!names.has(name)) names.set(name, before(name).name);
  }
  // The number of steps comes from a scanned input, so one has to stay.
  const first = body.inputs[stateCount];
  if (scanned.length === 0 && first) addScanned(first.name);
  for (const n of live) {
    const outputs = n.outputs.map((name) => {
      if (name !== '') names.set(name, b.fresh(name));
      return names.get(name) ?? '';
    });
    inner.addNode({ ...renameInputs(n, names), outputs });
  }
  for (const o of staying) inner.output(inner.value(names.get(o.name) ?? o.name));
  // The loop gives out what its body does, also where nobody takes it.
  const outputs = node.outputs.filter((_, i) => !leaves[i]).map((name) => name || b.fresh(`${body.name}_unused`));
  const outDirections = outputDirections.filter((_, k) => !leaves[stateCount + k]);
  const initial = node.inputs.slice(0, stateCount).map((name) => b.value(name));
  const outer = scanned.map((s) => s.outer);
  const reverseInputs = scanned.map((s) => s.direction === 1);
  const reverseOutputs = outDirections.map((direction) => direction === 1);
  scan(initial, outer, inner.build(), { reverseInputs, reverseOutputs, outputs });
  body.outputs.forEach((o, i) => {
    const output = node.outputs[i];
    if (leaves[i] && output) b.node('Identity', [before(o.name)], {}, [output]);
  });
}

/** A node that does not depend on the state, for all steps at once or, if it is the same at every step, once. */
function hoisted(loop: Hoisting, node: Node, kind: Kind): readonly Value[] | undefined {
  if (kind === 'invariant') return bodiesOf(node).length === 0 ? hoistInvariant(loop, node) : undefined;
  const { b, step: scope, kindOf, before: value } = loop;
  return stackAny({ b, scope, isStacked: (name) => kindOf(name) === 'stacked', value }, node);
}

/** A node that is the same at every step, once before the loop. */
function hoistInvariant({ b, before }: Hoisting, node: Node): Value[] {
  const inputs = node.inputs.map((name) => (name === '' ? undefined : before(name)));
  return b.node(node.op, inputs, node.attributes, node.outputs.length, node.domain);
}
