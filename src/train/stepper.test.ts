import { afterEach, describe, expect, it } from 'vitest';
import {
  asOurs,
  fixture,
  relativeError,
  type TorchWindow,
  torchModel,
} from '../../test/fixtures/torch/lstmLanguageModel.ts';
import { SlimError } from '../base/errors.ts';
import { floats } from '../graph/attributes.ts';
import type { Matrix, SparsityMethod } from '../methods/method.ts';
import { LOGITS } from '../models/languageModel.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { DivergedError, Stepper, type StepperOptions } from './stepper.ts';

const { batch, time } = fixture.sizes;
const [first, second] = fixture.plain.windows as [TorchWindow, TorchWindow];
const RATE = 0.7;

const made: Stepper[] = [];
afterEach(async () => {
  for (const stepper of made.splice(0)) await stepper.release();
});

async function stepperFor(options: Partial<StepperOptions>, keep = 1): Promise<Stepper> {
  const stepper = await Stepper.create(torchModel({ keep }), {
    runtime: nodeRuntime,
    logits: LOGITS,
    batch,
    time,
    clip: 1e6,
    seed: 1,
    threads: 1,
    ...options,
  });
  made.push(stepper);
  return stepper;
}

function step(stepper: Stepper, window = first, { rate = RATE, index = 0 } = {}) {
  stepper.targets.set(window.targets);
  return stepper.step(Int32Array.from(window.tokens), rate, index);
}

/** Current weights by name, copied. */
function weightsOf(stepper: Stepper): Record<string, number[]> {
  const { initializers } = stepper.model().graph;
  return Object.fromEntries([...initializers].map(([name, t]) => [name, [...(t.data as Float32Array)]]));
}

/** ∂(cross entropy)/∂w / B of the first window, by PyTorch. */
function torchGradient(): Record<string, number[]> {
  const summed = asOurs(first.gradients, 'gradients');
  return Object.fromEntries(Object.entries(summed).map(([name, g]) => [name, g.map((v) => v / batch)]));
}

/** The norm over all gradients together. */
const jointNorm = (gradient: Record<string, number[]>) => Math.hypot(...Object.values(gradient).flat());

/** Parameters whose change is not −rate · min(1, clip/‖g‖) · g. */
function wrongUpdates(
  before: Record<string, number[]>,
  after: Record<string, number[]>,
  gradient: Record<string, number[]>,
  clip: number,
): string[] {
  const factor = -RATE * Math.min(1, clip / jointNorm(gradient));
  return Object.entries(gradient).flatMap(([name, g]) => {
    const change = after[name]!.map((w, i) => w - before[name]![i]!);
    const error = relativeError(
      change,
      g.map((v) => factor * v),
    );
    return error <= 1e-4 ? [] : [`${name}: largest difference ${error.toExponential(1)} of its largest change`];
  });
}

describe('Stepper without sparsity', () => {
  const gradient = torchGradient();
  const norm = jointNorm(gradient);

  it.each([
    ['leaves a gradient within the bound as it is', 2 * norm],
    ['shortens a gradient beyond the bound to it', norm / 3],
  ])('%s', async (_, clip) => {
    const stepper = await stepperFor({ clip });
    const before = weightsOf(stepper);
    const { loss, penalty, gradientNorm } = await step(stepper);
    expect(loss).toBeCloseTo(first.loss, 4);
    expect(penalty).toBe(0);
    expect(gradientNorm / norm).toBeCloseTo(1, 5);
    expect(wrongUpdates(before, weightsOf(stepper), gradient, clip)).toEqual([]);
  });

  it('carries the states to the next window', async () => {
    const stepper = await stepperFor({});
    expect((await step(stepper, first, { rate: 0 })).loss).toBeCloseTo(first.loss, 4);
    expect((await step(stepper, second, { rate: 0 })).loss).toBeCloseTo(second.loss, 4);
    for (const [name, state] of stepper.stateTensors()) {
      expect(relativeError(state.data as Float32Array, second.states[name]!), name).toBeLessThan(1e-5);
    }
    stepper.resetStates();
    expect((await step(stepper, first, { rate: 0 })).loss).toBeCloseTo(first.loss, 4);
    stepper.setStates(new Map(Object.entries(first.states).map(([name, s]) => [name, floats([s.length], s)])));
    expect((await step(stepper, second, { rate: 0 })).loss).toBeCloseTo(second.loss, 4);
  });

  it('draws the same dropout for the same seed and update, another one for another', async () => {
    const losses = [];
    for (const [seed, index] of [
      [1, 0],
      [1, 0],
      [1, 1],
      [2, 0],
    ] as const) {
      const stepper = await stepperFor({ seed }, 0.5);
      losses.push((await step(stepper, first, { index })).loss);
    }
    expect(losses[1]).toBe(losses[0]);
    expect(new Set(losses).size).toBe(3);
  });

  it('keeps the weights when the numbers are lost', async () => {
    const stepper = await stepperFor({});
    const before = weightsOf(stepper);
    stepper
      .stateTensors()
      .get('lstm_0.h')!
      .data.fill(Number.NaN as never);
    await expect(step(stepper)).rejects.toThrow(DivergedError);
    expect(weightsOf(stepper)).toEqual(before);
  });

  it('refuses states of another size', async () => {
    const stepper = await stepperFor({});
    const states = new Map(stepper.stateTensors()).set('lstm_1.c', floats([2], [0, 0]));
    expect(() => stepper.setStates(states)).toThrow(SlimError);
    expect(() => stepper.setStates(states)).toThrow("state 'lstm_1.c' needs 21 numbers, got 2");
  });
});

const PENALTY = 4.5;
const rowPenalty = (i: number) => 0.25 * (1 + (i % 4));
const colPenalty = (j: number) => 0.125 * (j % 3);

/** A method with given penalties, which notes the squares that it sees. */
function fakeMethod(threshold: number) {
  const seen: { name: string; rowSquares: number[]; colSquares: number[] }[][] = [];
  const method: SparsityMethod = {
    name: 'fake',
    parameters: new Set(Object.keys(COLUMNS)),
    threshold,
    beforeUpdate(matrices: readonly Matrix[]) {
      seen.push(matrices.map((m) => ({ name: m.name, rowSquares: [...m.rowSquares], colSquares: [...m.colSquares] })));
      for (const m of matrices) {
        m.rowPenalty.set(Array.from({ length: m.rows }, (_, i) => rowPenalty(i)));
        m.colPenalty.set(Array.from({ length: m.cols }, (_, j) => colPenalty(j)));
      }
      return PENALTY;
    },
  };
  return { method, seen };
}

/** Columns of the matrices that a method sees: neither vectors nor the table of words. */
const COLUMNS: Readonly<Record<string, number>> = {
  'lstm_0.weight': 6,
  'lstm_0.recurrent': 5,
  'lstm_1.weight': 5,
  'lstm_1.recurrent': 7,
  'head.weight': 17,
};

/** g + w · (row + column penalty) */
function withPenalty(gradient: Record<string, number[]>, weights: Record<string, number[]>): Record<string, number[]> {
  const entries = Object.entries(gradient).map(([name, g]) => {
    const cols = COLUMNS[name];
    if (cols === undefined) return [name, g];
    return [name, g.map((v, k) => v + weights[name]![k]! * (rowPenalty(Math.floor(k / cols)) + colPenalty(k % cols)))];
  });
  return Object.fromEntries(entries);
}

describe('Stepper with a sparsity method', () => {
  it.each([
    ['within the bound', 2],
    ['beyond the bound', 1 / 3],
  ])('adds w · (row + column penalty) to the gradient and clips both together, %s', async (_, share) => {
    const initial = weightsOf(await stepperFor({}));
    const gradient = withPenalty(torchGradient(), initial);
    const norm = jointNorm(gradient);
    const clip = share * norm;
    const stepper = await stepperFor({ clip, sparsity: fakeMethod(0).method });
    const { loss, penalty, gradientNorm } = await step(stepper);
    expect(loss).toBeCloseTo(first.loss, 4);
    expect(penalty).toBe(PENALTY);
    expect(gradientNorm / norm).toBeCloseTo(1, 5);
    expect(wrongUpdates(initial, weightsOf(stepper), gradient, clip)).toEqual([]);
  });

  it('sets matrix weights below the threshold to 0, not those at it, and neither biases nor words', async () => {
    const free = await stepperFor({ sparsity: fakeMethod(0).method });
    await step(free);
    const unbounded = weightsOf(free);
    // A weight as it comes out of this very update, so that one element lies exactly at the threshold.
    const magnitudes = unbounded['lstm_1.weight']!.map(Math.abs).sort((a, b) => a - b);
    const threshold = magnitudes[90]!;
    const stepper = await stepperFor({ sparsity: fakeMethod(threshold).method });
    await step(stepper);
    const expected = Object.fromEntries(
      Object.entries(unbounded).map(([name, values]) => {
        return [name, name in COLUMNS ? values.map((w) => (Math.abs(w) < threshold ? 0 : w)) : values];
      }),
    );
    const after = weightsOf(stepper);
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
    const stepper = await stepperFor({ sparsity: method });
    for (const [index, window] of [first, second, first].entries()) {
      const weights = weightsOf(stepper);
      await step(stepper, window, { index });
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
