import { UsageError } from '../errors.ts';

/** A parser of positive whole numbers for a flag. */
export function whole(flag: string) {
  return (text: string): number => {
    const value = Number(text);
    if (Number.isInteger(value) && value > 0) return value;
    throw new UsageError(`${flag} takes a positive whole number, got '${text}'`);
  };
}

/** What `parseArgs` makes of the flags of a script; throws UsageError for those that it does not know. */
export function scriptFlags<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
