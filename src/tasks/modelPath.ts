import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../base/errors.ts';

/** Path of the model that a user names, by default with `--init`: an ONNX file, or a run directory with one. */
export function modelPath(path: string, named = `--init ${path}`): string {
  if (!existsSync(path)) throw new UsageError(`${named}: there is no such file or run directory`);
  if (!statSync(path).isDirectory()) return path;
  const inside = join(path, 'model.onnx');
  if (!existsSync(inside)) throw new UsageError(`${named}: the run has no model.onnx yet`);
  return inside;
}
