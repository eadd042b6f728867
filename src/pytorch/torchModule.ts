import type { Model } from '../graph/types.ts';
import { type PythonSource, pythonModule } from '../python/pythonModule.ts';
import { torchDialect } from './dialect.ts';

/**
 * A model as a `torch.nn.Module` whose submodules are its recurrent, embedding and linear layers and whose `forward`
 * does what the graph does, node by node. Other stored tensors are buffers; sparse ones are laid out.
 * The weights belong in `model.safetensors`, by PyTorch's names.
 * Throws a SlimError that names the operator where PyTorch has no form for it here.
 * @example const { source, weights } = torchModule(await loadModel('slim.onnx'));
 */
export function torchModule(model: Model): PythonSource {
  return pythonModule(model, torchDialect);
}
