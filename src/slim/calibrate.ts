import { UsageError } from '../base/errors.ts';
import { statesOf } from '../graph/states.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { traceGroups } from '../groups/trace.ts';
import { groupedTensors } from '../methods/components.ts';
import { LOGITS } from '../models/languageModel.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { createEvaluator } from './evaluate.ts';

/** The validation metric under one threshold. */
export interface CalibrationPoint {
  /** τ: weights with |w| < τ are 0. */
  readonly threshold: number;
  /** Share of the group lasso's weights that are below τ. */
  readonly share: number;
  readonly validPerplexity: number;
  /** Whether the perplexity is within the tolerance. */
  readonly isSafe: boolean;
}

/** What thresholds do to a trained model. */
export interface Calibration {
  /** Perplexity of the model as it is. */
  readonly validPerplexity: number;
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
export interface CalibrationOptions {
  /** A trained language model, best a dense one without dropout. */
  readonly model: Model;
  /** Ids of the validation text. */
  readonly valid: Int32Array;
  readonly batch: number;
  readonly steps: number;
  readonly runtime: Runtime;
  readonly threads?: number | undefined;
  /** Largest relative rise of the perplexity: 0.001 is 0.1 %. */
  readonly tolerance: number;
  /** True when columns of the embedding are in the groups too. */
  readonly embeddings?: boolean | undefined;
  readonly onPoint?: ((point: CalibrationPoint) => void) | undefined;
}

/** Where the search begins: 1, 2 and 5 times powers of ten from here on. */
const SMALLEST = -6;
/** The curve is followed until the perplexity has risen by this much, or by ten times the tolerance. */
const BEYOND = 0.1;
/**
 * A threshold that does no harm to a trained model can ruin its training, which begins with smaller weights and sets
 * them to zero at every update: so much smaller than the weights τ must be at least (measured in docs/threshold.md).
 */
const TRAINABLE = 1 / 100;
/** Halvings of the distance (in log τ) between the last safe and the first unsafe value. */
const HALVINGS = 6;

/**
 * Finds the largest threshold that leaves a model's validation perplexity within a relative tolerance, as Wen et al.
 * (ICLR 2018, section 3) choose τ: once on the dense model, for all parameters that the group lasso acts on. A log grid
 * from 1e-6, then bisection: about 25 passes over the text. Throws UsageError for a model without such parameters.
 */
export async function calibrate(options: CalibrationOptions): Promise<Calibration> {
  const { model, valid, batch, steps, runtime, tolerance, embeddings = false, onPoint } = options;
  const groups = traceGroups(model.graph, { states: statesOf(model), embeddings });
  const weights = thresholdedWeights(model, groupedTensors(groups));
  if (weights.count === 0) throw new UsageError('the model has no parameters that a group lasso would act on');
  const evaluator = await createEvaluator(model, LOGITS, runtime, { threads: options.threads, weights: weights.of });
  const score = () => evaluator.perplexity(valid, { batch, steps, label: 'validation text' });
  try {
    const base = await score();
    const tried = new Map<number, CalibrationPoint>();
    const byCount = new Map<number, number>([[weights.cut(0), base]]);
    const attempt = async (threshold: number): Promise<CalibrationPoint> => {
      const known = tried.get(threshold);
      if (known) return known;
      const below = weights.cut(threshold);
      // Where no further weight is cut the model is the same.
      const validPerplexity = byCount.get(below) ?? (await score());
      byCount.set(below, validPerplexity);
      const isSafe = validPerplexity <= base * (1 + tolerance);
      const point = { threshold, share: below / weights.count, validPerplexity, isSafe };
      tried.set(threshold, point);
      onPoint?.(point);
      return point;
    };
    const hopeless = base * (1 + Math.max(BEYOND, 10 * tolerance));
    for (const threshold of roundNumbers()) {
      const { share, validPerplexity } = await attempt(threshold);
      if (share === 1 || !(validPerplexity <= hopeless)) break;
    }
    const threshold = await boundary([...tried.values()], attempt);
    const { scale: weightScale } = weights;
    const limit = Math.min(threshold ?? 0, weightScale * TRAINABLE);
    const advice = limit > 0 ? await safeRounded(limit, attempt) : undefined;
    const points = [...tried.values()].sort((a, b) => a.threshold - b.threshold);
    const { names: parameters, count } = weights;
    return { validPerplexity: base, tolerance, threshold, weightScale, advice, points, parameters, weights: count };
  } finally {
    await evaluator.release();
  }
}

type Attempt = (threshold: number) => Promise<CalibrationPoint>;

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
  // Perplexity is not bound to rise with τ, so that a smaller one may be worse.
  while (!(await attempt(rounded)).isSafe) rounded = roundedDown(rounded * 0.99);
  return rounded;
}

/** A positive number with its first digit only. */
export function roundedDown(value: number): number {
  const [digit, exponent] = value.toExponential().split(/\..*e|e/);
  return Number(`${digit}e${exponent}`);
}

/** 1, 2 and 5 times 10^k, ascending without end. */
function* roundNumbers(): Generator<number> {
  for (let exponent = SMALLEST; ; exponent++) for (const digit of [1, 2, 5]) yield Number(`${digit}e${exponent}`);
}

/** Copies of some parameters that can be cut at a threshold again and again; all others as the model has them. */
function thresholdedWeights(model: Model, names: ReadonlySet<string>) {
  const copies = new Map<string, { readonly from: Float32Array; readonly tensor: Tensor & { data: Float32Array } }>();
  for (const name of names) {
    const tensor = model.graph.initializers.get(name);
    if (!(tensor?.data instanceof Float32Array)) continue;
    const data = tensor.data.slice();
    copies.set(name, { from: tensor.data, tensor: { elementType: 'float32', dims: tensor.dims, data } });
  }
  return {
    names: [...copies.keys()],
    scale: rootMeanSquare([...copies.values()].map(({ from }) => from)),
    count: [...copies.values()].reduce((n, { from }) => n + from.length, 0),
    of: (name: string): Tensor | undefined => copies.get(name)?.tensor ?? model.graph.initializers.get(name),
    /** w ← 0 where |w| < τ, starting from the model's own weights; returns how many that are. */
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

function rootMeanSquare(arrays: readonly Float32Array[]): number {
  let [sum, count] = [0, 0];
  for (const array of arrays) {
    for (const value of array) sum += value * value;
    count += array.length;
  }
  return Math.sqrt(sum / count);
}
