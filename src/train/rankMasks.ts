import { sizeOf } from '../graph/dims.ts';
import type { Model } from '../graph/types.ts';
import type { Mask } from '../passes/maskDropout.ts';
import type { BatchShape, Problem } from '../tasks/task.ts';
import { dropoutMasks } from './compile.ts';

/** Neighbouring elements of a mask that are neighbours in that of the whole batch, too: `count` runs of `length`. */
export interface MaskRuns {
  readonly count: number;
  readonly length: number;
  /** Whether all processes have the whole mask, as that of a weight; else each has its part of every run. */
  readonly isWhole: boolean;
}

/** The name of the dimension along which processes share a batch. */
const BATCH = 'batch';

/**
 * How the masks of one process lie in those of the whole batch, so that processes that train together drop what one
 * process would. Undefined where that cannot be told.
 */
export function runsOfMasks(
  model: Model,
  { problem, trained }: { readonly problem: Problem; readonly trained: ReadonlySet<string> },
  shape: BatchShape,
): (MaskRuns | undefined)[] {
  const { [BATCH]: batch } = shape;
  const own = dropoutMasks(model, problem, trained, shape);
  if (batch === undefined) return own.map(() => undefined);
  const double = dropoutMasks(model, problem, trained, { ...shape, [BATCH]: 2 * batch });
  return own.map((mask, i) => runsOf(mask, double[i]!));
}

function runsOf({ dims }: Mask, double: Mask): MaskRuns | undefined {
  const grown = dims.flatMap((size, axis) => (double.dims[axis] === 2 * size ? [axis] : []));
  const [axis, ...others] = grown;
  if (others.length > 0) return undefined;
  if (axis === undefined) return { count: 1, length: sizeOf(dims), isWhole: true };
  return { count: sizeOf(dims.slice(0, axis)), length: sizeOf(dims.slice(axis)), isWhole: false };
}
