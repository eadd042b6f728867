import { UsageError } from '../base/errors.ts';

/**
 * Makes a model of these sizes. JavaScript answers a request for too much memory with a RangeError: it becomes a
 * UsageError that names the sizes.
 */
export function withinMemory<T>(hidden: unknown, embedding: unknown, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new UsageError(
      `the weights of --hidden ${hidden} and --embedding ${embedding} do not fit into memory: choose smaller sizes`,
      { cause },
    );
  }
}
