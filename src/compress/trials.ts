import type { RunConfig } from '../config/runConfig.ts';
import { taskParts, trainParts } from '../config/trainParts.ts';
import { meanLoss, type Score } from '../tasks/score.ts';
import type { LoadedTask, Problem } from '../tasks/task.ts';
import { TrainingDivergedError } from '../train/errors.ts';
import { train } from '../train/trainer.ts';
import type { Work } from './work.ts';

/*
 * What suits a training behind a cut differs between models, and short trainings, each with its whole course of rates, tell.
 * How fast it may learn differs by a factor of thirty around what the optimizer, or the run that made the model, says: a
 * detector whose outputs saturate wants small steps, a suppressor large ones. Trials favour small rates where the cut is good
 * already, because they end before a larger one has gained: the smallest is what still learns in a long training. A model that
 * knows its training text too well wants more dropout than it was made with.
 */

/** Learning rates that are tried, as far as they get better, from the usual one on: as multiples of it. */
const RATES = { multiples: [0.3, 1, 3, 10], first: 1 };
/** The same of what dropout keeps. */
const KEPT = { multiples: [0.5, 0.7, 1], first: 2 };
/** Updates of a trial, at most and at least, and the share of a stage's updates that it may have. */
const [MOST, LEAST, SHARE] = [150, 20, 1 / 15];

/** Settings that trials find, where nobody says them. */
export interface Found {
  readonly learningRate: number;
  /** Of tasks whose models have dropout. */
  readonly keep?: number | undefined;
}

/** What a trial needs to know. */
interface TrialOptions extends Pick<Work, 'runtime' | 'signal' | 'say'> {
  /** Updates of the longest stage. */
  readonly updates: number;
  /** The task with the model behind the cut, as settings have it. */
  taskWith(settings: Found): Promise<LoadedTask>;
  /** The configuration of a training. */
  configWith(settings: Found & { readonly epochs: number; readonly warmup: number }): RunConfig;
}

/** Looks for what `wanted` names around what is usual, one after the other, by the loss on held-out data. */
export async function findSettings(
  usual: Found,
  wanted: readonly (keyof Found)[],
  options: TrialOptions,
): Promise<Found> {
  let found = usual;
  const look = async (name: keyof Found, what: string, { multiples, first }: typeof RATES) => {
    const middle = found[name];
    if (middle === undefined || !wanted.includes(name)) return;
    // 0.3 · 0.001 is no number to show.
    const values = multiples.map((multiple) => Number((multiple * middle).toPrecision(6)));
    const losses = new Map<number, number>();
    const best = await uphill(values, first, losses, (value) => trialLoss({ ...found, [name]: value }, options));
    const tried = [...losses].sort(([a], [b]) => a - b).map(([value, loss]) => `${value} ${lossText(loss)}`);
    options.say(`${what} ${best} (losses after short trials: ${tried.join(', ')})`);
    found = { ...found, [name]: best };
  };
  await look('learningRate', 'learning rate', RATES);
  await look('keep', 'dropout keeps', KEPT);
  return found;
}

/** The best of some values in order, looked for from one of them on in the direction in which they get better. */
async function uphill(
  values: readonly number[],
  first: number,
  losses: Map<number, number>,
  lossOf: (value: number) => Promise<number>,
): Promise<number> {
  const lossAt = async (place: number): Promise<number> => {
    const value = values[place]!;
    const loss = losses.get(value) ?? (await lossOf(value));
    losses.set(value, loss);
    return loss;
  };
  let best = first;
  for (const step of [1, -1]) {
    while (values[best + step] !== undefined && (await lossAt(best + step)) < (await lossAt(best))) best += step;
    // Where it got better in one direction, the other one leads back.
    if (best !== first) break;
  }
  return values[best]!;
}

const lossText = (loss: number) => (Number.isFinite(loss) ? loss.toPrecision(3) : 'diverged');

/** The score that falls smoothly as a model gets better: the loss, or what stands for it. */
function lossLike({ scores }: Problem): Score {
  return scores.findLast(({ better }) => better === 'lower') ?? meanLoss;
}

/** The loss on held-out data after a short training; infinite where it diverges. */
async function trialLoss(settings: Found, options: TrialOptions): Promise<number> {
  const { updates, runtime, signal, taskWith, configWith } = options;
  const count = Math.max(LEAST, Math.min(MOST, Math.round(updates * SHARE)));
  const task = await taskWith(settings);
  const problem = cutShort(task.problem, count);
  // Few data are gone through several times.
  const epochs = Math.ceil(count / problem.batches('train', { epoch: 0, seed: 0, rank: 0, ranks: 1 }).count);
  const config = configWith({ ...settings, epochs, warmup: Math.floor(count / 10) });
  try {
    const { history } = await train({ ...trainParts(config), ...taskParts(task), problem, runtime, signal });
    return history.at(-1)!.valid![lossLike(problem).name] ?? Number.POSITIVE_INFINITY;
  } catch (error) {
    if (error instanceof TrainingDivergedError) return Number.POSITIVE_INFINITY;
    throw error;
  }
}

/** A problem with at most so many batches in an epoch of training. */
function cutShort(problem: Problem, count: number): Problem {
  return {
    ...problem,
    batches(split, options) {
      const batches = problem.batches(split, options);
      if (split !== 'train' || batches.count <= count) return batches;
      return { ...batches, count, items: (batches.items * count) / batches.count };
    },
  };
}
