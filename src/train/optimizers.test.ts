import { describe, expect, it } from 'vitest';
import { randomTensor } from '../../test/support/graphs.ts';
import { instantiateKernels } from '../kernels/kernels.ts';
import { Arena } from '../kernels/memory.ts';
import type { SparsityMethod } from '../methods/method.ts';
import { placeParameters } from './layout.ts';
import { adam, type Moments } from './optimizers.ts';
import { DivergedError, type TrainedWeights } from './update.ts';

const DIMS = [3, 5];
const values = (seed: number) => randomTensor(DIMS, seed).data as Float32Array;

/** A penalty of 0.5 for each row, and 0.1 · j for column j. */
const sparsity: SparsityMethod = {
  name: 'fake',
  parameters: new Set(['matrix']),
  threshold: 0.05,
  beforeUpdate(matrices) {
    for (const m of matrices) {
      m.rowPenalty.fill(0.5);
      m.colPenalty.set(Array.from({ length: m.cols }, (_, j) => 0.1 * j));
    }
    return 7;
  },
};

/** A matrix that the penalty acts on and one that it does not, with gradients in place. */
function trainedWeights(): { trained: TrainedWeights; moments: Map<string, Moments> } {
  const arena = new Arena(1 << 16);
  const kernels = instantiateKernels(arena.memory);
  const shapes = ['matrix', 'plain'].map((name, i) => {
    return { name, dims: DIMS, stored: { dims: DIMS, data: values(i + 1) }, rows: 3, cols: 5 };
  });
  const gradients = new Map(shapes.map(({ name }) => [name, `gradient/${name}`]));
  const placed = placeParameters(shapes, gradients, sparsity, { arena, kernels, feeds: {}, fetches: {} });
  const moments = new Map(
    placed.parameters.map(({ name }) => [name, { mean: arena.float32(15), square: arena.float32(15) }]),
  );
  return { trained: { kernels, ...placed, tables: [], shared: [] }, moments };
}

describe('adam', () => {
  it('follows the clipped gradient with its penalty, and thresholds only what the penalty acts on', () => {
    const { trained, moments } = trainedWeights();
    const [rate, clip] = [0.02, 0.8];
    const state = trained.parameters.map(({ weights }) => ({
      w: [...weights.data],
      m: new Array<number>(15).fill(0),
      v: new Array<number>(15).fill(0),
    }));
    for (let update = 1; update <= 3; update++) {
      const whole = trained.parameters.map(({ gradient, penalized }, p) => {
        gradient.data.set(values(10 * update + p));
        return [...gradient.data].map((g, i) => (penalized ? g + state[p]!.w[i]! * (0.5 + 0.1 * (i % 5)) : g));
      });
      const norm = Math.hypot(...whole.flat());
      const result = adam(trained, moments, 1, { rate, clip, sparsity, update: update - 1 });
      expect(result.penalty).toBe(7);
      expect(result.gradientNorm / norm).toBeCloseTo(1, 5);
      expect(norm).toBeGreaterThan(clip);
      state.forEach(({ w, m, v }, p) => {
        whole[p]!.forEach((g, i) => {
          const h = (clip / norm) * g;
          m[i] = 0.9 * m[i]! + 0.1 * h;
          v[i] = 0.999 * v[i]! + 0.001 * h * h;
          const next =
            w[i]! - (rate * (m[i]! / (1 - 0.9 ** update))) / (Math.sqrt(v[i]! / (1 - 0.999 ** update)) + 1e-8);
          w[i] = p === 0 && Math.abs(next) < 0.05 ? 0 : next;
        });
        trained.parameters[p]!.weights.data.forEach((got, i) => {
          expect(Math.abs(got - w[i]!)).toBeLessThan(1e-5);
        });
      });
    }
    const zeros = trained.parameters.map(({ weights }) => weights.data.filter((x) => x === 0).length);
    expect(zeros[0]).toBeGreaterThan(0);
    expect(zeros[1]).toBe(0);
  });

  it('changes no weight when the numbers are lost', () => {
    const { trained, moments } = trainedWeights();
    const before = trained.parameters.map(({ weights }) => [...weights.data]);
    trained.parameters[1]!.gradient.data[3] = Number.NaN;
    const step = { rate: 0.1, clip: 1, sparsity, update: 0 };
    expect(() => adam(trained, moments, 1, step)).toThrow(DivergedError);
    expect(trained.parameters.map(({ weights }) => [...weights.data])).toEqual(before);
  });
});
