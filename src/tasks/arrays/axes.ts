import { UsageError } from '../../base/errors.ts';
import { formatShape } from '../../graph/dims.ts';
import type { ValueInfo } from '../../graph/types.ts';

/** Names that exporters and people give to the dimension of the examples. */
const BATCH_NAME = /batch|^(n|b|bs|examples?|samples?)$/i;

/**
 * Axis of the examples of an input: the one that is said in `given`, else the one with a name that says so ("batch",
 * "N", …), else the first that is free (of several free ones it must be the very first), else the first. Throws
 * UsageError where the axis does not exist, and where nothing tells which one it is.
 */
export function batchAxisOf({ name, type }: ValueInfo, given: Readonly<Record<string, number>>): number {
  const { shape } = type;
  const said = Object.hasOwn(given, name) ? given[name]! : undefined;
  if (shape === undefined || shape.length === 0) {
    throw new UsageError(`input '${name}' has no axis for examples: its shape is ${formatShape(shape)}`);
  }
  if (said !== undefined) {
    if (said < shape.length) return said;
    throw new UsageError(`--batch-axis ${name}=${said}: '${name}' has the axes 0 to ${shape.length - 1}`);
  }
  const named = shape.findIndex((d) => typeof d === 'string' && BATCH_NAME.test(d));
  if (named >= 0) return named;
  const free = shape.flatMap((d, i) => (typeof d === 'string' ? [i] : []));
  if (free.length === 0 || free[0] === 0) return 0;
  if (free.length === 1) return free[0]!;
  throw new UsageError(
    `which axis of '${name}' ${formatShape(shape)} holds the examples? Say it with --batch-axis ${name}=AXIS`,
  );
}
