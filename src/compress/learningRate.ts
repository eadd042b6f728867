import type { RunConfig } from '../config/runConfig.ts';
import { taskParts, trainParts } from '../config/trainParts.ts';
import { meanLoss } from '../tasks/score.ts';
import type { LoadedTask, Problem } from '../tasks/task.ts';
import { TrainingDivergedError } from '../train/errors.ts';
import { train } from '../train/trainer.ts';
import type { Work } from './work.ts';

/*
 * How fast a model may learn behind a cut differs by a factor of thirty between models: a detector whose outputs saturate wants
 * small steps, a suppressor large ones. Short trainings, each with its whole course of rates, tell which one it is. They favour
 * small rates where the cut is good already, because they end before a larger one has gained: the smallest is what still
 * learns in a long training.
 */

/** Rates that are tried, as far as they get better, from the middle one on. */
const RATES = [3e-4, 1e-3, 3e-3, 1e-2];
const MIDDLE = 1;
/** Updates of a trial, at most and at least, and the share of a stage's updates that it may have. */
const [MOST, LEAST, SHARE] = [150, 20, 1 / 15];

/** What a trial needs to know. */
interface TrialOptions extends Pick<Work, 'runtime' | 'signal' | 'say'> {
  /** Updates of the longest stage. */
  readonly updates: number;
  /** The configuration of a training with a learning rate. */
  configWith(settings: { readonly learningRate: number; readonly epochs: number; readonly warmup: number }): RunConfig;
}

/** The learning rate after which a short training is best on held-out data. */
export async function findLearningRate(task: LoadedTask, options: TrialOptions): Promise<number> {
  const losses = new Map<number, number>();
  const lossAt = async (place: number): Promise<number> => {
    const known = losses.get(place);
    if (known !== undefined) return known;
    const loss = await trialLoss(task, RATES[place]!, options);
    losses.set(place, loss);
    return loss;
  };
  let best = MIDDLE;
  for (const step of [1, -1]) {
    while (RATES[best + step] !== undefined && (await lossAt(best + step)) < (await lossAt(best))) best += step;
    // Where it got better in one direction, the other one leads back.
    if (best !== MIDDLE) break;
  }
  const tried = [...losses].sort(([a], [b]) => a - b).map(([place, loss]) => `${RATES[place]} ${lossText(loss)}`);
  options.say(`learning rate ${RATES[best]} (losses after short trials: ${tried.join(', ')})`);
  return RATES[best]!;
}

const lossText = (loss: number) => (Number.isFinite(loss) ? loss.toPrecision(3) : 'diverged');

/** The loss on held-out data after a short training; infinite where it diverges. */
async function trialLoss(task: LoadedTask, learningRate: number, options: TrialOptions): Promise<number> {
  const { updates, runtime, signal, configWith } = options;
  const count = Math.max(LEAST, Math.min(MOST, Math.round(updates * SHARE)));
  const problem = cutShort(task.problem, count);
  // Few data are gone through several times.
  const epochs = Math.ceil(count / problem.batches('train', { epoch: 0, seed: 0, rank: 0, ranks: 1 }).count);
  const config = configWith({ learningRate, epochs, warmup: Math.floor(count / 10) });
  try {
    const { history } = await train({ ...trainParts(config), ...taskParts(task), problem, runtime, signal });
    return history.at(-1)!.valid![meanLoss.name] ?? Number.POSITIVE_INFINITY;
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
