import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { SlimError } from '../../base/errors.ts';
import { fileErrorReason } from '../../base/files.ts';
import { malformed } from '../arrays/arrayFile.ts';
import { type Line, linesOf } from '../lines.ts';

/** Ending of files that gzip made. */
export const GZIP = /\.gz$/i;

/**
 * The lines of a text file, which is unpacked on the way where its name ends in .gz; memory holds one line at a time.
 * Throws a UsageError when the file cannot be read, is damaged, or is not UTF-8.
 */
export async function* textLines(path: string): AsyncGenerator<Line> {
  try {
    // Looked at before it is opened: opening a pipe would wait for a writer.
    if (!(await stat(path)).isFile()) throw malformed(path, 'it is not a file');
    const file = createReadStream(path);
    // What goes wrong in either stream comes out of the last one; nothing is left for the callback to do.
    yield* linesOf(path, GZIP.test(path) ? pipeline(file, createGunzip(), () => undefined) : file);
  } catch (error) {
    if (error instanceof SlimError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    throw malformed(path, code.startsWith('Z_') ? 'it is not gzip, or damaged' : fileErrorReason(error), error);
  }
}
