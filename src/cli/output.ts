import Table from 'cli-table3';
import { SlimError, UnchangedError, UsageError } from '../base/errors.ts';
import { stopCode } from './stopping.ts';

export { agreement, bars, duration, fileSize, grouped, percent, rounded, short } from '../base/format.ts';

/** Exit codes of every command; `unchanged`: there was nothing to remove, and nothing was written. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, unchanged: 3 } as const;

let isJson = false;

/** Says how `print` prints: as JSON, otherwise as text for a person. */
export function printAsJson(json: boolean): void {
  isJson = json;
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

/** A table without frames: a header, a rule and aligned columns, numbers at the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const t = new Table({
    head: [...head],
    colAligns: head.map((_, i) => (i === 0 ? 'left' : 'right')),
    style: { head: process.stdout.isTTY ? ['bold'] : [], border: [], compact: true },
    chars: { ...NO_FRAME, middle: '  ' },
  });
  t.push(...rows.map((r) => [...r]));
  return t.toString();
}

/** What the user sees of an error, and the exit code: clear messages without a stack, unexpected errors with one. */
export function explain(error: unknown): { message: string; code: number } {
  if (error instanceof UsageError) return { message: `error: ${error.message}`, code: exitCodes.usage };
  if (error instanceof UnchangedError) return { message: `error: ${error.message}`, code: exitCodes.unchanged };
  if (error instanceof SlimError) {
    const code = error.name === 'InterruptedError' ? (stopCode() ?? exitCodes.failed) : exitCodes.failed;
    return { message: `error: ${error.message}`, code };
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { message: `unexpected error, please report it:\n${stack}`, code: exitCodes.failed };
}
