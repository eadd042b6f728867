import { UsageError } from '../base/errors.ts';

/** Where runs are compared, and how many go on. */
export interface Halving {
  /** Epochs after which the runs are compared, ascending, all before the last one; none: every run is trained to its end. */
  readonly rungs: readonly number[];
  /** One of so many runs goes on from each rung. */
  readonly eta: number;
}

/** What is asked for: the first rung or all of them, and η. */
export interface HalvingOptions {
  readonly rungs?: readonly number[] | undefined;
  readonly eta?: number | undefined;
  /** False: no run is stopped early. */
  readonly halving?: boolean | undefined;
}

const DEFAULT_ETA = 2;

/** Fewest runs that go on from a rung: a front of one run is none. */
const FEWEST = 2;

/**
 * Rungs at r, r·η, r·η², … (rounded up) while they are before the last epoch; a list of several is taken as it is. The
 * default for r is epochs/η: one rung, because a group lasso takes its time, and early sizes say little. Throws a
 * UsageError for rungs that cannot be.
 */
export function planHalving(epochs: readonly number[], options: HalvingOptions): Halving {
  const { rungs, eta = DEFAULT_ETA, halving = true } = options;
  if (!(eta > 1 && Number.isFinite(eta))) throw new UsageError(`--eta ${eta}: expected a number above 1`);
  if (!halving) {
    if (rungs !== undefined || options.eta !== undefined)
      throw new UsageError('--no-halving does not go with --rungs and --eta');
    return { rungs: [], eta };
  }
  const [last = 0, ...others] = epochs;
  if (others.some((e) => e !== last)) {
    throw new UsageError('runs of different length cannot be compared on their way: add --no-halving');
  }
  if (rungs === undefined) return { rungs: ladder(Math.min(Math.ceil(last / eta), last - 1), eta, last), eta };
  for (const [i, rung] of rungs.entries()) {
    const before = rungs[i - 1] ?? 0;
    if (Number.isInteger(rung) && rung > before && rung < last) continue;
    throw new UsageError(
      `--rungs ${rungs.join(',')}: expected whole numbers, ascending, from 1 to ${last - 1} (there are ${last} epochs)`,
    );
  }
  return { rungs: rungs.length === 1 ? ladder(rungs[0]!, eta, last) : rungs, eta };
}

function ladder(first: number, eta: number, epochs: number): number[] {
  const rungs = new Set<number>();
  if (first < 1) return [];
  for (let rung = first; Math.ceil(rung) < epochs; rung *= eta) rungs.add(Math.ceil(rung));
  return [...rungs];
}

/** Epochs that the runs of a sweep are trained for together, if none ends by itself; `kept` of them are never stopped. */
export function plannedEpochs(epochs: readonly number[], { rungs, eta }: Halving, kept = 0): number {
  if (kept > 0)
    return plannedEpochs(epochs.slice(kept), { rungs, eta }) + epochs.slice(0, kept).reduce((a, b) => a + b, 0);
  let [total, before, runs] = [0, 0, epochs.length];
  for (const rung of rungs) {
    total += runs * (rung - before);
    before = rung;
    runs = survivors(runs, eta);
  }
  return epochs.slice(0, runs).reduce((sum, last) => sum + last - before, total);
}

/** How many of the runs that set out for a rung go on from it. */
export function survivors(runs: number, eta: number): number {
  return Math.min(runs, Math.max(FEWEST, Math.ceil(runs / eta)));
}
