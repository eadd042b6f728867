import { UsageError } from '../base/errors.ts';
import { quantizedNodes } from '../graph/foreign.ts';
import type { Model } from '../graph/types.ts';
import { loadModel } from '../onnx/file.ts';
import { wholeWeights } from '../passes/wholeWeights.ts';
import { modelPath } from './modelPath.ts';

/**
 * The model of `--init`, from an ONNX file or a run directory, to be trained on: weights that it stores in 16 bits are
 * whole. Throws a UsageError where there is none, and for one whose operators compute with 8 bits.
 */
export async function trainedModel(init: string): Promise<Model> {
  const model = await loadModel(modelPath(init));
  const graph = wholeWeights(model.graph);
  if (quantizedNodes(graph).length > 0) {
    throw new UsageError(`--init ${init}: its weights are quantized; take the model that it was made from`);
  }
  return { ...model, graph };
}
