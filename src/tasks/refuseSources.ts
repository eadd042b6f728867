import { UsageError } from '../base/errors.ts';
import { flagName } from '../base/fields.ts';
import type { Sources } from './task.ts';

/** Throws a UsageError for a source that would not be looked at, so that nobody believes that it counts. */
export function refuseSources(sources: Sources, names: readonly (keyof Sources)[], why: string): void {
  const given = names.find((name) => sources[name] !== undefined);
  if (given !== undefined) throw new UsageError(`${flagName(given)} ${why}`);
}
