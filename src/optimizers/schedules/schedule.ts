/** Where a run stands before an update. */
export interface ScheduleMoment {
  /** Epoch, from 0. */
  readonly epoch: number;
  /** Share of the epoch that is done, from 0 to below 1. */
  readonly share: number;
  /** Number of the update in the run, from 0. */
  readonly update: number;
  /** The deciding score of each epoch so far on held-out data, in a form of which less is better. */
  readonly history: readonly number[];
}

/** The learning rate in the course of a run. It depends on nothing but the moment, so that a run goes on exactly. */
export interface Schedule {
  /** η, above 0. */
  rate(at: ScheduleMoment): number;
}

/** How long a run is. */
export interface RunLength {
  readonly epochs: number;
  readonly updatesPerEpoch: number;
}

/** Σ η of a run, if its scores do not change it; each epoch counts with the rate of its middle. */
export function totalRate(schedule: Schedule, { epochs, updatesPerEpoch }: RunLength): number {
  let sum = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    sum += schedule.rate({ epoch, share: 0.5, update: (epoch + 0.5) * updatesPerEpoch, history: [] });
  }
  return sum * updatesPerEpoch;
}

/**
 * Share of a run's learning that is done before an update: Σ η so far / Σ η of the run, from 0 to 1. Each epoch counts
 * with the rate of its middle; epochs to come, with the scores that are known now.
 */
export function learnedShare(
  schedule: Schedule,
  { epochs, updatesPerEpoch }: RunLength,
  { update, history }: Pick<ScheduleMoment, 'update' | 'history'>,
): number {
  const epochsDone = update / updatesPerEpoch;
  let [done, total] = [0, 0];
  for (let epoch = 0; epoch < epochs; epoch++) {
    const middle = { epoch, share: 0.5, update: (epoch + 0.5) * updatesPerEpoch };
    const rate = schedule.rate({ ...middle, history: history.slice(0, epoch) });
    total += rate;
    done += rate * Math.min(Math.max(epochsDone - epoch, 0), 1);
  }
  return done / total;
}
