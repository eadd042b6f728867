import { existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { UsageError } from '../base/errors.ts';

/** A parser of numbers for a flag; throws a UsageError that says what it takes. */
export function number(flag: string, what = 'a number', fits: (value: number) => boolean = () => true) {
  return (text: string): number => {
    const value = Number(text);
    if (text.trim() !== '' && !Number.isNaN(value) && fits(value)) return value;
    throw new UsageError(`${flag} takes ${what}, got '${text}'`);
  };
}

/** A parser of positive whole numbers for a flag. */
export function whole(flag: string) {
  return number(flag, 'a positive whole number', (value) => Number.isInteger(value) && value > 0);
}

/** A parser of a time for a flag, in seconds: 90s, 15m, 1h30m. */
export function seconds(flag: string) {
  return (text: string): number => {
    const { h, m, s } =
      /^(?:(?<h>\d+(?:\.\d+)?)h)?(?:(?<m>\d+(?:\.\d+)?)m)?(?:(?<s>\d+(?:\.\d+)?)s)?$/.exec(text)?.groups ?? {};
    const value = 3600 * Number(h ?? 0) + 60 * Number(m ?? 0) + Number(s ?? 0);
    if (value > 0) return value;
    throw new UsageError(`${flag} takes a time such as 90s, 15m or 1h30m, got '${text}'`);
  };
}

/** A parser of a flag that may be given several times. */
export function collect(value: string, earlier: readonly string[] = []): string[] {
  return [...earlier, value];
}

/** Throws UsageError when a command that reads one file cannot put another one at `out`, before any work is done. */
export function checkNewFile(read: string, out: string, replace: boolean | undefined): void {
  refuseReplaced(read, out, 'the model itself');
  if (!existsSync(dirname(out))) {
    throw new UsageError(`--out ${out}: there is no folder ${dirname(out)}; make it first`);
  }
  if (!existsSync(out)) return;
  if (isFolder(out)) throw new UsageError(`--out ${out} is a folder; name a file in it`);
  if (!replace) throw new UsageError(`${out} exists; add --force to replace it, or choose another --out`);
}

/** Throws UsageError when `out` would replace a file that the command reads. */
export function refuseReplaced(read: string | undefined, out: string, what = `${read}, which is read`): void {
  if (read === undefined || resolve(read) !== resolve(out)) return;
  throw new UsageError(`--out must be another file than ${what}`);
}

/** True when there is a folder of this name. */
export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
