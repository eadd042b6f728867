import { SlimError } from '../errors.ts';
import { isFloat } from '../graph/elementTypes.ts';
import type { Tensor } from '../graph/types.ts';
import { numbersOf } from '../sparsity/numbers.ts';

/**
 * How far the outputs of two models are apart, streaming states included. Relative differences are relative to the
 * largest absolute value of an output in a window. NaN beside NaN counts as equal, beside anything else as infinitely
 * far.
 */
export interface Difference {
  readonly maxAbsDifference: number;
  readonly maxRelativeDifference: number;
  /** Means over all elements of all outputs of all windows. */
  readonly meanAbsDifference: number;
  readonly meanRelativeDifference: number;
  /** Share of equal elements in the outputs that are not real numbers (classes, masks, text); absent without any. */
  readonly agreement?: number;
  /** Windows that were compared. */
  readonly batches: number;
}

/** Sums over the outputs that have been compared so far. */
export interface Tally {
  maxAbs: number;
  maxRelative: number;
  sumAbs: number;
  sumRelative: number;
  reals: number;
  /** The output with the largest relative difference. */
  worst: string | undefined;
  discrete: number;
  equal: number;
  batches: number;
}

/** Nothing compared yet. */
export function emptyTally(): Tally {
  return {
    maxAbs: 0,
    maxRelative: 0,
    sumAbs: 0,
    sumRelative: 0,
    reals: 0,
    worst: undefined,
    discrete: 0,
    equal: 0,
    batches: 0,
  };
}

/** What a tally amounts to. */
export function differenceOf(tally: Tally): Difference {
  const { maxAbs, maxRelative, sumAbs, sumRelative, reals, discrete, equal, batches } = tally;
  return {
    maxAbsDifference: maxAbs,
    maxRelativeDifference: maxRelative,
    meanAbsDifference: reals === 0 ? 0 : sumAbs / reals,
    meanRelativeDifference: reals === 0 ? 0 : sumRelative / reals,
    ...(discrete > 0 && { agreement: equal / discrete }),
    batches,
  };
}

/** Adds one output of one window; throws a SlimError when type or dimensions of the two differ. */
export function compare(tally: Tally, name: string, expected: Tensor, got: Tensor): void {
  if (expected.elementType !== got.elementType) {
    throw new SlimError(
      `output '${name}' is ${got.elementType} in the smaller model, expected ${expected.elementType}`,
    );
  }
  if (expected.dims.join() !== got.dims.join()) {
    throw new SlimError(
      `output '${name}' has dimensions [${got.dims}] in the smaller model, expected [${expected.dims}]; ` +
        'for streaming states say what was removed (removal)',
    );
  }
  const [a, b] = [numbersOf(expected), numbersOf(got)];
  if (isFloat(expected.elementType) && a && b) compareReals(tally, name, a, b);
  else {
    tally.discrete += expected.data.length;
    for (let i = 0; i < expected.data.length; i++) if (expected.data[i] === got.data[i]) tally.equal++;
  }
}

function compareReals(tally: Tally, name: string, a: ArrayLike<number>, b: ArrayLike<number>): void {
  let [most, sum, largest] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]!, b[i]!];
    const size = Math.abs(x);
    if (size > largest && size < Number.POSITIVE_INFINITY) largest = size;
    if (Object.is(x, y)) continue;
    const apart = Math.abs(x - y);
    const d = Number.isNaN(apart) ? Number.POSITIVE_INFINITY : apart;
    if (d > most) most = d;
    sum += d;
  }
  const relative = most === 0 ? 0 : most / largest;
  tally.reals += a.length;
  tally.sumAbs += sum;
  tally.sumRelative += sum === 0 ? 0 : sum / largest;
  tally.maxAbs = Math.max(tally.maxAbs, most);
  if (relative > tally.maxRelative) {
    tally.maxRelative = relative;
    tally.worst = name;
  }
}
