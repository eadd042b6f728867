import Table from 'cli-table3';
import { SlimError, UsageError } from '../errors.ts';

/** Exit codes of every command. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** Prints a command's result: one JSON document on stdout with --json, otherwise text for a person. */
export function print(json: boolean | undefined, document: unknown, text: () => string): void {
  process.stdout.write(`${json ? JSON.stringify(document, null, 2) : text()}\n`);
}

/** A line about what is going on, on stderr, so that stdout stays clean. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** A table without frames: a header, a rule and aligned columns, numbers at the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const t = new Table({
    head: [...head],
    colAligns: head.map((_, i) => (i === 0 ? 'left' : 'right')),
    style: { head: process.stdout.isTTY ? ['bold'] : [], border: [], compact: true },
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: '  ',
    },
  });
  t.push(...rows.map((r) => [...r]));
  return t.toString();
}

/** What the user sees of an error, and the exit code: clear messages without a stack, unexpected errors with one. */
export function explain(error: unknown): { message: string; code: number } {
  if (error instanceof UsageError) return { message: `error: ${error.message}`, code: exitCodes.usage };
  if (error instanceof SlimError) {
    const code = error.name === 'InterruptedError' ? exitCodes.interrupted : exitCodes.failed;
    return { message: `error: ${error.message}`, code };
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { message: `unexpected error, please report it:\n${stack}`, code: exitCodes.failed };
}

/** 21 824 148 with thin groups, as figures are read. */
export function grouped(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+(?!\d))/g, ' ');
}

/** 1.2M, 345k: a count to three digits. */
export function short(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toPrecision(3)}G`;
  if (value >= 1e6) return `${(value / 1e6).toPrecision(3)}M`;
  if (value >= 1e3) return `${(value / 1e3).toPrecision(3)}k`;
  return String(value);
}

/** A real number to three digits. */
export function rounded(value: number): string {
  return value === 0 ? '0' : String(Number(value.toPrecision(3)));
}

/** ▁▂▃▄▅▆▇█: counts as bars relative to the largest; an empty bin is a dot, so that a single unit still shows. */
export function bars(counts: readonly number[]): string {
  const most = Math.max(...counts);
  return counts.map((n) => (n === 0 ? '·' : '▁▂▃▄▅▆▇█'[Math.ceil((n / most) * 8) - 1]!)).join('');
}

/** Bytes in MB or kB, decimal as file managers show them. */
export function fileSize(bytes: number): string {
  return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e3).toFixed(0)} kB`;
}

/** 1:02:03 or 2:03 from seconds. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  const s = Math.round(seconds);
  const [h, m] = [Math.floor(s / 3600), Math.floor((s % 3600) / 60)];
  const tail = String(s % 60).padStart(2, '0');
  return h > 0 ? `${h}:${String(m).padStart(2, '0')}:${tail}` : `${m}:${tail}`;
}

/** How well two models agree, as part of a sentence: "equal, to the last bit," or "differ by at most …". */
export function agreement({ maxRelativeDifference: worst }: { maxRelativeDifference: number }): string {
  return worst === 0 ? 'equal, to the last bit,' : `agree within ${worst.toExponential(1)} (relative) with`;
}
