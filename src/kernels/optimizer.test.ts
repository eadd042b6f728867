import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { instantiateKernels } from './kernels.ts';
import { Arena, type Buffer32 } from './memory.ts';

/*
 * Passes of optimizers against plain loops, bit for bit, at sizes and alignments where the vector loop ends early or
 * never starts. Adam has a test of its own.
 */

const arena = new Arena(1 << 16);
const kernels = instantiateKernels(arena.memory);
const buffers = [arena.float32(128), arena.float32(128)] as const;
const GUARD = 12345;
const f = Math.fround;

/** Copies values into a buffer, `shift` floats from its start, a guard behind them. */
function place({ data, offset }: Buffer32, values: readonly number[], shift: number) {
  data.set(values, shift);
  data[shift + values.length] = GUARD;
  const read = () => {
    expect(data[shift + values.length]).toBe(GUARD);
    return [...data.subarray(shift, shift + values.length)];
  };
  return { at: offset + 4 * shift, read };
}

const value = fc.oneof(fc.float({ min: -2, max: 2, noNaN: true }), fc.constantFrom(0, -0));
const list = (length: number) => fc.array(value, { minLength: length, maxLength: length });
const pairs = fc.nat(40).chain((n) => fc.tuple(list(n), list(n)));
const shifts = fc.nat(5);
const factor = fc.float({ min: 0, max: 2, noNaN: true });

describe('momentum', () => {
  it('adds the scaled gradient to what is left of the velocity, and looks ahead where asked to', () => {
    fc.assert(
      fc.property(pairs, shifts, factor, factor, fc.boolean(), ([g, v], shift, scale, mu, nesterov) => {
        const [gradient, velocity] = [place(buffers[0], g, shift), place(buffers[1], v, shift)];
        const operands = { gradient: gradient.at, velocity: velocity.at, length: g.length };
        kernels.momentum({ ...operands, gradientScale: scale, momentum: mu, nesterov });
        const h = g.map((x) => f(scale * x));
        const expected = v.map((x, i) => f(f(mu * x) + h[i]!));
        expect(velocity.read()).toEqual(expected);
        expect(gradient.read()).toEqual(expected.map((x, i) => (nesterov ? f(h[i]! + f(mu * x)) : x)));
      }),
    );
  });
});

describe('addWeights', () => {
  it('scales the gradient and adds a share of the weights', () => {
    fc.assert(
      fc.property(pairs, shifts, factor, factor, ([w, g], shift, scale, decay) => {
        const [weights, gradient] = [place(buffers[0], w, shift), place(buffers[1], g, shift)];
        kernels.addWeights(weights.at, gradient.at, w.length, scale, decay);
        expect(gradient.read()).toEqual(g.map((x, i) => f(f(scale * x) + f(decay * w[i]!))));
        expect(weights.read()).toEqual(w);
      }),
    );
  });
});

describe('average', () => {
  it('moves towards the weights', () => {
    fc.assert(
      fc.property(pairs, shifts, factor, ([a, w], shift, rate) => {
        const [average, weights] = [place(buffers[0], a, shift), place(buffers[1], w, shift)];
        kernels.average(average.at, weights.at, a.length, rate);
        const expected = a.map((x, i) => f(x + f(rate * f(w[i]! - x))));
        expect(average.read()).toEqual(expected);
        expect(weights.read()).toEqual(w);
      }),
    );
  });
});

it('throws before it starts when an array does not lie inside the memory', () => {
  const end = arena.memory.buffer.byteLength;
  const momentum = { gradient: 0, velocity: end, length: 1, gradientScale: 1, momentum: 0.9, nesterov: false };
  expect(() => kernels.momentum(momentum)).toThrow(/Kernel momentum: velocity is 1 floats at byte/);
  expect(() => kernels.addWeights(0, end, 1, 1, 1)).toThrow(/Kernel addWeights: gradient/);
  expect(() => kernels.average(0, end, 1, 1)).toThrow(/Kernel average: weights/);
});
