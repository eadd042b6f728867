import { constants } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { isInside } from './findRuns.ts';

/** Most bytes that are read of a file of a run. */
export const MOST_BYTES = 8 * 1024 * 1024;

/** A file that is open for reading: what it held when it was opened, and not what is added while it is read. */
export interface OpenFile {
  readonly handle: FileHandle;
  /** Bytes at the time of opening. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modifiedAt: number;
  /** Another one when the file was replaced or written to. */
  readonly version: string;
}

/**
 * Opens a regular file in a folder; undefined when there is none of that name, when it is something else (a pipe, a
 * device, a folder) or when it is a symbolic link that leads out of `root`. Both are real paths.
 */
export async function openInside(root: string, folder: string, name: string): Promise<OpenFile | undefined> {
  const path = await realpath(join(folder, name)).catch(() => undefined);
  if (path === undefined || !isInside(root, path)) return undefined;
  // Without O_NONBLOCK opening a pipe would wait for its writer.
  const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0);
  const handle = await open(path, flags).catch(() => undefined);
  if (handle === undefined) return undefined;
  const status = await handle.stat();
  const { size, mtimeMs: modifiedAt, ino } = status;
  if (status.isFile()) return { handle, size, modifiedAt, version: `${ino} ${size} ${modifiedAt}` };
  await handle.close();
  return undefined;
}

/** Bytes [from, to) of an open file; fewer when it became shorter meanwhile. */
export async function readBetween({ handle }: OpenFile, from: number, to: number): Promise<Buffer> {
  const buffer = Buffer.alloc(Math.max(0, to - from));
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, from + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}
