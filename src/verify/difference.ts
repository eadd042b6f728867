import { SlimError } from '../base/errors.ts';
import { isFloat } from '../graph/elementTypes.ts';
import { numbersOf } from '../graph/numbers.ts';
import type { Tensor } from '../graph/types.ts';

/**
 * How far the outputs of two models are apart, streaming states included. The difference of an element is relative to
 * its own size, or to ten times the median size in that output and window where that is more (but never more than the
 * largest): neither an element near zero nor a mask of -1e9 decides what the others are measured by. NaN beside NaN
 * counts as equal, beside anything else as infinitely far.
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
  /** The relative difference that rounding alone makes in this model, where it is more than usual and was measured. */
  readonly noise?: number;
  /** Branches of Ifs that no window took, in words; absent where all were taken. */
  readonly untaken?: readonly string[];
}

/** Sums over the outputs that have been compared so far. */
export class Tally {
  private maxAbs = 0;
  private maxRelative = 0;
  private sumAbs = 0;
  private sumRelative = 0;
  private reals = 0;
  /** Outputs that were nothing but NaN and infinity in some window. */
  readonly blank = new Set<string>();
  /** Elements that the outputs had, by name. */
  readonly elements = new Map<string, number>();
  /** The largest relative difference of each output, of those elements that differ by more than its allowance. */
  readonly worstOf = new Map<string, number>();
  private readonly allowance: (name: string) => number;

  /** Absolute differences up to an output's `allowance` count in what is reported, but in no verdict. */
  constructor(allowance: (name: string) => number = () => 0) {
    this.allowance = allowance;
  }
  /** Elements that are no reals, and how many of them are equal. */
  discrete = 0;
  equal = 0;
  batches = 0;
  untaken: readonly string[] = [];
  noise: number | undefined;

  /** What it amounts to. */
  get difference(): Difference {
    const { maxAbs, maxRelative, sumAbs, sumRelative, reals, discrete, equal, batches, untaken, noise } = this;
    return {
      maxAbsDifference: maxAbs,
      maxRelativeDifference: maxRelative,
      meanAbsDifference: reals === 0 ? 0 : sumAbs / reals,
      meanRelativeDifference: reals === 0 ? 0 : sumRelative / reals,
      ...(discrete > 0 && { agreement: equal / discrete }),
      batches,
      ...(noise !== undefined && { noise }),
      ...(untaken.length > 0 && { untaken }),
    };
  }

  /**
   * Adds one output of one window, or what is compared of its `elements`; throws a SlimError when type or dimensions of
   * the two differ.
   */
  compare(name: string, expected: Tensor, got: Tensor, elements = expected.data.length): void {
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
    this.elements.set(name, (this.elements.get(name) ?? 0) + elements);
    const [a, b] = [numbersOf(expected), numbersOf(got)];
    if (isFloat(expected.elementType) && a && b) this.compareReals(name, a, b);
    else {
      this.discrete += expected.data.length;
      for (let i = 0; i < expected.data.length; i++) if (expected.data[i] === got.data[i]) this.equal++;
    }
  }

  private compareReals(name: string, a: ArrayLike<number>, b: ArrayLike<number>): void {
    const { largest, usual, blank } = sizesOf(a);
    if (blank) this.blank.add(name);
    const floor = Math.min(largest, 10 * usual);
    const allowed = this.allowance(name);
    let worst = this.worstOf.get(name) ?? 0;
    for (let i = 0; i < a.length; i++) {
      const [x, y] = [a[i]!, b[i]!];
      if (Object.is(x, y) || x === y) continue;
      const oneIsNaN = Number.isNaN(x) || Number.isNaN(y);
      const d = oneIsNaN ? Number.POSITIVE_INFINITY : Math.abs(x - y);
      const relative = oneIsNaN ? d : d / Math.max(floor, Math.min(Math.abs(x), largest));
      this.sumAbs += d;
      this.sumRelative += relative;
      if (d > this.maxAbs) this.maxAbs = d;
      if (relative > this.maxRelative) this.maxRelative = relative;
      if (d > allowed && relative > worst) worst = relative;
    }
    this.worstOf.set(name, worst);
    this.reals += a.length;
  }
}

/** Elements that the usual size is taken from. */
const SAMPLE = 4096;

/** The largest and the median absolute value among those that are finite and not zero; `blank` when none is finite. */
function sizesOf(values: ArrayLike<number>): { largest: number; usual: number; blank: boolean } {
  const sample: number[] = [];
  const stride = Math.max(1, Math.floor(values.length / SAMPLE));
  let largest = 0;
  let finite = 0;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i]!);
    if (!Number.isFinite(size)) continue;
    finite++;
    if (size > largest) largest = size;
    if (size > 0 && i % stride === 0) sample.push(size);
  }
  sample.sort((a, b) => a - b);
  return { largest, usual: sample[sample.length >> 1] ?? largest, blank: finite === 0 && values.length > 0 };
}
