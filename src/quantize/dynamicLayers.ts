import { floatAttribute, intAttribute, intsAttribute } from '../graph/attributes.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import { add, mul } from '../graph/ops.ts';
import { removeDeadNodes, replaceWith, rewriteAll } from '../graph/rewrite.ts';
import { RECURRENT_INPUT } from '../graph/slots.ts';
import { stridedTensor, stridesOf } from '../graph/tensors.ts';
import type { Graph, Node, Tensor } from '../graph/types.ts';
import { isLargeMatrix } from './candidates.ts';
import { quantizeSymmetric } from './symmetric.ts';

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
 * a scale that it finds there; a weight has a scale for each output. A product stays whose weight is on the left, in a
 * stack, or small.
 */
export function dynamicLayers(graph: Graph, options: DynamicOptions): Graph {
  const weights = new Weights(options.largest);
  const visit = (b: GraphBuilder, node: Node) => {
    const read = isCandidate(node) ? (node.op === 'LSTM' ? emitLstm : emitProduct)(b, node, weights) : [];
    for (const { source } of read) options.onWeight(source);
    return read.length > 0;
  };
  const rewritten = rewriteAll(graph, isCandidate, visit, { opset: options.opset });
  return rewritten === graph ? graph : removeDeadNodes(rewritten);
}

function isCandidate({ op, domain }: Node): boolean {
  return domain === '' && (op === 'LSTM' || op === 'MatMul' || op === 'Gemm');
}

/**
 * W [D, 4H, I] and R [D, 4H, H] as int8 [D, I, 4H] and [D, H, 4H], with scales and zero points [D, 4H]. Returns the
 * weights that the new node reads; none where the old one stays.
 */
function emitLstm(b: GraphBuilder, node: Node, weights: Weights): StoredWeight[] {
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
function emitProduct(b: GraphBuilder, node: Node, weights: Weights): StoredWeight[] {
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

/** A weight as whole numbers [.., K, N] and the scales of its outputs [.., N]. */
interface StoredWeight {
  /** What it was called. */
  readonly source: string;
  readonly values: Value;
  readonly scales: Value;
}

/** Zero points for a weight, which DynamicQuantizeLSTM insists on. */
function zerosFor(b: GraphBuilder, { scales }: StoredWeight): Value {
  const { dims, data } = b.tensorOf(scales)!;
  const name = b.unique(scales.name.replace(/scale$/, 'zero'));
  return b.storedLike(scales, name, { elementType: 'int8', dims, data: new Int8Array(data.length) });
}

/** The weights that have become whole numbers: what several nodes read in the same way is stored once. */
class Weights {
  private readonly stored = new Map<string, StoredWeight>();
  private readonly largest: number;

  constructor(largest: number) {
    this.largest = largest;
  }

  /**
   * A stored float32 tensor of that rank, [.., K, N] or, if it is `turned`, [.., N, K], as whole numbers. Undefined for
   * anything else, for a small one, and for one that is not finite.
   */
  store(b: GraphBuilder, name: string, rank: number, turned: boolean): StoredWeight | undefined {
    const source = transposeOf(b, name);
    if (source !== undefined) return this.store(b, source, rank, !turned);
    const key = JSON.stringify([name, turned]);
    const whole = b.value(name);
    const tensor = b.tensorOf(whole);
    if (this.stored.has(key) || tensor?.dims.length !== rank || !isLargeMatrix(tensor)) return this.stored.get(key);
    const found = quantizeSymmetric(turned ? transposed(tensor) : tensor, [rank - 2], this.largest);
    if (found === undefined) return undefined;
    const scaleDims = found.scales.dims.filter((_, axis) => axis !== rank - 2);
    const made = {
      source: name,
      values: b.storedLike(whole, b.unique(`${name}.int8`), found.values),
      scales: b.storedLike(whole, b.unique(`${name}.scale`), { ...found.scales, dims: scaleDims }),
    };
    this.stored.set(key, made);
    return made;
  }
}

/** The stored matrix that a value is the transpose of, as with a head that shares the embedding's table. */
function transposeOf(b: GraphBuilder, name: string): string | undefined {
  const node = b.nodes.find(({ op, domain, outputs }) => op === 'Transpose' && domain === '' && outputs[0] === name);
  const source = node?.inputs[0];
  if (source === undefined || b.tensorOf(b.value(source))?.dims.length !== 2) return undefined;
  const perm = intsAttribute(node!, 'perm') ?? [1, 0];
  return perm[0] === 1 ? source : undefined;
}

/** The last two axes exchanged, in new memory. */
function transposed(tensor: Tensor): Tensor {
  const swap = <T>(list: readonly T[]): T[] => [...list.slice(0, -2), list.at(-1)!, list.at(-2)!];
  return stridedTensor(tensor, swap(tensor.dims), swap(stridesOf(tensor.dims)));
}
