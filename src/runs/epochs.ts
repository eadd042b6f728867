import type { EpochMetrics } from '../train/metrics.ts';
import { MOST_BYTES, type OpenFile, readBetween } from './boundedFile.ts';
import { epochFrom, jsonOf } from './formats.ts';

/** Most epochs that are read. */
const MOST_ROWS = 5000;

/** What metrics.jsonl holds. */
export interface Epochs {
  readonly rows: readonly EpochMetrics[];
  /** Whether there are more than were read. */
  readonly truncated: boolean;
  /** Lines that could not be read. */
  readonly damaged: number;
}

/** Reads the epochs of one run, again and again. */
export type EpochReader = (file: OpenFile) => Promise<Epochs>;

/**
 * A reader that remembers: a file that is as it was is not read again, and a line that was there before keeps its row,
 * the same object. The file is renamed in place with each checkpoint, so that an offset into it would not do.
 */
export function createEpochReader(): EpochReader {
  let last: { version: string; epochs: Epochs } | undefined;
  let known = new Map<string, EpochMetrics | undefined>();
  return async (file) => {
    if (last?.version === file.version) return last.epochs;
    const { lines, truncated } = await linesOf(file);
    const rowOf = (line: string) => (known.has(line) ? known.get(line) : epochFrom(jsonOf(line)));
    const read = lines.map((line) => [line, rowOf(line)] as const);
    known = new Map(read);
    const rows = read.flatMap(([, row]) => row ?? []);
    last = { version: file.version, epochs: { rows, truncated, damaged: read.length - rows.length } };
    return last.epochs;
  };
}

/** The last lines; one without its end is still being written. */
async function linesOf(file: OpenFile): Promise<{ lines: string[]; truncated: boolean }> {
  const from = Math.max(0, file.size - MOST_BYTES);
  const lines = (await readBetween(file, from, file.size)).toString('utf8').split('\n');
  lines.pop();
  // What stands before the first line break belongs to a line whose beginning was not read.
  if (from > 0) lines.shift();
  return { lines: lines.slice(-MOST_ROWS), truncated: from > 0 || lines.length > MOST_ROWS };
}
