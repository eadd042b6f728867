import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SlimError } from '../base/errors.ts';
import { instantiateKernels } from './kernels.ts';
import { Arena } from './memory.ts';

const memory = new WebAssembly.Memory({ initial: 40 });
const kernels = instantiateKernels(memory);
const floats = new Float32Array(memory.buffer);
const f = Math.fround;

/** Places arrays one after another, `shift` floats from a multiple of 16 bytes, with a guard value after each. */
function place(shift: number, ...arrays: ArrayLike<number>[]): { offsets: number[]; guardsIntact: () => boolean } {
  const guards: number[] = [];
  let next = shift;
  const offsets = arrays.map((values) => {
    const start = next;
    floats.set(values, start);
    next = start + values.length + 1;
    guards.push(next - 1);
    floats[next - 1] = 12345;
    return start * 4;
  });
  return { offsets, guardsIntact: () => guards.every((index) => floats[index] === 12345) };
}

function view(offset: number, length: number): Float32Array {
  return floats.slice(offset / 4, offset / 4 + length);
}

/** Random float32 values in [-1, 1); the seed makes failing cases repeatable. */
function randomValues(length: number, seed: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** max |a − b| / |b|, elementwise; both 0 counts as equal. */
function largestRelativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  return Array.from(actual).reduce(
    (worst, a, i) => Math.max(worst, a === expected[i] ? 0 : Math.abs(a - expected[i]!) / Math.abs(expected[i]!)),
    0,
  );
}

function squaresReference(w: Float32Array, rows: number, cols: number): { row: Float64Array; col: Float64Array } {
  const row = new Float64Array(rows);
  const col = new Float64Array(cols);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++) {
      const square = w[i * cols + j]! ** 2;
      row[i]! += square;
      col[j]! += square;
    }
  }
  return { row, col };
}

interface Matrices {
  w: Float32Array;
  g: Float32Array;
  rows: number;
  cols: number;
  rowDecay: Float32Array;
  colDecay: Float32Array;
}

/** The update in float32, operation by operation, so that it must agree bit for bit. */
function updateReference({ w, g, rows, cols, rowDecay, colDecay }: Matrices, step: number, threshold: number) {
  const out = new Float32Array(rows * cols);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++) {
      const k = i * cols + j;
      const decay = f(rowDecay[i]! + colDecay[j]!);
      const x = f(w[k]! - f(f(w[k]! * decay) + f(f(step) * g[k]!)));
      out[k] = Math.abs(x) < f(threshold) ? 0 : x;
    }
  }
  return out;
}

/** Runs the kernel on matrices `shift` floats from alignment; squares start as junk, since they are overwritten. */
function runUpdate(m: Matrices, step: number, threshold: number, shift: number) {
  const { rows, cols } = m;
  const junk = (length: number) => new Float32Array(length).fill(7);
  const { offsets, guardsIntact } = place(shift, m.w, m.g, m.rowDecay, m.colDecay, junk(rows), junk(cols));
  const [weights, gradient, rowDecay, colDecay, rowSquares, colSquares] = offsets as [number, ...number[]] & number[];
  const pass = { weights, gradient: gradient!, rows, cols, rowDecay: rowDecay!, colDecay: colDecay! };
  kernels.update({ ...pass, step, threshold, rowSquares: rowSquares!, colSquares: colSquares! });
  expect(guardsIntact()).toBe(true);
  return { w: view(weights, rows * cols), row: view(rowSquares!, rows), col: view(colSquares!, cols) };
}

function randomMatrices(rows: number, cols: number, seed: number): Matrices {
  return {
    w: randomValues(rows * cols, seed),
    g: randomValues(rows * cols, seed + 1),
    rows,
    cols,
    rowDecay: randomValues(rows, seed + 2).map((x) => x * 0.1),
    colDecay: randomValues(cols, seed + 3).map((x) => x * 0.1),
  };
}

const size = fc.integer({ min: 1, max: 40 });
const shift = fc.integer({ min: 0, max: 7 });
const seed = fc.integer({ min: 0, max: 2 ** 31 });

describe('update', () => {
  test('agrees with the reference bit for bit, its squares to 1e-5', () => {
    fc.assert(
      fc.property(size, size, shift, seed, fc.constantFrom(0, 0.05, 0.5), (rows, cols, shift, seed, threshold) => {
        const m = randomMatrices(rows, cols, seed);
        const actual = runUpdate(m, 0.3, threshold, shift);
        const expected = updateReference(m, 0.3, threshold);
        expect(actual.w).toEqual(expected);
        const { row, col } = squaresReference(expected, rows, cols);
        expect(largestRelativeError(actual.row, row)).toBeLessThan(1e-5);
        expect(largestRelativeError(actual.col, col)).toBeLessThan(1e-5);
      }),
    );
  });

  // 5 x 6 reaches every path: four rows at once and one row, four columns at once and one column.
  const everywhere = Array.from({ length: 30 }, (_, index) => index);
  const still = (values: number[]): Matrices => ({
    w: Float32Array.from(values),
    g: new Float32Array(30),
    rows: 5,
    cols: 6,
    rowDecay: new Float32Array(5),
    colDecay: new Float32Array(6),
  });

  test('the threshold is strict: |w| = threshold survives', () => {
    const values = everywhere.map((k) => [0.25, -0.25, 0.24999, -0.24999, 0.2501][k % 5]!);
    const expected = everywhere.map((k) => [0.25, -0.25, 0, 0, f(0.2501)][k % 5]!);
    expect(Array.from(runUpdate(still(values), 1, 0.25, 0).w)).toEqual(expected);
  });

  test.each(everywhere)('NaN and Infinity at element %i end as NaN there and in the squares', (k) => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const values = everywhere.map(() => 0.5);
      values[k] = bad;
      const { w, row, col } = runUpdate(still(values), 0, 1, 0);
      const nanAt = (length: number, place: number) => Array.from({ length }, (_, i) => (i === place ? Number.NaN : 0));
      expect(Array.from(w)).toEqual(nanAt(30, k));
      expect(Array.from(row)).toEqual(nanAt(5, Math.floor(k / 6)));
      expect(Array.from(col)).toEqual(nanAt(6, k % 6));
    }
  });

  test('NaN in the gradient reaches the weight', () => {
    const m = still(everywhere.map(() => 1));
    m.g[8] = Number.NaN;
    m.g[29] = Number.NaN;
    const { w } = runUpdate(m, 0.1, 0.5, 1);
    expect(everywhere.filter((k) => Number.isNaN(w[k]))).toEqual([8, 29]);
  });

  test('a matrix without rows has zero column squares', () => {
    const m = { ...randomMatrices(1, 6, 3), rows: 0, w: new Float32Array(0), g: new Float32Array(0) };
    expect(Array.from(runUpdate({ ...m, rowDecay: new Float32Array(0) }, 1, 0, 0).col)).toEqual([0, 0, 0, 0, 0, 0]);
  });
});

test('updatePlain agrees with the reference bit for bit', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 100 }), shift, seed, (length, shift, seed) => {
      const w = randomValues(length, seed);
      const g = randomValues(length, seed + 1);
      const { offsets, guardsIntact } = place(shift, w, g);
      kernels.updatePlain(offsets[0]!, offsets[1]!, length, 0.3);
      expect(view(offsets[0]!, length)).toEqual(w.map((x, i) => f(x - f(f(0.3) * g[i]!))));
      expect(guardsIntact()).toBe(true);
    }),
  );
});

describe('sums of squares', () => {
  test('sumOfSquares agrees with float64', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2000 }), shift, seed, (length, shift, seed) => {
        const values = randomValues(length, seed);
        const { offsets } = place(shift, values);
        const expected = values.reduce((total, x) => total + x * x, 0);
        expect(largestRelativeError([kernels.sumOfSquares(offsets[0]!, length)], [expected])).toBeLessThan(1e-6);
      }),
    );
  });

  test('sumOfSquaresWithDecay agrees with float64, also over several chunks of a row', () => {
    const cols = fc.oneof(size, fc.integer({ min: 500, max: 1100 }));
    fc.assert(
      fc.property(size, cols, shift, seed, (rows, cols, shift, seed) => {
        const { w, g, rowDecay, colDecay } = randomMatrices(rows, cols, seed);
        const { offsets } = place(shift, w, g, rowDecay, colDecay);
        const [weights, gradient, row, col] = offsets;
        const at = { weights: weights!, gradient: gradient!, rowDecay: row!, colDecay: col! };
        const actual = kernels.sumOfSquaresWithDecay({ ...at, rows, cols, gradientScale: 0.75 });
        const expected = w.reduce((total, x, k) => {
          const decay = rowDecay[Math.floor(k / cols)]! + colDecay[k % cols]!;
          return total + (0.75 * g[k]! + x * decay) ** 2;
        }, 0);
        // A term may cancel to almost nothing, so one single term is only good to float32 of its parts.
        expect(Math.abs(actual - expected)).toBeLessThan(1e-6 * expected + 1e-7);
      }),
    );
  });

  test('half a million terms, large ones first, keep 1e-6', () => {
    const length = 500_001;
    const values = randomValues(length, 5);
    values.fill(1000, 0, 1000);
    const { offsets } = place(0, values);
    const expected = values.reduce((total, x) => total + x * x, 0);
    const actual = kernels.sumOfSquares(offsets[0]!, length);
    expect(largestRelativeError([actual], [expected])).toBeLessThan(1e-6);
  });

  test('NaN is not lost', () => {
    for (const k of [0, 5, 17, 18]) {
      const values = randomValues(19, 1);
      values[k] = Number.NaN;
      expect(kernels.sumOfSquares(place(0, values).offsets[0]!, 19)).toBeNaN();
    }
  });
});

describe('addresses', () => {
  test('an array outside the memory is refused by name', () => {
    const end = memory.buffer.byteLength;
    expect(() => kernels.sumOfSquares(end - 8, 3)).toThrow(SlimError);
    expect(() => kernels.sumOfSquares(end - 8, 3)).toThrow(/sumOfSquares: values is 3 floats at byte/);
    expect(() => kernels.sumOfSquares(2, 3)).toThrow(/multiple of 4/);
    expect(() => kernels.sumOfSquares(-4, 3)).toThrow(SlimError);
    expect(() => kernels.sumOfSquares(0, 1.5)).toThrow(/whole number of floats, got 1.5/);
    const matrix = { weights: 0, gradient: 0, rows: 2, cols: 4, rowDecay: 64, colDecay: end, gradientScale: 1 };
    expect(() => kernels.sumOfSquaresWithDecay(matrix)).toThrow(/sumOfSquaresWithDecay: colDecay/);
    expect(() => kernels.sumOfSquaresWithDecay({ ...matrix, rows: -2, cols: -4 })).toThrow(SlimError);
    expect(() => kernels.updatePlain(0, end, 1, 1)).toThrow(/updatePlain: gradient/);
  });

  test('addresses beyond 2 GiB work', () => {
    const arena = new Arena(2 ** 31 + 65536);
    const start = 2 ** 31 + 4;
    const far = new Float32Array(arena.memory.buffer, start, 16383);
    far.fill(2);
    const farKernels = instantiateKernels(arena.memory);
    expect(farKernels.sumOfSquares(start, far.length)).toBe(4 * far.length);
    farKernels.updatePlain(start, start, far.length, 0.5);
    expect(new Set(far)).toEqual(new Set([1]));
  });
});
