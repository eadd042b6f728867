import { floatAttribute, intAttribute } from '../graph/attributes.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import { add, mul } from '../graph/ops.ts';
import { bodiesOf, producers, removeDeadNodes, replaceWith, rewriteAll, useCounts } from '../graph/rewrite.ts';
import { RECURRENT_INPUT } from '../graph/slots.ts';
import { storedTensors } from '../graph/stored.ts';
import type { Graph, Node } from '../graph/types.ts';
import { type StoredWeight, WholeWeights, zerosFor } from './wholeWeights.ts';

/** The domain of ONNX Runtime's own operators. */
export const MICROSOFT = 'com.microsoft';

/** How weights become whole numbers. */
export interface DynamicOptions {
  /** Operator set of the graph. */
  readonly opset: number | undefined;
  /** The largest whole number that a weight becomes. */
  readonly largest: number;
  /** Hears the name of each weight that is multiplied so. */
  readonly onWeight: (name: string) => void;
}

/**
 * The graph with products of whole numbers in place of those with stored float32 weights: LSTM as DynamicQuantizeLSTM,
 * MatMul and Gemm as DynamicQuantizeMatMul, in bodies, too. The engine rounds the other operand to 8 bits at every run, on
 * a scale that it finds there; a weight has a scale for each output. A vector that is added to a product goes inside. A
 * product stays whose weight is on the left, in a stack, or small.
 */
export function dynamicLayers(graph: Graph, options: DynamicOptions): Graph {
  const weights = new WholeWeights(options.largest);
  const products = productsByAdd(graph);
  const waiting = new Set(products.values());
  const emit = (b: GraphBuilder, node: Node): boolean => {
    const read = isCandidate(node) ? (node.op === 'LSTM' ? emitLstm : emitProduct)(b, node, weights) : [];
    for (const { source } of read) options.onWeight(source);
    return read.length > 0;
  };
  const visit = (b: GraphBuilder, node: Node): boolean => {
    if (waiting.has(node)) return true;
    const product = products.get(node);
    if (product === undefined) return emit(b, node);
    if (!emit(b, joined(product, node))) for (const part of [product, node]) b.addNode(part);
    return true;
  };
  const rewritten = rewriteAll(graph, isCandidate, visit, { opset: options.opset });
  return rewritten === graph ? graph : removeDeadNodes(rewritten);
}

/** A product without a bias and the Add behind it as one product. */
function joined(product: Node, { inputs, outputs }: Node): Node {
  const vector = inputs.find((name) => name !== product.outputs[0])!;
  const { beta: _, ...attributes } = product.attributes;
  return { ...product, inputs: [...product.inputs.slice(0, 2), vector], outputs, attributes };
}

/** The products without a bias that nothing but an Add of a stored vector reads, by that Add; bodies included. */
function productsByAdd(graph: Graph, stored = storedTensors(graph)): Map<Node, Node> {
  const [made, uses] = [producers(graph.nodes), useCounts(graph)];
  const found = new Map<Node, Node>();
  for (const node of graph.nodes) {
    for (const body of bodiesOf(node)) for (const pair of productsByAdd(body, stored)) found.set(...pair);
    if (node.op !== 'Add' || node.domain !== '') continue;
    const [a, b] = node.inputs as [string, string];
    const isVector = (name: string) => stored.get(name)?.dims.length === 1;
    const name = isVector(b) ? a : isVector(a) ? b : '';
    const product = made.get(name);
    const isOpen = product !== undefined && isCandidate(product) && product.op !== 'LSTM' && !product.inputs[2];
    if (isOpen && uses.get(name) === 1) found.set(node, product);
  }
  return found;
}

function isCandidate({ op, domain }: Node): boolean {
  return domain === '' && (op === 'LSTM' || op === 'MatMul' || op === 'Gemm');
}

/**
 * W [D, 4H, I] and R [D, 4H, H] as int8 [D, I, 4H] and [D, H, 4H], with scales and zero points [D, 4H]. Returns the
 * weights that the new node reads; none where the old one stays.
 */
function emitLstm(b: GraphBuilder, node: Node, weights: WholeWeights): StoredWeight[] {
  const { weight, recurrent, peepholes } = RECURRENT_INPUT;
  const [w, r] = [weight, recurrent].map((place) => weights.store(b, node.inputs[place]!, 3, true));
  if (w === undefined || r === undefined) return [];
  const inputs = Array.from({ length: peepholes + 1 }, (_, i) => node.inputs[i] ?? '');
  inputs[weight] = w.values.name;
  inputs[recurrent] = r.values.name;
  const scales = [w, r].flatMap((part) => [part.scales.name, zerosFor(b, part).name]);
  const { layout: _, ...attributes } = node.attributes;
  b.addNode({ ...node, op: 'DynamicQuantizeLSTM', domain: MICROSOFT, inputs: [...inputs, ...scales], attributes });
  return [w, r];
}

/** alpha · A [.., K] · op(B) [K, N] + beta · C, as Gemm has it; of MatMul A · B. Returns what `emitLstm` does. */
function emitProduct(b: GraphBuilder, node: Node, weights: WholeWeights): StoredWeight[] {
  const [a, name, bias] = node.inputs as [string, string, string?];
  if (intAttribute(node, 'transA', 0) === 1) return [];
  const stored = weights.store(b, name, 2, intAttribute(node, 'transB', 0) === 1);
  if (stored === undefined) return [];
  const [alpha, beta] = [floatAttribute(node, 'alpha', 1), floatAttribute(node, 'beta', 1)];
  const { values, scales } = stored;
  const isInside = bias && alpha === 1 && beta === 1 && isVectorLike(b.value(bias), scales);
  const isWhole = isInside || (!bias && alpha === 1);
  const output = isWhole ? node.outputs[0]! : b.unique(`${node.outputs[0]}.product`);
  const inputs = [a, values.name, scales.name, ...(isInside ? ['', bias] : [])];
  b.addNode({ ...node, op: 'DynamicQuantizeMatMul', domain: MICROSOFT, inputs, outputs: [output], attributes: {} });
  if (!isWhole) {
    const product = times(b.value(output), alpha);
    replaceWith(b, node, bias ? add(product, times(b.value(bias), beta)) : product);
  }
  return [stored];
}

/** True for a vector as long as that of the scales. */
function isVectorLike({ type }: Value, scales: Value): boolean {
  return type.shape?.length === 1 && type.shape[0] === scales.type.shape?.[0];
}

function times(value: Value, factor: number): Value {
  return factor === 1 ? value : mul(value, factor);
}
