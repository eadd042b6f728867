import { z } from 'zod';
import { isIdle } from '../base/fields.ts';
import { defineMethod, type MethodContext } from './kind.ts';
import { type Matrix, noPenalty, type SparsityMethod } from './method.ts';
import { prunable } from './tables.ts';

/** When and how far weights are pruned by magnitude. */
export interface MagnitudeOptions extends Pick<MethodContext, 'state'> {
  /** Names of the parameters that are pruned, each by itself. */
  readonly parameters: ReadonlySet<string>;
  /** Their numbers of weights when the run began: shares refer to these, also when dead units have left since. */
  readonly sizes: ReadonlyMap<string, number>;
  /** Zhu and Gupta's cubic ramp of the share of zeros, or Narang's ramp of the threshold in two linear pieces. */
  readonly schedule: 'cubic' | 'narang';
  /** s: the share of zeros that is aimed at; for Narang's schedule the quantile that sets its slope. */
  readonly share: number;
  /** Updates at which pruning begins and ends. */
  readonly from: number;
  readonly to: number;
  /** Updates between prunings. */
  readonly every: number;
}

/**
 * Gradual pruning by magnitude: now and then the smallest weights of every matrix become zero, and zeros stay zero.
 * Cubic (Zhu and Gupta 2018, equation 1), from t₀ to t₁:
 *   s_t = s · (1 − (1 − (t − t₀)/(t₁ − t₀))³)
 * Narang (Narang et al. 2017, algorithm 1), with q the magnitude below which the share s lies when pruning begins, and
 * the middle m = (t₀ + t₁)/2 where the slope grows by a half:
 *   θ = 2 q / (2 (m − t₀) + 3 (t₁ − m)),  ε_t = θ (min(t, m) − t₀) + 1.5 θ max(t − m, 0)
 */
export function magnitude(options: MagnitudeOptions): SparsityMethod {
  const { parameters, schedule, from, to, every } = options;
  const quantiles = new Map(Object.entries(options.state ?? {}).map(([name, q]) => [name, Number(q)]));
  return {
    name: 'magnitude',
    keepsZeros: true,
    parameters,
    threshold: 0,
    beforeUpdate(matrices) {
      for (const { passes } of matrices) passes.maskGradient();
      return noPenalty(matrices);
    },
    afterUpdate(matrices, { update }) {
      const t = update + 1;
      if (t < from || t > to || ((t - from) % every !== 0 && t !== to)) return;
      for (const matrix of matrices) {
        if (schedule === 'narang' && !quantiles.has(matrix.name)) {
          quantiles.set(matrix.name, magnitudeBelow(matrix.weights, Math.floor(options.share * matrix.weights.length)));
        }
        const cut = schedule === 'cubic' ? cubic(matrix, t, options) : narang(quantiles.get(matrix.name)!, t, options);
        matrix.passes.cut(cut);
      }
    },
    isReached: (_, { updates }) => updates >= to,
    state: () => Object.fromEntries(quantiles),
  };
}

/** The magnitude to cut at, so that the share s_t of the matrix as it was once is zero or gone. */
function cubic({ name, weights }: Matrix, t: number, { share, from, to, sizes }: MagnitudeOptions): number {
  const left = 1 - (t - from) / Math.max(to - from, 1);
  const size = sizes.get(name) ?? weights.length;
  const kept = size - Math.floor(share * (1 - left ** 3) * size);
  return kept >= weights.length ? 0 : magnitudeBelow(weights, weights.length - kept);
}

/** Narang's threshold ε_t. */
function narang(q: number, t: number, { from, to }: MagnitudeOptions): number {
  const middle = (from + to) / 2;
  const slope = (2 * q) / (2 * (middle - from) + 3 * (to - middle));
  return slope * (Math.min(t, middle) - from) + 1.5 * slope * Math.max(t - middle, 0);
}

/** The bits of a float32 without its sign order as the magnitudes do, so magnitudes can be sorted into bins by them. */
const HALF = 0x10000;

/**
 * The magnitude that `count` of the values lie below: the (count + 1)-th smallest |value|, as `sort` would give it; Infinity
 * when count is not less than their number. Two passes and 256 kB, whatever the number of values.
 */
export function magnitudeBelow(values: Float32Array, count: number): number {
  if (count >= values.length) return Number.POSITIVE_INFINITY;
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const upper = new Uint32Array(HALF / 2);
  for (let i = 0; i < bits.length; i++) upper[(bits[i]! & 0x7fffffff) >>> 16]!++;
  const [high, before] = binOf(upper, count);
  const lower = new Uint32Array(HALF);
  for (let i = 0; i < bits.length; i++) {
    const magnitude = bits[i]! & 0x7fffffff;
    if (magnitude >>> 16 === high) lower[magnitude & 0xffff]!++;
  }
  const [low] = binOf(lower, count - before);
  return new Float32Array(Uint32Array.of(high * HALF + low).buffer)[0]!;
}

/** The bin that holds the value at place `count`, and how many values lie in the bins before it. */
function binOf(bins: Uint32Array, count: number): [bin: number, before: number] {
  let before = 0;
  let bin = 0;
  for (; before + bins[bin]! <= count; bin++) before += bins[bin]!;
  return [bin, before];
}

/** When pruning begins and ends, in epochs; without the fields from the first epoch on to two thirds of all. */
function pruningEpochs(
  { pruneFrom, pruneTo }: { readonly pruneFrom?: number | undefined; readonly pruneTo?: number | undefined },
  { epochs }: { readonly epochs: number },
): { from: number; to: number } {
  return { from: pruneFrom ?? Math.min(1, epochs / 4), to: pruneTo ?? (2 * epochs) / 3 };
}

/** `--magnitude SHARE` */
export const magnitudeKind = defineMethod({
  name: 'magnitude',
  label: 'magnitude',
  selector: 'magnitude',
  fields: {
    magnitude: z.number().gt(0).lt(1).describe('prune this share of the weights by magnitude, instead of ISS'),
    pruneSchedule: z.enum(['cubic', 'narang']).optional().describe('course of the pruning: cubic (default), narang'),
    pruneFrom: z
      .number()
      .nonnegative()
      .optional()
      .describe('epochs before the pruning begins (default: 1, or a quarter of less than 4)'),
    pruneTo: z.number().positive().optional().describe('epochs at which the pruning ends (default: two thirds of all)'),
    pruneEvery: z.int().positive().optional().describe('prune every so many updates (default: 100)'),
  },
  isAskedFor: ({ magnitude: share }) => !isIdle(share),
  isStructural: false,
  keepsZeros: true,
  describe: ({ magnitude: share, pruneSchedule }) =>
    `magnitude pruning to ${share} zeros${pruneSchedule === 'narang' ? ' (Narang)' : ''}`,
  contradictions(config, run, nameOf) {
    const { from, to } = pruningEpochs(config, run);
    if (to <= from) {
      return [`${nameOf('pruneTo')} must be more than ${nameOf('pruneFrom')}, got ${to} and ${from}`];
    }
    if (config.pruneTo === undefined || config.pruneTo <= run.epochs) return [];
    return [`${nameOf('pruneTo')} must be at most the ${run.epochs} epochs, got ${config.pruneTo}`];
  },
  create(config, context) {
    const { first, updates, state } = context;
    const { from, to } = pruningEpochs(config, context);
    const end = Math.max(1, Math.round(to * updates));
    return magnitude({
      // A layer of which one unit is left may have no groups any more: its zeros stay all the same.
      parameters: prunable(first),
      sizes: first.sizes,
      schedule: config.pruneSchedule ?? 'cubic',
      share: config.magnitude,
      from: Math.min(Math.round(from * updates), end - 1),
      to: end,
      every: config.pruneEvery ?? 100,
      state,
    });
  },
});
