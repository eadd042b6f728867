import type { Model } from '../graph/types.ts';
import { type PythonSource, pythonModule } from '../python/pythonModule.ts';
import { kerasDialect } from './dialect.ts';

/**
 * A model as a `keras.Model` for Keras 3, with any of its backends, whose layers are the graph's recurrent, embedding
 * and linear ones and whose `call` does what the graph does, node by node. Other stored tensors are weights that are
 * not trained; sparse ones are laid out. The weights belong in `model.npz`, by the attributes that hold them.
 * Throws a SlimError that names the operator where Keras has no form for it here.
 * @example const { source, weights } = kerasModule(await loadModel('slim.onnx'));
 */
export function kerasModule(model: Model): PythonSource {
  return pythonModule(model, kerasDialect);
}
