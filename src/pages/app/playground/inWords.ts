import { SlimError } from '../../../errors.ts';

/** An error as a sentence for the person at the page. */
export function inWords(error: unknown): string {
  if (error instanceof SlimError) return error.message;
  if (error instanceof RangeError)
    return `there is not enough memory in this tab: choose smaller sizes (${error.message})`;
  return `unexpected error: ${error instanceof Error ? error.message : String(error)}`;
}
