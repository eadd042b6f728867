import { randomBytes } from 'node:crypto';
import { type FileHandle, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { UsageError } from '../errors.ts';
import type { Model } from '../graph/types.ts';
import { readModel } from './read.ts';
import { encodeModel } from './write.ts';

/** Reads a model from an ONNX file; throws a UsageError when there is no such file or `readModel` refuses it. */
export async function loadModel(path: string): Promise<Model> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw failure('read', path, cause);
  }
  return readModel(bytes, path);
}

/**
 * Writes a model to an ONNX file, which is either there as a whole afterwards or as it was before.
 * The model's arrays must not change before the promise resolves: they are written without a copy.
 * Throws a SlimError for what ONNX cannot hold and a UsageError when the file cannot be written.
 */
export async function saveModel(path: string, model: Model): Promise<void> {
  const pieces = encodeModel(model);
  // In the same folder, because a rename is atomic only within one file system.
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx');
    try {
      await writeDurably(file, pieces);
      await rename(temporary, path);
    } catch (cause) {
      await rm(temporary, { force: true });
      throw cause;
    }
  } catch (cause) {
    throw failure('write', path, cause);
  }
}

async function writeDurably(file: FileHandle, pieces: readonly Uint8Array[]): Promise<void> {
  try {
    await writeFile(file, pieces);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The system's own messages name the temporary file, which tells the user nothing. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EISDIR: 'it is a folder; name a file in it',
  EACCES: 'permission denied',
  ENOSPC: 'the disk is full',
};

function failure(verb: 'read' | 'write', path: string, cause: unknown): UsageError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return new UsageError(`cannot ${verb} ${path}: ${REASONS[code] ?? cause}`, { cause });
}
