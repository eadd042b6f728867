import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { instantiateKernels } from './kernels.ts';
import { Arena, type Buffer32 } from './memory.ts';

const arena = new Arena(1 << 20);
const kernels = instantiateKernels(arena.memory);
const buffers = Array.from({ length: 6 }, () => arena.float32(2048));

/** Copies values into the given buffer, `shift` floats from its start, a guard behind them; returns their byte offset. */
function place(buffer: Buffer32, values: ArrayLike<number>, shift: number): number {
  buffer.data.set(values, shift);
  buffer.data[shift + values.length] = 12345;
  return buffer.offset + 4 * shift;
}

const values = (length: number) =>
  fc.array(fc.float({ min: -2, max: 2, noNaN: true }), { minLength: length, maxLength: length });

/** Values with a place where the vector loop ends early, full or not at all. */
const sized = fc.tuple(fc.integer({ min: 1, max: 23 }), fc.integer({ min: 0, max: 5 }));

describe('adam', () => {
  test('is algorithm 1 of the paper in float64, to float32 rounding, over several updates', () => {
    fc.assert(
      fc.property(
        sized.chain(([n, shift]) => fc.tuple(fc.constant(shift), fc.array(values(n), { minLength: 1, maxLength: 4 }))),
        fc.constantFrom(1, 0.25),
        ([shift, gradients], gradientScale) => {
          const n = gradients[0]!.length;
          const [g, m, v] = buffers as [Buffer32, Buffer32, Buffer32];
          place(m, new Float32Array(n), shift);
          place(v, new Float32Array(n), shift);
          const mean = new Float64Array(n);
          const square = new Float64Array(n);
          gradients.forEach((gradient, t) => {
            kernels.adam({
              gradient: place(g, gradient, shift),
              mean: m.offset + 4 * shift,
              square: v.offset + 4 * shift,
              length: n,
              gradientScale,
              beta1: 0.9,
              beta2: 0.999,
              epsilon: 1e-8,
              update: t + 1,
            });
            for (let i = 0; i < n; i++) {
              const h = gradientScale * gradient[i]!;
              mean[i] = 0.9 * mean[i]! + 0.1 * h;
              square[i] = 0.999 * square[i]! + 0.001 * h * h;
              const expected =
                mean[i]! / (1 - 0.9 ** (t + 1)) / (Math.sqrt(square[i]! / (1 - 0.999 ** (t + 1))) + 1e-8);
              // The squares of tiny gradients leave float32; only there may the direction be off.
              if (square[i]! > 1e-30) expect(Math.abs(g.data[shift + i]! - expected)).toBeLessThan(2e-4);
            }
          });
          for (const buffer of [g, m, v]) expect(buffer.data[shift + n]).toBe(12345);
        },
      ),
    );
  });

  test('leaves weights without gradient where they are', () => {
    const [g, m, v] = buffers as [Buffer32, Buffer32, Buffer32];
    const zeros = new Float32Array(5);
    const [gradient, mean, square] = [place(g, zeros, 0), place(m, zeros, 0), place(v, zeros, 0)];
    const constants = { gradientScale: 1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, update: 1 };
    kernels.adam({ gradient, mean, square, length: 5, ...constants });
    expect([...g.data.slice(0, 5)]).toEqual([0, 0, 0, 0, 0]);
  });
});

test('addDecay adds each weight times the decay of its row and column', () => {
  const matrix = fc
    .tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 11 }), fc.integer({ min: 0, max: 5 }))
    .chain(([rows, cols, shift]) =>
      fc.record({
        rows: fc.constant(rows),
        cols: fc.constant(cols),
        shift: fc.constant(shift),
        w: values(rows * cols),
        g: values(rows * cols),
        row: values(rows),
        col: values(cols),
      }),
    );
  fc.assert(
    fc.property(matrix, ({ rows, cols, shift, w, g, row, col }) => {
      const f = Math.fround;
      const [weights, gradient, rowDecay, colDecay] = [w, g, row, col].map((v, i) => place(buffers[i]!, v, shift));
      kernels.addDecay({
        weights: weights!,
        gradient: gradient!,
        rows,
        cols,
        rowDecay: rowDecay!,
        colDecay: colDecay!,
      });
      const expected = g.map((x, k) => f(x + f(w[k]! * f(row[Math.floor(k / cols)]! + col[k % cols]!))));
      expect([...buffers[1]!.data.slice(shift, shift + rows * cols)]).toEqual(expected);
      for (const [i, v] of [w, g, row, col].entries()) expect(buffers[i]!.data[shift + v.length]).toBe(12345);
    }),
  );
});
