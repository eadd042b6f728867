import { constants } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { SlimError } from '../base/errors.ts';
import { fileErrorReason } from '../base/files.ts';
import { malformed } from './arrays/arrayFile.ts';

const NEWLINE = 10;

/** A line of a text file, counted from 1, without its line feed. */
export interface Line {
  readonly line: number;
  readonly text: string;
}

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

/**
 * The lines of a UTF-8 file as its bytes come; memory holds one line at a time. Throws a UsageError that names the line
 * when it is not UTF-8, or too long for one string.
 */
async function* linesOf(path: string, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let parts: Uint8Array[] = [];
  let length = 0;
  let line = 1;
  const take = (): Line => {
    const bytes = Buffer.concat(parts);
    parts = [];
    length = 0;
    try {
      return { line, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
    } catch (error) {
      throw malformed(path, `line ${line} is not UTF-8 text`, error);
    }
  };
  const keep = (part: Uint8Array) => {
    length += part.length;
    if (length > constants.MAX_STRING_LENGTH) {
      throw malformed(path, `line ${line} is longer than ${constants.MAX_STRING_LENGTH} bytes; cut the example up`);
    }
    parts.push(part);
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, start)) {
      keep(chunk.subarray(start, at));
      yield take();
      line++;
      start = at + 1;
    }
    keep(chunk.subarray(start));
  }
  yield take();
}

/**
 * The objects of JSON lines, without the empty lines. Throws a UsageError that names a line that is no object, where
 * `expected` says what should stand there, and one for a file without objects.
 */
export async function* objectsOf(
  path: string,
  expected: string,
): AsyncGenerator<{ line: number; object: object; wrong: (problem: string) => Error }> {
  let isEmpty = true;
  for await (const { line, text } of textLines(path)) {
    if (text.trim() === '') continue;
    isEmpty = false;
    const wrong = (problem: string, cause?: unknown) => malformed(path, `line ${line}: ${problem}`, cause);
    let object: unknown;
    try {
      object = JSON.parse(text);
    } catch (error) {
      throw wrong(`it is not JSON: ${(error as Error).message}`, error);
    }
    if (typeof object !== 'object' || object === null || Array.isArray(object)) {
      throw wrong(`it is not an object; expected ${expected}`);
    }
    yield { line, object, wrong };
  }
  if (isEmpty) throw malformed(path, 'it has no lines; expected one JSON object per line');
}
