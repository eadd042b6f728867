/**
 * Fetching files with known checksums: a file appears under its name only when it is complete and right.
 */
import { createHash } from 'node:crypto';
import { access, constants, mkdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sha256Hex } from '../base/digest.ts';
import { SlimError, UsageError } from '../base/errors.ts';
import { clearTemporariesOf, writeAtomically } from '../base/files.ts';

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

/** How to download. */
export interface DownloadOptions {
  /** Default: the global `fetch`. */
  readonly fetch?: typeof fetch;
  /** Milliseconds of silence after which the server is given up. Default: 30 000. */
  readonly silence?: number;
  /** Called with the bytes of a file so far; `total` is undefined when the size is not known. */
  readonly onProgress?: (progress: { path: string; received: number; total: number | undefined }) => void;
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
    const got = sha256Hex(await readFile(target));
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
  const folder = dirname(target);
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
    await clearTemporariesOf(target);
  } catch (error) {
    throw new UsageError(`cannot write to the folder ${folder}: ${reason(error)}; choose another folder`);
  }
  await writeAtomically(target, receive(file, target, options));
}

/**
 * The bytes of a file as they come, and no more than there should be; throws a SlimError when they do not come, or when
 * the whole has the wrong SHA-256.
 */
async function* receive(file: RemoteFile, target: string, options: DownloadOptions): AsyncGenerator<Uint8Array> {
  const byHand = `or fetch it by other means and save it as ${target}`;
  const unreachable = (error: unknown): never => {
    if (error instanceof SlimError) throw error;
    throw new SlimError(`cannot download ${file.url}: ${reason(error)}; check the network connection, ${byHand}`);
  };
  const patience = patienceOf(options.silence ?? SILENCE);
  // Compressed, a small answer could become any number of bytes.
  const request = { signal: patience.signal, headers: { 'Accept-Encoding': 'identity' } };
  const response = await (options.fetch ?? fetch)(file.url, request).catch((error: unknown) => {
    patience.end();
    return unreachable(error);
  });
  if (!response.ok || response.body === null) {
    patience.end();
    await response.body?.cancel();
    const status = `${response.status} ${response.statusText}`.trim();
    throw new SlimError(`cannot download ${file.url}: the server answered ${status}; try again later, ${byHand}`);
  }
  const hash = createHash('sha256');
  let received = 0;
  try {
    for await (const value of response.body) {
      patience.renew();
      received += value.length;
      if (received > (file.bytes ?? Number.POSITIVE_INFINITY)) {
        throw new SlimError(
          `${file.url} is not what it was: more than the expected ${file.bytes} bytes came; nothing was kept, ${byHand}`,
        );
      }
      hash.update(value);
      yield value;
      options.onProgress?.({ path: target, received, total: file.bytes });
    }
  } catch (error) {
    unreachable(error);
  } finally {
    patience.end();
  }
  const got = hash.digest('hex');
  if (got !== file.sha256) {
    throw new SlimError(
      `${file.url} has changed or arrived damaged: expected SHA-256 ${file.sha256}, got ${got}; ` +
        `nothing was kept, try again`,
    );
  }
}

/** Milliseconds without a byte after which a server is given up. */
const SILENCE = 30_000;

/** A signal that aborts when `renew` was not called for so many milliseconds. */
function patienceOf(milliseconds: number) {
  const controller = new AbortController();
  const giveUp = () => controller.abort(new Error(`nothing came for ${milliseconds / 1e3} seconds`));
  const timer = setTimeout(giveUp, milliseconds);
  return { signal: controller.signal, renew: () => void timer.refresh(), end: () => clearTimeout(timer) };
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
