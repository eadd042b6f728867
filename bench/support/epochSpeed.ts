import { interleave, median } from '../../src/bench/statistics.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { type TrainConfig, trainingSteps, withHidden, withoutSparsity } from './trainingStep.ts';

/** What is timed: a run that became smaller, epoch by epoch. */
export interface EpochSpeedOptions {
  readonly runtime: Runtime;
  /** Configuration of the run. */
  readonly config: TrainConfig;
  /** Units of each layer with which each epoch began. */
  readonly units: readonly (readonly number[])[];
  readonly words: number;
  readonly threads?: number | undefined;
  readonly rounds: number;
}

/** A training step at the sizes of an epoch beside a dense one. */
export interface EpochSpeed {
  readonly epoch: number;
  readonly units: readonly number[];
  /** Milliseconds of a step, medians. */
  readonly milliseconds: number;
  readonly dense: number;
  /** milliseconds / dense */
  readonly ratio: number;
}

/**
 * Times the training steps of a run at the sizes that its epochs began with, each in turns with a dense step of the
 * original size, so that the noise of the machine meets both. Sizes that several epochs have are timed once. Memory: two
 * models with their gradients.
 */
export async function benchEpochs(options: EpochSpeedOptions): Promise<EpochSpeed[]> {
  const { runtime, config, units, words, threads, rounds } = options;
  const dense = await trainingSteps(withoutSparsity(config), words, { runtime, threads });
  const timed = new Map<string, Omit<EpochSpeed, 'epoch' | 'units'>>();
  for (const hidden of units) {
    if (timed.has(hidden.join())) continue;
    const own = await trainingSteps(withHidden(config, hidden), words, { runtime, threads });
    const [ours, theirs] = await interleave([() => own.step(), () => dense.step()], { rounds, burst: 2 });
    await own.release();
    const [milliseconds, denseMilliseconds] = [median(ours!), median(theirs!)];
    timed.set(hidden.join(), { milliseconds, dense: denseMilliseconds, ratio: milliseconds / denseMilliseconds });
  }
  await dense.release();
  return units.map((hidden, i) => ({ epoch: i + 1, units: hidden, ...timed.get(hidden.join())! }));
}
