import { constants } from 'node:buffer';
import { malformed } from './arrays/arrayFile.ts';

const NEWLINE = 10;

/** A line of a text file, counted from 1, without its line feed. */
export interface Line {
  readonly line: number;
  readonly text: string;
}

/**
 * The lines of a UTF-8 file as its bytes come; memory holds one line at a time. Throws a UsageError that names the line
 * when it is not UTF-8, or too long for one string.
 */
export async function* linesOf(path: string, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
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
