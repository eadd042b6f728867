import { modelPath } from '../tasks/modelPath.ts';
import { isFolder } from './flags.ts';

/** The file of a model that a user names: an ONNX file, or a run directory for its trained model. Throws UsageError. */
export function modelFile(path: string): string {
  return isFolder(path) ? modelPath(path, path) : path;
}
