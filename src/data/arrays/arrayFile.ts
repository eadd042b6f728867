/**
 * A file that is read piece by piece at given places, so that memory holds little beside the arrays.
 */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { UsageError } from '../../base/errors.ts';
import { fileErrorReason } from '../../base/files.ts';

/** An open file. */
export interface ArrayFile {
  /** Its name in messages. */
  readonly path: string;
  readonly size: number;
  /** Fills `target` from a place in the file; throws a UsageError when the file does not reach that far. */
  readonly read: (target: Uint8Array, position: number) => Promise<void>;
}

/** Bytes asked of the system in one call, which takes less than 2^31. */
const LARGEST_READ = 1 << 30;

/** The error for a file whose content is not what it should be. */
export function malformed(path: string, what: string, cause?: unknown): UsageError {
  return new UsageError(`cannot read ${path}: ${what}`, cause === undefined ? undefined : { cause });
}

/** Opens a file for `use`, and closes it again. Throws a UsageError when there is no such file, or it is not one. */
export async function withFile<T>(path: string, use: (file: ArrayFile) => Promise<T>): Promise<T> {
  // Looked at before it is opened: opening a pipe would wait for a writer.
  const failed = (error: unknown): never => {
    throw malformed(path, fileErrorReason(error), error);
  };
  if (!(await stat(path).catch(failed)).isFile()) throw malformed(path, 'it is not a file');
  const handle = await open(path, 'r').catch(failed);
  try {
    const { size } = await handle.stat();
    return await use({ path, size, read: (target, position) => readAt(handle, path, size, target, position) });
  } finally {
    await handle.close();
  }
}

async function readAt(handle: FileHandle, path: string, size: number, target: Uint8Array, position: number) {
  if (position + target.length > size) {
    const wanted = `${target.length} bytes are expected at offset ${position}`;
    throw malformed(path, `it ends at byte ${size}, but ${wanted}; the file is truncated or damaged`);
  }
  for (let done = 0; done < target.length; ) {
    const length = Math.min(target.length - done, LARGEST_READ);
    const { bytesRead } = await handle.read(target, done, length, position + done).catch((error: unknown) => {
      throw malformed(path, `${fileErrorReason(error)} (at offset ${position + done})`, error);
    });
    if (bytesRead === 0) throw malformed(path, `it became shorter while it was read (at offset ${position + done})`);
    done += bytesRead;
  }
}

/** The bytes of a file from `start` up to but not including `end`; `what` they are. */
export async function bytesAt(file: ArrayFile, start: number, end: number, what: string) {
  const bytes = allocate(end - start, file.path, what);
  await file.read(bytes, start);
  return bytes;
}

/** Memory for so many bytes; throws a UsageError when this process cannot have that much. */
export function allocate(length: number, path: string, what: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(length);
  } catch (error) {
    throw malformed(path, `${what} needs ${length} bytes of memory, more than this process can have`, error);
  }
}
