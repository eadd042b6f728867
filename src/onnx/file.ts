import { readFile } from 'node:fs/promises';
import { UsageError } from '../errors.ts';
import { fileErrorReason, writeAtomically } from '../files.ts';
import type { Model } from '../graph/types.ts';
import { readModel } from './read.ts';
import { encodeModel } from './write.ts';

/** Reads a model from an ONNX file; throws a UsageError when there is no such file or `readModel` refuses it. */
export async function loadModel(path: string): Promise<Model> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new UsageError(`cannot read ${path}: ${fileErrorReason(cause)}`, { cause });
  }
  return readModel(bytes, path);
}

/**
 * Writes a model to an ONNX file, which is either there as a whole afterwards or as it was before.
 * The model's arrays must not change before the promise resolves: they are written without a copy.
 * Throws a SlimError for what ONNX cannot hold and when the file cannot be written.
 */
export async function saveModel(path: string, model: Model): Promise<void> {
  await writeAtomically(path, encodeModel(model));
}
