import { UsageError } from '../base/errors.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { groupedTensors } from '../groups/groups.ts';
import { changeOf, type ScoreKind, scoreKinds, worseBy } from '../tasks/score.ts';
import type { TrainOptions, TrainSettings } from './options.ts';
import { createScorer } from './scorer.ts';
import { groupsOf, trainableForm } from './trainableForm.ts';
import type { Weights } from './trainedWeights.ts';

/** The deciding score on the held-out data under one threshold. */
export interface CalibrationPoint {
  /** τ: weights with |w| < τ are 0. */
  readonly threshold: number;
  /** Share of the group lasso's weights that are below τ. */
  readonly share: number;
  readonly value: number;
  /** By how much that is more than the model's own score: relative to it; of a share in points (0.01 is one point). */
  readonly change: number;
  /** Whether the score is no worse than the tolerance allows. */
  readonly isSafe: boolean;
}

/** What thresholds do to a trained model. */
export interface Calibration {
  /** What is looked at: the task's deciding score. */
  readonly score: ScoreKind;
  /** That of the model as it is. */
  readonly value: number;
  readonly tolerance: number;
  /** The largest τ below which every τ tried is within the tolerance; undefined when the smallest tried is not. */
  readonly threshold: number | undefined;
  /** The root mean square of the weights. */
  readonly weightScale: number;
  /** τ to train with: `threshold`, but at most a hundredth of `weightScale`, rounded down to one digit. */
  readonly advice: number | undefined;
  /** All that was tried, τ ascending. */
  readonly points: readonly CalibrationPoint[];
  /** Names of the parameters that the group lasso acts on, and how many weights they have. */
  readonly parameters: readonly string[];
  readonly weights: number;
}

/** What a calibration needs. */
export interface CalibrationOptions extends Pick<TrainOptions, 'problem' | 'runtime' | 'states'> {
  /** A trained model, best a dense one. */
  readonly model: Model;
  readonly settings: Pick<TrainSettings, 'seed' | 'threads' | 'fix' | 'freeze'>;
  /** True when columns of the embedding are in the groups too. */
  readonly embeddings?: boolean | undefined;
  /** How much worse the score may be: relative to it (0.001 is 0.1 %), of a share in points (0.001 is 0.1 points). */
  readonly tolerance: number;
  readonly onPoint?: ((point: CalibrationPoint) => void) | undefined;
}

/** Where the search begins: 1, 2 and 5 times powers of ten from here on. */
const SMALLEST = -6;
/** The curve is followed until the score is worse by this much, or by ten times the tolerance. */
const BEYOND = 0.1;
/**
 * A threshold that does no harm to a trained model can ruin its training, which begins with smaller weights and sets
 * them to zero at every update: so much smaller than the weights τ must be at least (measured in docs/threshold.md).
 */
const TRAINABLE = 1 / 100;
/** Halvings of the distance (in log τ) between the last safe and the first unsafe value. */
const HALVINGS = 6;

/**
 * Finds the largest threshold that leaves a model's deciding score on the held-out data within a tolerance, as Wen et al.
 * (ICLR 2018, section 3) choose τ: once on the dense model, for all parameters that the group lasso acts on. A log grid
 * from 1e-6, then bisection: about 25 passes over the data. Throws UsageError for a model without such parameters, and
 * for a problem without held-out data.
 */
export async function calibrate(options: CalibrationOptions): Promise<Calibration> {
  const { problem, tolerance, runtime, settings, onPoint } = options;
  if (!problem.splits.includes('valid')) throw new UsageError('τ is found on held-out data, and there are none');
  const method = { isDense: false, embeddings: options.embeddings ?? false };
  const form = trainableForm(options.model, { method, settings, states: options.states });
  const groups = groupsOf(form.model, { method, settings })!;
  const weights = thresholdedWeights(form.weights, groupedTensors(groups));
  if (weights.count === 0) throw new UsageError('the model has no parameters that a group lasso would act on');
  const trained = new Set(form.weights.keys());
  const { threads, seed } = settings;
  const scorer = createScorer(form.model, { problem, runtime, threads, seed, trained, weights: weights.of });
  const score = problem.scores[0]!;
  const valueNow = async () => score.of(await scorer.score('valid'));
  try {
    const base = await valueNow();
    const tried = new Map<number, CalibrationPoint>();
    // Where no further weight is cut the model is the same.
    const byCount = new Map<number, number>([[weights.cut(0), base]]);
    const attempt = async (threshold: number): Promise<CalibrationPoint> => {
      const known = tried.get(threshold);
      if (known) return known;
      const below = weights.cut(threshold);
      const value = byCount.get(below) ?? (await valueNow());
      byCount.set(below, value);
      const change = changeOf(score, base, value);
      const isSafe = worseBy(score, change) <= tolerance;
      const point = { threshold, share: below / weights.count, value, change, isSafe };
      tried.set(threshold, point);
      onPoint?.(point);
      return point;
    };
    const beyond = Math.max(BEYOND, 10 * tolerance);
    for (const threshold of roundNumbers()) {
      const { share, change } = await attempt(threshold);
      if (share === 1 || !(worseBy(score, change) <= beyond)) break;
    }
    const threshold = await boundary([...tried.values()], attempt);
    const { scale: weightScale, names: parameters, count } = weights;
    const limit = Math.min(threshold ?? 0, weightScale * TRAINABLE);
    const advice = limit > 0 ? await safeRounded(limit, attempt) : undefined;
    const points = [...tried.values()].sort((a, b) => a.threshold - b.threshold);
    const found = { threshold, weightScale, advice, points, parameters, weights: count };
    return { score: scoreKinds([score])[0]!, value: base, tolerance, ...found };
  } finally {
    await scorer.release();
  }
}

type Attempt = (threshold: number) => Promise<CalibrationPoint>;

/** Weights of which those with one of the `names` can be cut at a threshold again and again, in copies. */
function thresholdedWeights(weights: Weights, names: ReadonlySet<string>) {
  const copies = new Map<string, { readonly from: Float32Array; readonly tensor: Tensor & { data: Float32Array } }>();
  for (const [name, { dims, data: from }] of weights) {
    if (!names.has(name) || !(from instanceof Float32Array)) continue;
    copies.set(name, { from, tensor: { elementType: 'float32', dims, data: from.slice() } });
  }
  let [squares, count] = [0, 0];
  for (const { from } of copies.values()) {
    for (const value of from) squares += value * value;
    count += from.length;
  }
  return {
    names: [...copies.keys()],
    count,
    /** The root mean square of what is cut. */
    scale: Math.sqrt(squares / count),
    /** A weight as it is now. */
    of: (name: string) => copies.get(name)?.tensor ?? weights.get(name),
    /** w ← 0 where |w| < τ, starting from the weights as they were given; returns how many that are. */
    cut(threshold: number): number {
      let below = 0;
      for (const { from, tensor } of copies.values()) {
        for (let i = 0; i < from.length; i++) {
          const isBelow = Math.abs(from[i]!) < threshold;
          tensor.data[i] = isBelow ? 0 : from[i]!;
          if (isBelow) below++;
        }
      }
      return below;
    },
  };
}

/** The end of the safe values: bisection between the last one before the first unsafe one, and that. */
async function boundary(grid: readonly CalibrationPoint[], attempt: Attempt): Promise<number | undefined> {
  const firstUnsafe = grid.findIndex((point) => !point.isSafe);
  if (firstUnsafe < 0) return grid.at(-1)!.threshold;
  if (firstUnsafe === 0) return undefined;
  let safe = grid[firstUnsafe - 1]!.threshold;
  let unsafe = grid[firstUnsafe]!.threshold;
  for (let i = 0; i < HALVINGS; i++) {
    const middle = Number(Math.sqrt(safe * unsafe).toPrecision(3));
    if ((await attempt(middle)).isSafe) safe = middle;
    else unsafe = middle;
  }
  return safe;
}

/** The largest safe number of one digit up to a safe threshold. */
async function safeRounded(threshold: number, attempt: Attempt): Promise<number> {
  let rounded = roundedDown(threshold);
  // The score is not bound to get worse with τ, so that a smaller one may do more harm.
  while (!(await attempt(rounded)).isSafe) rounded = roundedDown(rounded * 0.99);
  return rounded;
}

/** A positive number with its first digit only. */
function roundedDown(value: number): number {
  const [digit, exponent] = value.toExponential().split(/\..*e|e/);
  return Number(`${digit}e${exponent}`);
}

/** 1, 2 and 5 times 10^k, ascending without end. */
function* roundNumbers(): Generator<number> {
  for (let exponent = SMALLEST; ; exponent++) for (const digit of [1, 2, 5]) yield Number(`${digit}e${exponent}`);
}
