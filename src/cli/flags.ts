import { UsageError } from '../base/errors.ts';
import { exitCodes, note } from './output.ts';

/** A parser of positive whole numbers for a flag. */
export function whole(flag: string) {
  return (text: string): number => {
    const value = Number(text);
    if (Number.isInteger(value) && value > 0) return value;
    throw new UsageError(`${flag} takes a positive whole number, got '${text}'`);
  };
}

/** Reads the flags of a script that is no command of its own; ends it with one message where they cannot be meant. */
export function scriptFlags<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    note(`error: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(exitCodes.usage);
  }
}
