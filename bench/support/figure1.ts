import { SlimError } from '../../src/base/errors.ts';
import { randomStream } from '../../src/base/random.ts';
import { interleave, type Spread, spread } from '../../src/bench/statistics.ts';
import { randomMatrix, zeroShare } from './sparse/matrix.ts';
import { checkProduct, type MatrixProduct, type Operands, type ProductKernel, plainProduct } from './sparse/product.ts';

/*
 * Figure 1 of Wen et al. (ICLR 2018): the product of an LSTM step, W [4H, 2H] times X [2H, B] (inputs and hidden state,
 * H of each), in three ways: dense, with random zeros in W left out, and with whole units removed from W.
 */

/** An LSTM layer whose input is as wide as itself. */
export interface LayerShape {
  readonly hidden: number;
  readonly batch: number;
}

/** What is timed, and how. */
export interface Figure1Options {
  readonly shape: LayerShape;
  /** Shares of W that are removed, each from 0 to less than 1. */
  readonly sparsities: readonly number[];
  /** At least a dense one; every sparse one takes its own library's dense product as 1, or else the first dense one's. */
  readonly kernels: readonly ProductKernel[];
  readonly rounds: number;
  readonly seed: number;
  /** Milliseconds of untimed runs before each turn. */
  readonly leadIn?: number;
}

/** The three ways to compute the product. */
export type Way = 'dense' | 'random zeros' | 'fewer units';

/** One kernel at one sparsity. */
export interface Timing {
  readonly library: string;
  readonly way: Way;
  readonly milliseconds: Spread;
  /** Median of `against`'s dense product / this median, of the same rounds. */
  readonly speedup: number;
  /** The same of the fastest runs: a busy machine interrupts long products more often than short ones. */
  readonly speedupOfFastest: number;
  readonly against: string;
}

/** All kernels at one sparsity. */
export interface Figure1Point {
  readonly sparsity: number;
  /** Units that remain where whole units are removed, and the share of W that is then gone. */
  readonly units: number;
  readonly sparsityOfUnits: number;
  /** Share of random zeros. */
  readonly sparsityOfZeros: number;
  readonly timings: readonly Timing[];
}

/** Units that remain when k of them go, which takes 2k columns and 4k rows: (1 − k/H)² = 1 − sparsity. */
export function remainingUnits(hidden: number, sparsity: number): number {
  return Math.max(1, Math.round(hidden * Math.sqrt(1 - sparsity)));
}

/** Times all ways side by side at each sparsity. Throws a SlimError, before it times, for a kernel that computes nonsense. */
export async function* benchFigure1(options: Figure1Options): AsyncGenerator<Figure1Point> {
  if (!options.kernels.some(({ kind }) => kind === 'dense')) throw new SlimError('figure 1 needs a dense kernel');
  for (const sparsity of options.sparsities) yield await benchPoint(sparsity, options);
}

/** Timed runs of a product in each turn. */
const BURST = 3;
/** Milliseconds of untimed runs before them: a layer that runs step by step finds its weights in the caches. */
const LEAD_IN = 100;

interface Contestant {
  readonly kernel: ProductKernel;
  readonly way: Way;
  readonly product: MatrixProduct;
}

async function benchPoint(sparsity: number, options: Figure1Options): Promise<Figure1Point> {
  const { shape, kernels, rounds, seed, leadIn = LEAD_IN } = options;
  const { hidden, batch } = shape;
  const units = remainingUnits(hidden, sparsity);
  const random = randomStream(seed);
  const operands = (h: number, zeros: number): Operands => ({
    weights: randomMatrix(4 * h, 2 * h, zeros, random),
    activations: randomMatrix(batch, 2 * h, 0, random),
  });
  // A dense kernel multiplies the zeros too, so that all that share a matrix have one right answer.
  const whole = operands(hidden, sparsity);
  const small = operands(units, 0);
  const contestants: Contestant[] = [];
  try {
    for (const [given, ways] of [
      [whole, { dense: 'dense', sparse: 'random zeros' }],
      [small, { dense: 'fewer units', sparse: undefined }],
    ] as const) {
      const expected = plainProduct(given);
      for (const kernel of kernels) {
        const way = ways[kernel.kind];
        if (way === undefined) continue;
        const product = await kernel.prepare(given);
        contestants.push({ kernel, way, product });
        await checkProduct(product, expected);
      }
    }
    const runs = contestants.map(({ product }) => product.run);
    const spreads = (await interleave(runs, { rounds, burst: BURST, leadIn })).map(spread);
    return {
      sparsity,
      units,
      sparsityOfUnits: 1 - (units / hidden) ** 2,
      sparsityOfZeros: zeroShare(whole.weights),
      timings: compare(contestants, spreads),
    };
  } finally {
    for (const { product } of contestants) await product.release();
  }
}

/** Each against the dense product of its own library where there is one. */
function compare(contestants: readonly Contestant[], spreads: readonly Spread[]): Timing[] {
  const all = contestants.map(({ kernel: { library }, way }, i) => ({ library, way, milliseconds: spreads[i]! }));
  const dense = all.filter(({ way }) => way === 'dense');
  return all.map((timing) => {
    const base = dense.find(({ library }) => library === timing.library) ?? dense[0]!;
    return {
      ...timing,
      speedup: base.milliseconds.median / timing.milliseconds.median,
      speedupOfFastest: base.milliseconds.min / timing.milliseconds.min,
      against: base.library,
    };
  });
}
