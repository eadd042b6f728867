import { describe, expect, it } from 'vitest';
import { fixture, relativeError } from '../../test/fixtures/torch/lstmLanguageModel.ts';
import {
  COLUMNS,
  fakeMethod,
  jointNorm,
  meanLoss,
  PENALTY,
  RATE,
  stateFor,
  step,
  torchGradient,
  weightsOf,
  windows,
  withPenalty,
  wrongUpdates,
} from '../../test/support/torchSteps.ts';
import type { PlainSettings } from '../../test/support/training.ts';
import { adamDefaults, adamw } from '../optimizers/adam.ts';
import { momentum } from '../optimizers/momentum.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import { sgd } from '../optimizers/sgd.ts';
import { withDecay } from '../optimizers/withDecay.ts';

const [first, second] = windows;
const { vocabulary } = fixture.sizes;

describe('an update without a sparsity method', () => {
  const gradient = torchGradient();
  const norm = jointNorm(gradient);

  it.each([
    ['leaves a gradient within the bound as it is', 2 * norm],
    ['shortens a gradient beyond the bound to it', norm / 3],
  ])('%s', async (_, clip) => {
    const state = await stateFor({ clip });
    const before = weightsOf(state);
    const { loss, penalty, gradientNorm } = await step(state);
    expect(loss).toBeCloseTo(meanLoss(first), 5);
    expect(penalty).toBe(0);
    expect(gradientNorm / norm).toBeCloseTo(1, 5);
    expect(wrongUpdates(before, weightsOf(state), gradient, clip)).toEqual([]);
  });
});

describe('an update with a sparsity method', () => {
  it.each([
    ['within the bound', 2],
    ['beyond the bound', 1 / 3],
  ])('adds w · (row + column penalty) to the gradient and clips both together, %s', async (_, share) => {
    const initial = weightsOf(await stateFor({}));
    const gradient = withPenalty(torchGradient(), initial);
    const norm = jointNorm(gradient);
    const clip = share * norm;
    const state = await stateFor({ clip, method: fakeMethod(0).method });
    const { loss, penalty, gradientNorm } = await step(state);
    expect(loss).toBeCloseTo(meanLoss(first), 5);
    expect(penalty).toBe(PENALTY);
    expect(gradientNorm / norm).toBeCloseTo(1, 5);
    expect(wrongUpdates(initial, weightsOf(state), gradient, clip)).toEqual([]);
  });

  it('sets matrix weights below the threshold to 0, not those at it, and neither biases nor words', async () => {
    const free = await stateFor({ method: fakeMethod(0).method });
    await step(free);
    const unbounded = weightsOf(free);
    // A weight as it comes out of this very update, so that one element lies exactly at the threshold.
    const magnitudes = unbounded['lstm_1.weight']!.map(Math.abs).sort((a, b) => a - b);
    const threshold = magnitudes[90]!;
    const state = await stateFor({ method: fakeMethod(threshold).method });
    await step(state);
    const expected = Object.fromEntries(
      Object.entries(unbounded).map(([name, values]) => {
        return [name, name in COLUMNS ? values.map((w) => (Math.abs(w) < threshold ? 0 : w)) : values];
      }),
    );
    const after = weightsOf(state);
    expect(after).toEqual(expected);
    expect(after['lstm_1.weight']!.filter((w) => w === 0)).toHaveLength(90);
    expect(after['lstm_1.weight']!.filter((w) => Math.abs(w) === threshold)).toHaveLength(1);
    for (const name of ['embedding', 'lstm_0.bias', 'lstm_1.bias', 'head.bias']) {
      expect(
        after[name]!.some((w) => Math.abs(w) < threshold),
        `${name} tests nothing`,
      ).toBe(true);
    }
  });

  it('shows the method the squares of the current weights before every update', async () => {
    const { method, seen } = fakeMethod(0.3);
    const state = await stateFor({ method });
    for (const [index, window] of [first, second, first].entries()) {
      const weights = weightsOf(state);
      await step(state, window, { update: index });
      const shown = seen[index]!;
      expect(shown.map((m) => m.name).sort()).toEqual(Object.keys(COLUMNS).sort());
      for (const { name, rowSquares, colSquares } of shown) {
        const cols = COLUMNS[name]!;
        const rows = Array.from(rowSquares, () => 0);
        const columns = Array.from(colSquares, () => 0);
        weights[name]!.forEach((w, k) => {
          rows[Math.floor(k / cols)]! += w * w;
          columns[k % cols]! += w * w;
        });
        expect(relativeError(rowSquares, rows), `rows of ${name}, update ${index}`).toBeLessThan(1e-5);
        expect(relativeError(colSquares, columns), `columns of ${name}, update ${index}`).toBeLessThan(1e-5);
      }
    }
  });
});

describe('what follows an update', () => {
  it.each([
    ['gradient descent', sgd(), true],
    ['gradient descent with a decay', withDecay(sgd(), 1e-9), true],
    ['momentum', momentum({ momentum: 0.9, nesterov: false }), false],
    ['momentum with a decay', withDecay(momentum({ momentum: 0.9, nesterov: false }), 1e-9), false],
    ['Adam with a decay', adamw(0.1, adamDefaults), false],
  ])('is told how far weights went along the gradient, of %s', async (_, optimizer, isClipped) => {
    const steps: number[] = [];
    const { method } = fakeMethod(0);
    const noting = {
      ...method,
      afterUpdate: (_matrices: unknown, done: { step: number }) => void steps.push(done.step),
    };
    const clip = 1e-3;
    const state = await stateFor({ clip, method: noting, createOptimizer: () => optimizer });
    const { gradientNorm } = await step(state);
    expect(gradientNorm).toBeGreaterThan(clip);
    expect(steps[0]! / (isClipped ? (RATE * clip) / gradientNorm : RATE)).toBeCloseTo(1, 12);
  });
});

describe('an update with an optimizer that has a direction of its own', () => {
  const withDirection = (direction: NonNullable<Optimizer['direction']>): PlainSettings => ({
    createOptimizer: () => ({ name: 'fake', slots: [], direction }),
  });

  it('follows the direction of the clipped gradient with the penalty in it', async () => {
    const initial = weightsOf(await stateFor({}));
    const gradient = withPenalty(torchGradient(), initial);
    const norm = jointNorm(gradient);
    const moments: object[] = [];
    const twice = withDirection((_kernels, { gradient: g }, { scale, ...moment }) => {
      moments.push(moment);
      for (let i = 0; i < g.data.length; i++) g.data[i]! *= 2 * scale;
    });
    const state = await stateFor({ clip: norm / 3, method: fakeMethod(0).method, ...twice });
    const { gradientNorm } = await step(state, first, { update: 7 });
    expect(gradientNorm / norm).toBeCloseTo(1, 5);
    const doubled = Object.fromEntries(Object.entries(gradient).map(([name, g]) => [name, g.map((v) => 2 * v)]));
    // The bound is on the gradient, not on the direction.
    expect(wrongUpdates(initial, weightsOf(state), doubled, (2 * norm) / 3)).toEqual([]);
    expect(moments).toEqual(Object.keys(gradient).map(() => ({ update: 7, rate: RATE })));
  });

  it('meets the gradient of this batch alone, also of words that another batch had', async () => {
    const met: number[][] = [];
    const noting = withDirection((_kernels, { name, gradient: g }) => {
      if (name === 'embedding') met.push([...g.data]);
      g.data.fill(7);
    });
    const state = await stateFor(noting);
    for (const [update, window] of [first, second, first].entries()) {
      state.resetStates();
      await step(state, window, { rate: 0, update });
    }
    expect(met[2]).toEqual(met[0]);
    expect(met[1]).not.toEqual(met[0]);
  });

  it('moves words that are not in the batch, too', async () => {
    const used = new Set(first.tokens);
    const absent = Array.from({ length: vocabulary }, (_, word) => word).filter((word) => !used.has(word));
    expect(absent.length, 'tests nothing').toBeGreaterThan(0);
    const down = withDirection((_kernels, { gradient: g }) => void g.data.fill(1));
    for (const [setup, moved] of [[down, RATE] as const, [{}, 0] as const]) {
      const state = await stateFor(setup);
      const before = weightsOf(state).embedding!;
      await step(state);
      const after = weightsOf(state).embedding!;
      const size = after.length / vocabulary;
      for (const word of absent) expect(before[word * size]! - after[word * size]!).toBeCloseTo(moved, 5);
    }
  });
});
