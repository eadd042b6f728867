import { randomBytes } from 'node:crypto';
import { access, constants, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SlimError, UsageError } from './errors.ts';

/** The system's own messages name temporary files and system calls, which tell the user nothing. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EISDIR: 'it is a folder; name a file in it',
  EEXIST: 'it exists already',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EIO: 'the device does not answer',
};

/** Why a file operation failed, in words. */
export function fileErrorReason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return REASONS[code] ?? (error instanceof Error ? error.message : String(error));
}

/** Throws UsageError, beginning with what cannot be done, when a folder may not be written to. */
export async function requireWritable(folder: string, complaint: string, advice = ''): Promise<void> {
  try {
    await access(folder, constants.W_OK);
  } catch (cause) {
    throw new UsageError(`${complaint}: ${fileErrorReason(cause)}${advice}`, { cause });
  }
}

/** Ending of files that are being written; one that is still there was left by a process that was killed. */
export const TEMPORARY = '.tmp';

/**
 * Writes a file so that it holds the old or the new content, never a part of it, also when the process is killed or the
 * disk is full: a temporary file in the same folder, flushed to disk, then renamed. Throws SlimError, also one that
 * making the content throws; the old file stays.
 */
export async function writeAtomically(
  path: string,
  content: string | Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}${TEMPORARY}`);
  try {
    const file = await open(temporary, 'wx');
    try {
      for await (const piece of typeof content === 'string' ? [content] : content) await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    if (cause instanceof SlimError) throw cause;
    throw new SlimError(`cannot write ${path}: ${fileErrorReason(cause)}`, { cause });
  }
}
