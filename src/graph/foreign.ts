import { operatorName } from './names.ts';
import { bodiesOf } from './rewrite.ts';
import type { Graph, Node } from './types.ts';

/** What is known of an operator that the library does not compute with: enough to count its weights and name it. */
interface ForeignTraits {
  /** Places of the inputs that are matrices of weights where they are stored. */
  readonly weights: readonly number[];
  /** Places of the inputs that say how whole numbers stand for real ones: nothing that was learned. */
  readonly scales: readonly number[];
  /** Places of the inputs that are lengths of sequences. */
  readonly lengths?: readonly number[];
  /** Computes with whole numbers in place of real ones. */
  readonly isQuantized?: true;
  /** A recurrent layer. */
  readonly isRecurrent?: true;
  /** Rescales elements: no products with weights. */
  readonly isStored?: true;
}

const quantized = { isQuantized: true } as const;
const elementwise = { ...quantized, weights: [], scales: [] } as const;
const qLinearConv = { ...quantized, weights: [3], scales: [1, 2, 4, 5, 6, 7] } as const;
/** A stored tensor of whole numbers that is real behind the operator. */
const dequantize = { weights: [0], scales: [1, 2], isStored: true } as const;

/** By name, with the domain of those that are not ONNX's own. */
const foreign: Readonly<Record<string, ForeignTraits>> = {
  ConvInteger: { ...quantized, weights: [1], scales: [2, 3] },
  DequantizeLinear: dequantize,
  MatMulInteger: { ...quantized, weights: [0, 1], scales: [2, 3] },
  QLinearConv: qLinearConv,
  QLinearMatMul: { ...quantized, weights: [3], scales: [1, 2, 4, 5, 6, 7] },
  'com.microsoft.DequantizeLinear': dequantize,
  'com.microsoft.DynamicQuantizeLSTM': {
    ...quantized,
    weights: [1, 2],
    scales: [8, 9, 10, 11],
    lengths: [4],
    isRecurrent: true,
  },
  'com.microsoft.DynamicQuantizeMatMul': { ...quantized, weights: [1], scales: [2, 3] },
  'com.microsoft.FusedConv': { weights: [1], scales: [] },
  'com.microsoft.FusedGemm': { weights: [1], scales: [] },
  'com.microsoft.FusedMatMul': { weights: [0, 1], scales: [] },
  'com.microsoft.MatMulIntegerToFloat': { ...quantized, weights: [1], scales: [2, 3, 4, 5] },
  'com.microsoft.QAttention': { ...quantized, weights: [1], scales: [3, 4, 6, 7] },
  'com.microsoft.QGemm': { ...quantized, weights: [3], scales: [1, 2, 4, 5, 7, 8] },
  'com.microsoft.QLinearAdd': elementwise,
  'com.microsoft.QLinearAveragePool': elementwise,
  'com.microsoft.QLinearConcat': elementwise,
  'com.microsoft.QLinearConv': qLinearConv,
  'com.microsoft.QLinearGlobalAveragePool': elementwise,
  'com.microsoft.QLinearLeakyRelu': elementwise,
  'com.microsoft.QLinearMul': elementwise,
  'com.microsoft.QLinearSigmoid': elementwise,
  'com.microsoft.QLinearSoftmax': elementwise,
  'com.microsoft.QuantizeLinear': { weights: [], scales: [1, 2] },
};

/** What is known of such an operator. */
export function foreignTraits(node: Node): ForeignTraits | undefined {
  const name = operatorName(node);
  return Object.hasOwn(foreign, name) ? foreign[name] : undefined;
}

/** Nodes of a graph, and of the graphs in it, that compute with whole numbers in place of real ones. */
export function quantizedNodes(graph: Graph): Node[] {
  return graph.nodes.flatMap((node) => [
    ...(foreignTraits(node)?.isQuantized ? [node] : []),
    ...bodiesOf(node).flatMap(quantizedNodes),
  ]);
}

/** Names of the values that such operators read as weights, and of those that are scales alone; bodies included. */
export function foreignInputs(graph: Graph): { readonly weights: Set<string>; readonly scales: Set<string> } {
  const [weights, scales] = [new Set<string>(), new Set<string>()];
  const visit = (part: Graph): void => {
    for (const node of part.nodes) {
      const traits = foreignTraits(node);
      for (const i of traits?.weights ?? []) if (node.inputs[i]) weights.add(node.inputs[i]);
      for (const i of traits?.scales ?? []) if (node.inputs[i]) scales.add(node.inputs[i]);
      bodiesOf(node).forEach(visit);
    }
  };
  visit(graph);
  return { weights, scales };
}
