import Table from 'cli-table3';
import { SlimError, UnchangedError, UsageError } from '../base/errors.ts';
import { stopCode } from './stopping.ts';

export { agreement, bars, duration, fileSize, grouped, percent, rounded, short } from '../base/format.ts';

/** Exit codes of every command; `unchanged`: there was nothing to remove, and nothing was written. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, unchanged: 3 } as const;

let isJson = false;
let hasPrinted = false;

/** Says how `print` prints: as JSON, otherwise as text for a person. Nothing has been printed yet. */
export function printAsJson(json: boolean): void {
  isJson = json;
  hasPrinted = false;
}

/** True where the result is one JSON document. */
export function isPrintedAsJson(): boolean {
  return isJson;
}

let isQuiet = false;

/** Says nothing any more: another process speaks for this one. */
export function beQuiet(): void {
  isQuiet = true;
}

/** True where another process speaks for this one. */
export function isSilent(): boolean {
  return isQuiet;
}

/** Prints a command's result on stdout. */
export function print(document: unknown, text: () => string): void {
  if (isQuiet) return;
  hasPrinted = true;
  process.stdout.write(`${isJson ? JSON.stringify(document, null, 2) : text()}\n`);
}

/** A line about what is going on, on stderr, so that stdout stays clean. */
export function note(line: string): void {
  if (isQuiet) return;
  process.stderr.write(`${line}\n`);
}

const FRAME =
  'top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right left left-mid mid mid-mid right right-mid';
const NO_FRAME = Object.fromEntries(FRAME.split(' ').map((part) => [part, '']));

/** Characters between two columns of a table, and at its two edges together. */
const [GAP, EDGES] = [4, 2];

/**
 * A table without frames: a header and aligned columns, numbers at the right. What is too wide for the terminal goes on
 * below, again from the first column on, which says what each row is.
 */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  width = process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY,
): string {
  const [first = 0, ...others] = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const parts: number[][] = [[0]];
  let used = EDGES + first;
  for (const [at, columns] of others.entries()) {
    used += GAP + columns;
    if (used > width && parts.at(-1)!.length > 1) {
      parts.push([0]);
      used = EDGES + first + GAP + columns;
    }
    parts.at(-1)!.push(at + 1);
  }
  const pick = (row: readonly string[], part: readonly number[]) => part.map((i) => row[i]!);
  const drawn = parts.map((part) =>
    wholeTable(
      pick(head, part),
      rows.map((row) => pick(row, part)),
    ),
  );
  return drawn.join('\n\n');
}

function wholeTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const t = new Table({
    head: [...head],
    colAligns: head.map((_, i) => (i === 0 ? 'left' : 'right')),
    style: { head: process.stdout.isTTY ? ['bold'] : [], border: [], compact: true },
    chars: { ...NO_FRAME, middle: '  ' },
  });
  t.push(...rows.map((r) => [...r]));
  return t.toString();
}

/** What went wrong, as a program tells cases apart. */
export type ErrorKind = 'usage' | 'unchanged' | 'interrupted' | 'failed' | 'unexpected';

/** An error as the user sees it: clear messages without a stack, unexpected errors with one. */
export interface Explained {
  readonly code: ErrorKind;
  readonly exitCode: number;
  readonly message: string;
}

/** What the user sees of an error, and the exit code. */
export function explain(error: unknown): Explained {
  const { ok: _, failed, ...others } = exitCodes;
  if (!(error instanceof SlimError)) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { code: 'unexpected', exitCode: failed, message };
  }
  const { message } = error;
  if (error instanceof UsageError) return { code: 'usage', exitCode: others.usage, message };
  if (error instanceof UnchangedError) return { code: 'unchanged', exitCode: others.unchanged, message };
  if (error.name === 'InterruptedError') return { code: 'interrupted', exitCode: stopCode() ?? failed, message };
  return { code: 'failed', exitCode: failed, message };
}

/** Says on stderr what went wrong; with `json` also as the one document on stdout, unless the result stands there. */
export function printError(error: Explained, json: boolean): void {
  if (isQuiet) return;
  const { code, message } = error;
  process.stderr.write(
    code === 'unexpected' ? `unexpected error, please report it:\n${message}\n` : `error: ${message}\n`,
  );
  printErrorDocument(error, json);
}

/** The document alone, where the message is on stderr already. */
export function printErrorDocument(error: Explained, json: boolean): void {
  if (json && !hasPrinted && !isQuiet) process.stdout.write(`${JSON.stringify({ error }, null, 2)}\n`);
}
