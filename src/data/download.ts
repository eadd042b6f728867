/**
 * Fetching files with known checksums: a file appears under its name only when it is complete and right.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SlimError, UsageError } from '../errors.ts';

/** A file at a public address. */
export interface RemoteFile {
  readonly url: string;
  /** Hex digest of the right content. */
  readonly sha256: string;
  readonly bytes?: number;
  /** Where the file goes, relative to the data set's folder. */
  readonly path: string;
}

/** What became of a file: fetched now, or there already with the right content. */
export interface DownloadedFile {
  readonly path: string;
  readonly status: 'downloaded' | 'present';
}

/** Bytes of a file so far; `total` is undefined when the size is not known. */
export interface DownloadProgress {
  readonly path: string;
  readonly received: number;
  readonly total: number | undefined;
}

/** How to download. */
export interface DownloadOptions {
  /** Default: the global `fetch`. */
  readonly fetch?: typeof fetch;
  readonly onProgress?: (progress: DownloadProgress) => void;
}

/**
 * Fetches the files of a data set into a folder, which is made when it does not exist.
 * Throws a UsageError when the folder cannot be written or holds another file of the same name, and a SlimError when
 * an address does not answer or what it sends has the wrong SHA-256.
 */
export async function downloadDataset(
  dataset: { readonly files: readonly RemoteFile[] },
  directory: string,
  options: DownloadOptions = {},
): Promise<DownloadedFile[]> {
  const present: boolean[] = [];
  for (const file of dataset.files) present.push(await isPresent(file, join(directory, file.path)));
  const done: DownloadedFile[] = [];
  for (const [index, file] of dataset.files.entries()) {
    const target = join(directory, file.path);
    if (!present[index]) await download(file, target, options);
    done.push({ path: target, status: present[index] ? 'present' : 'downloaded' });
  }
  return done;
}

async function isPresent(file: RemoteFile, target: string): Promise<boolean> {
  try {
    if (!(await stat(target)).isFile()) throw new UsageError(`${target} is in the way: expected a file or nothing`);
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(target)) hash.update(chunk);
    const got = hash.digest('hex');
    if (got === file.sha256) return true;
    throw new UsageError(
      `${target} exists with other content: expected SHA-256 ${file.sha256}, got ${got}; ` +
        'delete it to download it anew, or choose another folder',
    );
  } catch (error) {
    if (error instanceof SlimError) throw error;
    if (errorCode(error) === 'ENOENT') return false;
    throw new UsageError(`cannot read ${target}: ${reason(error)}; choose another folder`);
  }
}

async function download(file: RemoteFile, target: string, options: DownloadOptions): Promise<void> {
  // Beside the target, so that renaming stays within one file system; a name of its own, so that two runs do not mix.
  const temporary = `${target}.${randomUUID()}.part`;
  const handle = await openForWriting(temporary);
  try {
    const got = await receive(file, target, handle, options).finally(() => handle.close());
    if (got !== file.sha256) {
      throw new SlimError(
        `${file.url} has changed or arrived damaged: expected SHA-256 ${file.sha256}, got ${got}; ` +
          `nothing was kept, try again`,
      );
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function openForWriting(path: string): Promise<FileHandle> {
  try {
    await mkdir(dirname(path), { recursive: true });
    return await open(path, 'wx');
  } catch (error) {
    throw new UsageError(`cannot write to the folder ${dirname(path)}: ${reason(error)}; choose another folder`);
  }
}

/** Streams a file to disk and returns the SHA-256 of what came. */
async function receive(
  file: RemoteFile,
  target: string,
  handle: FileHandle,
  options: DownloadOptions,
): Promise<string> {
  const byHand = `or fetch it by other means and save it as ${target}`;
  const unreachable = (error: unknown): never => {
    throw new SlimError(`cannot download ${file.url}: ${reason(error)}; check the network connection, ${byHand}`);
  };
  const response = await (options.fetch ?? fetch)(file.url).catch(unreachable);
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    const status = `${response.status} ${response.statusText}`.trim();
    throw new SlimError(`cannot download ${file.url}: the server answered ${status}; try again later, ${byHand}`);
  }
  const hash = createHash('sha256');
  const reader = response.body.getReader();
  for (let received = 0; ; ) {
    const { done, value } = await reader.read().catch(unreachable);
    if (done) return hash.digest('hex');
    hash.update(value);
    await handle.writeFile(value).catch((error: unknown) => {
      throw new SlimError(`cannot write ${target}: ${reason(error)}; nothing was kept`);
    });
    received += value.length;
    options.onProgress?.({ path: target, received, total: file.bytes });
  }
}

function errorCode(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** The innermost cause says why: the outer message of a failed fetch is only "fetch failed". */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause instanceof Error) return reason(error.cause);
  return error.message || String(errorCode(error) ?? error.name);
}
