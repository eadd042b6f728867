import type { EpochMetrics } from '../../train/metrics.ts';

/*
 * Which units are there after each epoch. A run records how many units of each layer are alive after an epoch, and which
 * of its first units are left in the end, but not in what order the others left. Pictures let them leave in the order of
 * their numbers, and say so.
 */

/** Units of the layers of a run from its first epoch to its last. */
export interface UnitCourse {
  /** Units of each layer before training. */
  readonly began: readonly number[];
  /** Which of them each layer has in the end; undefined where that is not known. */
  readonly kept: readonly (readonly number[])[] | undefined;
  /** What there is to see, in order: before training, then after each epoch. */
  readonly steps: readonly UnitStep[];
}

/** Units alive in each layer after an epoch, 0 for before training. */
export interface UnitStep {
  readonly epoch: number;
  readonly alive: readonly number[];
}

/** The units of a run step by step; undefined where its epochs do not tell. */
export function unitCourse(
  rows: readonly EpochMetrics[],
  began: readonly number[] | undefined = rows[0]?.units,
  kept?: readonly (readonly number[])[],
): UnitCourse | undefined {
  const told = rows.filter(({ alive }) => alive.length === began?.length);
  if (began === undefined || began.length === 0 || told.length === 0) return undefined;
  const fits = kept?.length === began.length && kept.every((units, i) => units.every((unit) => unit < began[i]!));
  const first = rows[0]!.epoch === 1 ? [{ epoch: 0, alive: began }] : [];
  return {
    began,
    kept: fits ? kept : undefined,
    steps: [...first, ...told.map(({ epoch, alive }) => ({ epoch, alive }))],
  };
}

/**
 * For each first unit of a layer whether it is there when so many are alive. Those that are left in the end always are;
 * the others leave in the order of their numbers. Without `kept` only the count means something: the first ones stay.
 */
export function unitsThere(began: number, alive: number, kept: readonly number[] | undefined): boolean[] {
  if (kept === undefined) return Array.from({ length: began }, (_, unit) => unit < alive);
  const there = Array<boolean>(began).fill(true);
  const stays = new Set(kept);
  let leaving = Math.min(began - alive, began - stays.size);
  for (let unit = 0; unit < began && leaving > 0; unit++) {
    if (stays.has(unit)) continue;
    there[unit] = false;
    leaving--;
  }
  return there;
}

/** Stretches [first, length] of what is true. */
export function stretches(flags: readonly boolean[]): [first: number, length: number][] {
  const found: [number, number][] = [];
  for (const [i, flag] of flags.entries()) {
    if (!flag) continue;
    const last = found.at(-1);
    if (last !== undefined && last[0] + last[1] === i) last[1]++;
    else found.push([i, 1]);
  }
  return found;
}
