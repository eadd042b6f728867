import { SlimError } from '../../../base/errors.ts';
import { messageOf } from '../../shared/messageOf.ts';

/** An error as a sentence for the person at the page. */
export function inWords(error: unknown): string {
  if (error instanceof SlimError) return error.message;
  const message = messageOf(error);
  // JavaScript's arrays, the memory of WebAssembly, and the engine's C++ each say it in their own way.
  if (error instanceof RangeError || /out of memory|bad_alloc|failed to allocate|\bOOM\b/i.test(message)) {
    return `there is not enough memory in this tab: choose smaller sizes (${message})`;
  }
  return `unexpected error: ${message}`;
}
