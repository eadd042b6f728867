import { UsageError } from '../base/errors.ts';
import { didYouMean } from '../base/suggest.ts';

/** What of a model a goal counts, each with words for it. */
export const sizeTitles = {
  params: 'parameters',
  units: 'units',
  'multiply-adds': 'multiply-adds per time step',
  bytes: 'bytes of the file',
  latency: 'latency on this machine',
} as const;

/** What of a model a goal counts. */
export type SizeName = keyof typeof sizeTitles;

/** How small a model shall become. */
export type CompressGoal =
  /** To at most this share of what the original has. */
  | { readonly kind: 'size'; readonly size: SizeName; readonly share: number }
  /**
   * As small as it can be while the deciding score on held-out data is worse by at most this: relative to the original's
   * own, of a share in points (0.01 is one point).
   */
  | { readonly kind: 'loss'; readonly budget: number };

/** Reads `params=0.4`. Throws a UsageError that says what is possible. */
export function readSizeGoal(text: string, flag = '--target'): CompressGoal {
  const [name = '', value] = text.split('=', 2);
  const names = Object.keys(sizeTitles);
  if (!Object.hasOwn(sizeTitles, name)) {
    throw new UsageError(
      `${flag} ${text}: there is no '${name}'${didYouMean(name, names)}; say one of ${names.join(', ')}`,
    );
  }
  const share = Number(value);
  if (value === undefined || value.trim() === '' || !(share > 0 && share < 1)) {
    throw new UsageError(`${flag} takes ${name}=SHARE with a share of the original between 0 and 1, got '${text}'`);
  }
  return { kind: 'size', size: name as SizeName, share };
}

/** Reads `1%` or `0.01`. Throws a UsageError for anything else. */
export function readLossBudget(text: string, flag = '--loss-budget'): CompressGoal {
  const isPercent = text.trim().endsWith('%');
  const number = text.trim().replace(/\s*%$/, '');
  const budget = number === '' ? Number.NaN : Number(number) / (isPercent ? 100 : 1);
  if (budget > 0 && budget < 1) return { kind: 'loss', budget };
  throw new UsageError(`${flag} takes a percentage or a share, such as 1% or 0.01, got '${text}'`);
}
