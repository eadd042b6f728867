import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { instantiateKernels } from './kernels.ts';
import { Arena, type Buffer32 } from './memory.ts';

/*
 * Passes of sparsity methods against plain loops, at sizes and alignments where the vector loop ends early or never starts.
 */

const arena = new Arena(1 << 20);
const kernels = instantiateKernels(arena.memory);
const buffers = Array.from({ length: 6 }, () => arena.float32(2048));
const GUARD = 12345;

/** Copies values into a buffer, `shift` floats from its start, a guard behind them. */
function place(buffer: Buffer32, values: ArrayLike<number>, shift: number): { at: number; read: () => number[] } {
  buffer.data.set(values, shift);
  buffer.data[shift + values.length] = GUARD;
  const read = () => {
    expect(buffer.data[shift + values.length]).toBe(GUARD);
    return [...buffer.data.subarray(shift, shift + values.length)];
  };
  return { at: buffer.offset + 4 * shift, read };
}

const value = fc.oneof(fc.float({ min: -2, max: 2, noNaN: true }), fc.constantFrom(0, -0));
const list = (length: number) => fc.array(value, { minLength: length, maxLength: length });
const shifts = fc.nat(5);
/** Two lists of one length; the long ones are summed in several chunks. */
const pairs = fc
  .oneof(fc.integer({ min: 0, max: 30 }), fc.constantFrom(512, 515, 1030))
  .chain((n) => fc.tuple(list(n), list(n)));

describe('addSign', () => {
  it('adds the sign of each weight, none for zero, and sums the magnitudes', () => {
    fc.assert(
      fc.property(pairs, shifts, ([w, g], shift) => {
        const strength = 0.25;
        const [weights, gradient] = [place(buffers[0]!, w, shift), place(buffers[1]!, g, shift)];
        const sum = kernels.addSign(weights.at, gradient.at, w.length, strength);
        const floats = weights.read();
        expect(sum).toBeCloseTo(
          floats.reduce((total, x) => total + Math.abs(x), 0),
          3,
        );
        const expected = floats.map((x, i) =>
          Math.fround(Math.fround(g[i]!) + (x === 0 ? 0 : Math.sign(x) * strength)),
        );
        expect(gradient.read().map((x) => x + 0)).toEqual(expected.map((x) => x + 0));
      }),
    );
  });
});

describe('maskGradient', () => {
  it('clears the gradient of zeros and of nothing else', () => {
    fc.assert(
      fc.property(pairs, shifts, ([w, g], shift) => {
        const [weights, gradient] = [place(buffers[0]!, w, shift), place(buffers[1]!, g, shift)];
        kernels.maskGradient(weights.at, gradient.at, w.length);
        const expected = weights.read().map((x, i) => (x === 0 ? 0 : Math.fround(g[i]!)));
        expect(gradient.read()).toEqual(expected);
      }),
    );
  });
});

describe('applyMask', () => {
  const masks = arena.bytes(2048);
  /** Anything but 0 keeps a value; NaN and infinities go as well. */
  const masked = fc
    .oneof(fc.integer({ min: 0, max: 40 }), fc.constantFrom(512, 1030))
    .chain((n) =>
      fc.tuple(
        fc.array(fc.float(), { minLength: n, maxLength: n }),
        fc.array(fc.constantFrom(0, 0, 1, 128, 255), { minLength: n, maxLength: n }),
      ),
    );

  it('clears the values whose byte is 0, at any alignment of either, and nothing behind them', () => {
    fc.assert(
      fc.property(masked, shifts, fc.nat(9), ([values, mask], shift, maskShift) => {
        const placed = place(buffers[0]!, values, shift);
        masks.data.fill(0).set(mask, maskShift);
        kernels.applyMask(placed.at, masks.offset + maskShift, values.length);
        expect(placed.read()).toEqual(values.map((x, i) => (mask[i] === 0 ? 0 : x)));
      }),
    );
  });

  it('throws when values or mask do not lie inside the memory', () => {
    const end = arena.memory.buffer.byteLength;
    expect(() => kernels.applyMask(2, masks.offset, 4)).toThrow(
      /applyMask: values is 4 floats at byte 2, expected a m/,
    );
    expect(() => kernels.applyMask(0, end - 3, 4)).toThrow(/applyMask: mask is 4 bytes at byte .* expected a place/);
    expect(() => kernels.applyMask(0, end - 4, 4)).not.toThrow();
  });
});

describe('scale', () => {
  it('multiplies by the factors of row and column, and sums the squares of both', () => {
    const matrices = fc
      .tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 11 }))
      .chain(([rows, cols]) => fc.tuple(fc.constant([rows, cols] as const), list(rows * cols), list(rows), list(cols)));
    fc.assert(
      fc.property(matrices, shifts, ([[rows, cols], w, r, c], shift) => {
        const [weights, row, col] = [w, r, c].map((values, i) => place(buffers[i]!, values, shift));
        const [rowSquares, colSquares] = [r, c].map((values, i) =>
          place(
            buffers[3 + i]!,
            values.map(() => 7),
            shift,
          ),
        );
        kernels.scale({
          ...{ weights: weights!.at, rows, cols, rowFactor: row!.at, colFactor: col!.at },
          ...{ rowSquares: rowSquares!.at, colSquares: colSquares!.at },
        });
        const [rs, cs] = [new Float64Array(rows), new Float64Array(cols)];
        const scaled = weights!.read();
        scaled.forEach((x, at) => {
          const [i, j] = [Math.floor(at / cols), at % cols];
          const factor = Math.fround(Math.fround(r[i]!) * Math.fround(c[j]!));
          expect(x).toBeCloseTo(Math.fround(w[at]!) * factor, 5);
          rs[i]! += x * x;
          cs[j]! += x * x;
        });
        // Recomputed by an update that changes nothing they are the same to the last bit.
        const left = [rowSquares!.read(), colSquares!.read()];
        for (const { at, length } of [
          { at: row!.at, length: rows },
          { at: col!.at, length: cols },
        ]) {
          new Float32Array(arena.memory.buffer, at, length).fill(0);
        }
        kernels.update({
          ...{ weights: weights!.at, gradient: weights!.at, rows, cols, rowDecay: row!.at, colDecay: col!.at },
          ...{ step: 0, threshold: 0, rowSquares: rowSquares!.at, colSquares: colSquares!.at },
        });
        expect([rowSquares!.read(), colSquares!.read()]).toEqual(left);
        rowSquares!.read().forEach((x, i) => {
          expect(x).toBeCloseTo(rs[i]!, 4);
        });
        colSquares!.read().forEach((x, j) => {
          expect(x).toBeCloseTo(cs[j]!, 4);
        });
      }),
    );
  });
});
