import { UsageError } from '../base/errors.ts';

/** A parser of positive whole numbers for a flag. */
export function whole(flag: string) {
  return (text: string): number => {
    const value = Number(text);
    if (Number.isInteger(value) && value > 0) return value;
    throw new UsageError(`${flag} takes a positive whole number, got '${text}'`);
  };
}
