import { SlimError } from '../base/errors.ts';
import { constantTensor, floatAttribute, intAttribute, intsAttribute, stringAttribute } from '../graph/attributes.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { formatShape, isStatic } from '../graph/dims.ts';
import { inferGraph, Scope } from '../graph/infer/infer.ts';
import {
  add,
  flatten,
  gatherElements,
  gemm,
  log,
  max,
  mul,
  neg,
  reduceSum,
  reshape,
  softmax,
  unsqueeze,
} from '../graph/ops.ts';
import { producers, removeDeadNodes, useCounts, usedNames } from '../graph/rewrite.ts';
import type { Graph, Node } from '../graph/types.ts';
import { followOnes, type Ones } from './ones.ts';

/*
 * Graph-to-graph passes that turn a model into something that trains fast. Each keeps what the graph computes.
 */

/** Copies a graph node by node; `visit` may emit something else instead (return true when it did). */
function rewriteNodes(graph: Graph, visit: (b: GraphBuilder, node: Node) => boolean): Graph {
  const b = GraphBuilder.from({ ...graph, nodes: [], outputs: [] });
  b.reserve(graph);
  for (const node of graph.nodes) if (!visit(b, node)) b.addNode(node);
  return removeDeadNodes({ ...b.build(), outputs: graph.outputs });
}

/** Gives an already named value of the old graph its new computation. */
function replaceWith(b: GraphBuilder, node: Node, value: Value): true {
  b.node('Identity', [value], {}, [node.outputs[0]!]);
  return true;
}

/** A dropout that training feeds a mask for: values 0 or 1/keep, as many as the layer has activations. */
export interface Mask {
  readonly input: string;
  readonly dims: readonly number[];
  readonly keep: number;
}

/**
 * Replaces Dropout by a product with a mask that is fed, so that the masks' randomness is seeded outside the graph;
 * Dropout of ones is the mask itself. Throws a SlimError where the ratio or the number of activations is not known
 * before the run.
 */
export function maskDropout(graph: Graph): { graph: Graph; masks: Mask[] } {
  const masks: Mask[] = [];
  const ones = new Map<string, Ones>();
  const rewritten = rewriteNodes(graph, (b, node) => {
    followOnes(node, ones);
    if (node.op !== 'Dropout' || node.domain !== '') return false;
    const x = b.value(node.inputs[0]!);
    const ratio = dropoutRatio(b, node);
    if (ratio === 0) return replaceWith(b, node, x);
    const dims = x.type.shape;
    if (!isStatic(dims)) {
      throw new SlimError(`Dropout '${node.name}' needs an input of fixed dimensions, got ${formatShape(dims)}`);
    }
    const mask: Mask = { input: b.fresh('dropout_mask'), dims, keep: 1 - ratio };
    masks.push(mask);
    const fed = b.input(mask.input, 'float32', mask.dims);
    return replaceWith(b, node, ones.has(x.name) ? fed : mul(x, fed));
  });
  return { graph: rewritten, masks };
}

/** Part of the values that a Dropout drops: a constant input, or the attribute of older operator sets. */
function dropoutRatio(b: GraphBuilder, node: Node): number {
  if (!node.inputs[1]) return floatAttribute(node, 'ratio', 0.5);
  const ratio = b.tensorOf(b.value(node.inputs[1]));
  if (ratio === undefined) throw new SlimError(`Dropout '${node.name}' must have a constant ratio (input 1)`);
  return Number(ratio.data[0]);
}

/** An embedding table that is looked up outside the graph: rows of `table` go in at `values`. */
export interface Lookup {
  readonly table: string;
  /** Graph input of the original model that holds the indices. */
  readonly indices: string;
  /** Input [T, B, size] that takes the rows. */
  readonly values: string;
}

/**
 * Cuts embedding lookups (Gather of rows of an initializer by a graph input) out of the graph. Their gradient is then
 * [T, B, size] instead of a mostly zero [V, size], and the update touches only the rows that occurred.
 */
export function detachLookups(
  graph: Graph,
  isWanted: (lookup: Pick<Lookup, 'table' | 'indices'>) => boolean = () => true,
): { graph: Graph; lookups: Lookup[] } {
  const inputs = new Set(graph.inputs.map((v) => v.name));
  const lookups: Lookup[] = [];
  const detached = rewriteNodes(graph, (b, node) => {
    const [table, indices] = node.inputs;
    const tensor = graph.initializers.get(table ?? '');
    const rows = node.op === 'Gather' && intAttribute(node, 'axis', 0) === 0 && tensor?.dims.length === 2;
    if (!rows || tensor?.elementType !== 'float32' || !inputs.has(indices!)) return false;
    if (!isWanted({ table: table!, indices: indices! })) return false;
    const shape = [...(b.value(indices!).type.shape ?? []), tensor.dims[1]!];
    const values = b.input(b.fresh(`${table}_rows`), 'float32', shape);
    lookups.push({ table: table!, indices: indices!, values: values.name });
    return replaceWith(b, node, values);
  });
  const used = new Set([...detached.nodes.flatMap(usedNames), ...detached.outputs.map((o) => o.name)]);
  return { graph: { ...detached, inputs: detached.inputs.filter((v) => used.has(v.name)) }, lookups };
}

/**
 * Makes every initializer (that is named in `trained`, if given) an input, without its leading axes of size 1: a
 * recurrent operator's W [1, GH, I] is fed as the matrix [GH, I], so that its gradient needs no copy to get its axis
 * back.
 */
export function parametersAsInputs(
  graph: Graph,
  trained?: ReadonlySet<string>,
): {
  graph: Graph;
  parameters: { name: string; dims: readonly number[] }[];
} {
  const b = new GraphBuilder(graph.name);
  b.reserve(graph);
  for (const v of graph.inputs) b.input(v.name, v.type.elementType, v.type.shape);
  const parameters: { name: string; dims: readonly number[] }[] = [];
  const made = producers(graph.nodes);
  const used = new Set<string>();
  const usedWhole = new Set(graph.outputs.map((o) => o.name));
  for (const node of graph.nodes) {
    const [first] = node.inputs;
    for (const name of usedNames(node)) {
      used.add(name);
      if (name !== first || !dropsFirstAxis(node, made)) usedWhole.add(name);
    }
  }
  const squeezed = new Set<string>();
  for (const [name, tensor] of graph.initializers) {
    if (trained && !trained.has(name)) {
      b.parameter(name, tensor);
      continue;
    }
    const flat = tensor.dims[0] === 1 && used.has(name) && !usedWhole.has(name);
    if (flat) squeezed.add(name);
    const dims = flat ? tensor.dims.slice(1) : tensor.dims;
    b.input(name, tensor.elementType, dims);
    parameters.push({ name, dims });
  }
  for (const node of graph.nodes) {
    if (squeezed.has(node.inputs[0] ?? '')) replaceWith(b, node, b.value(node.inputs[0]!));
    else b.addNode(node);
  }
  return { graph: { ...b.build(), outputs: graph.outputs }, parameters };
}

/** True for a Squeeze of the first axis alone. */
function dropsFirstAxis(node: Node, made: ReadonlyMap<string, Node>): boolean {
  const maker = made.get(node.inputs[1] ?? '');
  const axes = maker && constantTensor(maker)?.data;
  return node.op === 'Squeeze' && axes?.length === 1 && Number(axes[0]) === 0;
}

/**
 * Linear layers on sequences as one Gemm: MatMul(x [T, B, K], W [K, N]) + bias becomes Gemm on [T·B, K], which adds the
 * bias on the way and takes a transposed weight as it is. Needs fixed sizes; other products stay as they are.
 */
export function fuseLinear(graph: Graph): Graph {
  const scope = new Scope();
  inferGraph(graph, scope);
  const made = producers(graph.nodes);
  const uses = useCounts(
    graph.nodes,
    graph.outputs.map((o) => o.name),
  );
  const product = (name: string | undefined): Node | undefined => {
    const node = made.get(name ?? '');
    if (node?.op !== 'MatMul') return undefined;
    const [x, w] = node.inputs.map((i) => scope.type(i)?.shape);
    return isStatic(x) && isStatic(w) && x.length > 2 && w.length === 2 ? node : undefined;
  };
  const emit = (b: GraphBuilder, node: Node, output: Node, bias: Value | undefined) => {
    const x = b.value(node.inputs[0]!);
    const maker = made.get(node.inputs[1]!);
    const turned = maker?.op === 'Transpose' && (intsAttribute(maker, 'perm') ?? [1, 0]).join() === '1,0';
    const weight = b.value(turned ? maker.inputs[0]! : node.inputs[1]!);
    const rank = x.type.shape!.length;
    const rows = gemm(flatten(x, rank - 1), weight, bias, turned ? { transB: true } : {});
    const shape = scope.type(output.outputs[0]!)!.shape as readonly number[];
    return replaceWith(b, output, reshape(rows, shape));
  };
  return rewriteNodes(graph, (b, node) => {
    if (node.op === 'Add') {
      const side = node.inputs.findIndex((name) => product(name) && uses.get(name) === 1);
      const bias = side < 0 ? undefined : scope.type(node.inputs[1 - side]!)?.shape;
      const columns = scope.type(node.inputs[side] ?? '')?.shape?.at(-1);
      if (bias?.length !== 1 || bias[0] !== columns) return false;
      return emit(b, product(node.inputs[side])!, node, b.value(node.inputs[1 - side]!));
    }
    if (node.op !== 'MatMul' || product(node.outputs[0]) === undefined) return false;
    return emit(b, node, node, undefined);
  });
}

/**
 * Smallest normal float32: a probability below it counts as this much, so the loss stays finite (at most 87.3 nats).
 */
const TINY = 1.1754944e-38;

/**
 * Writes a summed SoftmaxCrossEntropyLoss out as −Σ log softmax, and shares its softmax with the gradient, which adds
 * −1 at the labels. That addition is made to depend on the loss, because the runtime adds in place, without a copy of
 * all rows and classes, only when nothing else is left to read the softmax.
 */
export function expandCrossEntropy(graph: Graph): Graph {
  let shared: { logits: string; softmax: Value; own: Value } | undefined;
  const aliases = new Set<string>();
  return rewriteNodes(graph, (b, node) => {
    if (isPlainTotal(node)) {
      const logits = b.value(node.inputs[0]!);
      const p = softmax(logits, 1);
      const own = gatherElements(p, unsqueeze(b.value(node.inputs[1]!), [1]), 1);
      shared = { logits: logits.name, softmax: p, own };
      return replaceWith(b, node, neg(reduceSum(log(max(own, TINY)))));
    }
    if (shared === undefined) return false;
    if (node.op === 'Softmax' && node.inputs[0] === shared.logits) {
      const axis = intAttribute(node, 'axis', -1);
      const overClasses = axis === 1 || axis === 1 - (shared.softmax.type.shape?.length ?? 0);
      if (overClasses) aliases.add(node.outputs[0]!);
      return overClasses ? replaceWith(b, node, shared.softmax) : false;
    }
    if (node.op !== 'ScatterElements' || !aliases.has(node.inputs[0]!)) return false;
    const [indices, updates] = [b.value(node.inputs[1]!), b.value(node.inputs[2]!)];
    if (updates.type.shape?.join() !== shared.own.type.shape?.join()) return false;
    const after = add(updates, mul(shared.own, 0));
    return replaceWith(b, node, b.node(node.op, [shared.softmax, indices, after], node.attributes)[0]!);
  });
}

/** A summed cross entropy without class weights, ignored labels and second output. */
function isPlainTotal(node: Node): boolean {
  const plain = node.inputs.length === 2 && node.outputs.length === 1 && node.attributes.ignore_index === undefined;
  return node.op === 'SoftmaxCrossEntropyLoss' && plain && stringAttribute(node, 'reduction', 'mean') === 'sum';
}
