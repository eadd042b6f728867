import type { Graph, Model } from './types.ts';

/** Operator set that graphs made here are written for. */
export const OPSET = 17;
/** File format version that goes with it. */
export const IR_VERSION = 8;

/** A model around a graph, with what its file says beside it, and the operator sets of other domains than ONNX's own. */
export function modelOf(
  graph: Graph,
  metadata: Readonly<Record<string, string>> = {},
  others: Model['opsets'] = {},
): Model {
  return { graph, opsets: { ...others, '': OPSET }, irVersion: IR_VERSION, producer: 'slimrnn', metadata };
}
