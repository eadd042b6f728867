import { constantNode, graphAttribute, identityNode, int64s, intAttribute } from '../graph/attributes.ts';
import type { FromOptions, GraphBuilder, Value } from '../graph/builder.ts';
import { isStatic, sizeOf } from '../graph/dims.ts';
import { apply, reshape } from '../graph/ops.ts';
import { capturedNames, handsOn, producers, rewriteAll } from '../graph/rewrite.ts';
import type { Graph, Node, Tensor } from '../graph/types.ts';

/**
 * Writes every Loop as a Scan that goes over the numbers of its steps, and over the rows that it picks by them. Loops
 * that end by a condition of their own, or whose states change their shapes, stay as they are.
 */
export function loopToScan(graph: Graph, options: FromOptions = {}): Graph {
  return rewriteAll(graph, isOnnxLoop, replaceLoop, options);
}

function isOnnxLoop(node: Node): boolean {
  return node.op === 'Loop' && node.domain === '';
}

function replaceLoop(b: GraphBuilder, given: Node): boolean {
  if (!isOnnxLoop(given)) return false;
  const node = b.mapBodies(given, (inner) => loopToScan(inner, { outer: b }));
  const body = graphAttribute(node, 'body');
  const [trips = '', condition = ''] = node.inputs;
  const states = node.inputs.slice(2).map((name) => b.value(name));
  const isCounted = body !== undefined && trips !== '' && neverEnds(b, condition, body);
  if (!isCounted || !keepsShapes(b, node, states)) {
    b.addNode(node);
    return true;
  }
  const [counter, go] = body.inputs;
  const count = b.knownInts(b.value(trips))?.[0];
  const rows = typeof count === 'number' ? pickedRows(b, body, count) : new Map<Node, Value>();
  const scanned = [stepsOf(b, b.value(trips), count), ...rows.values()];
  const picks = [...rows.keys()].map((pick) => ({
    name: pick.outputs[0]!,
    type: {
      elementType: b.value(pick.inputs[0]!).type.elementType,
      shape: b.value(pick.inputs[0]!).type.shape?.slice(1),
    },
  }));
  const nodes = [constantNode(go!.name, TRUE), ...body.nodes.filter((n) => !rows.has(n))];
  const inputs = [...body.inputs.slice(2), counter!, ...picks];
  const inside = givenOutOnce(b, { ...body, inputs, nodes, outputs: body.outputs.slice(1) });
  const attributes = {
    body: { type: 'graph', value: inside } as const,
    num_scan_inputs: { type: 'int', value: scanned.length } as const,
  };
  // A Scan gives out what its body does, also where nobody takes it.
  const outputs = node.outputs.map((name) => name || b.fresh('unused'));
  b.addNode({
    ...node,
    op: 'Scan',
    inputs: [...node.inputs.slice(2), ...scanned.map((v) => v.name)],
    outputs,
    attributes,
  });
  return true;
}

const TRUE: Tensor = { elementType: 'bool', dims: [], data: Uint8Array.of(1) };

/** True for a loop whose condition is true from the beginning and stays so. */
function neverEnds(b: GraphBuilder, condition: string, body: Graph): boolean {
  const isTrue = (ints: readonly unknown[] | undefined) => ints?.length === 1 && ints[0] === 1;
  if (condition !== '' && !isTrue(b.knownInts(b.value(condition)))) return false;
  if (handsOn(body, 1, 0)) return true;
  const name = body.outputs[0]?.name ?? '';
  const maker = producers(body.nodes).get(name);
  const own = maker?.attributes.value;
  if (maker?.op === 'Constant' && own?.type === 'tensor') return Number(own.value.data[0]) === 1;
  const stored = body.initializers.get(name);
  if (stored) return Number(stored.data[0]) === 1;
  return maker === undefined && isTrue(b.knownInts(b.value(name)));
}

/** True where every state has one shape at all steps. */
function keepsShapes(b: GraphBuilder, node: Node, states: readonly Value[]): boolean {
  const types = b.typesOf(node);
  return states.every(({ type: { shape } }, i) => shape !== undefined && types[i]?.shape?.join() === shape.join());
}

/** The numbers of the steps, int64 [T]. */
function stepsOf(b: GraphBuilder, trips: Value, count: unknown): Value {
  if (typeof count === 'number') return b.constant(int64s([count], [...new Array(Math.max(0, count)).keys()]));
  const scalar = reshape(trips, []);
  return apply('Range', [b.constant(int64s([], [0])), scalar, b.constant(int64s([], [1]))]);
}

/** Rows of outer values of so many rows that the body picks by the number of the step, by the node that picks. */
function pickedRows(b: GraphBuilder, body: Graph, count: number): Map<Node, Value> {
  const captured = capturedNames(body);
  const found = new Map<Node, Value>();
  for (const node of body.nodes) {
    const [data = '', index] = node.inputs;
    if (node.op !== 'Gather' || node.domain !== '' || intAttribute(node, 'axis', 0) !== 0) continue;
    if (index !== body.inputs[0]?.name || !captured.has(data)) continue;
    const value = b.value(data);
    if (isStatic(value.type.shape) && sizeOf(value.type.shape) > 0 && value.type.shape[0] === count)
      found.set(node, value);
  }
  return found;
}

/** A body that gives out only what it makes, and nothing twice: ONNX Runtime does that wrong in a Scan. */
function givenOutOnce(b: GraphBuilder, body: Graph): Graph {
  const made = producers(body.nodes);
  const nodes = [...body.nodes];
  const seen = new Set<string>();
  const outputs = body.outputs.map((o) => {
    if (made.has(o.name) && !seen.has(o.name)) {
      seen.add(o.name);
      return o;
    }
    const name = b.fresh(o.name);
    nodes.push(identityNode(o.name, name));
    return { ...o, name };
  });
  return { ...body, nodes, outputs };
}
