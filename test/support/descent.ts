import { expect } from 'vitest';
import { instantiateKernels, type Kernels } from '../../src/kernels/kernels.ts';
import { Arena } from '../../src/kernels/memory.ts';
import { type OptimizedParameter, type Optimizer, resetSlots } from '../../src/optimizers/optimizer.ts';

/** Σ_i c_i (w_i − t_i)² / 2: each weight has a gradient of its own, c_i (w_i − t_i). */
export interface Quadratic {
  readonly start: readonly number[];
  readonly target: readonly number[];
  readonly curvature: readonly number[];
}

/** Weights on their way down a quadratic, in a memory of their own. */
export interface Descent {
  readonly quadratic: Quadratic;
  readonly optimizer: Optimizer;
  readonly kernels: Kernels;
  readonly parameter: OptimizedParameter;
  /** One update with the gradient that is in memory, as the trainer does it for a parameter that a method acts on. */
  update(moment: { update: number } & Steps): void;
}

/** What stays the same from update to update. */
export interface Steps {
  readonly rate: number;
  /** The gradient times this is followed. */
  readonly scale?: number | undefined;
  /** Weights below it become 0. */
  readonly threshold?: number | undefined;
}

/** Updates in an epoch: after each the optimizer learns a score that is worse than those before. */
const EPOCH = 4;

/** A quadratic with eleven weights, so that kernels end with a rest, all of another curvature. */
export const quadratic: Quadratic = {
  start: [1, -1, 0.5, 0.25, -0.75, 1.5, -2, 0.125, 1.25, -0.5, 2],
  target: [0.5, 1, -0.5, 0.75, 0.75, 1, -1.5, 1.25, -1, -0.25, 1],
  curvature: [1, 0.5, 2, 1.5, 0.75, 1.25, 0.6, 0.9, 1.1, 1.75, 0.8],
};

/** Puts the weights into memory, with slots as at the start. */
export function begin(optimizer: Optimizer, quadratic: Quadratic): Descent {
  const arena = new Arena(1 << 16);
  const kernels = instantiateKernels(arena.memory);
  const cols = quadratic.start.length;
  const [weights, gradient, colDecay, colSquares] = Array.from({ length: 4 }, () => arena.float32(cols));
  const [rowDecay, rowSquares] = [arena.float32(1), arena.float32(1)];
  const slots = Object.fromEntries(optimizer.slots.map(({ name }) => [name, arena.float32(cols)]));
  const parameter = { name: 'w', weights: weights!, gradient: gradient!, slots };
  weights!.data.set(quadratic.start);
  resetSlots(optimizer, parameter);
  const operands = {
    ...{ weights: weights!.offset, gradient: gradient!.offset, rows: 1, cols },
    ...{ rowDecay: rowDecay.offset, colDecay: colDecay!.offset },
    ...{ rowSquares: rowSquares.offset, colSquares: colSquares!.offset },
  };
  return {
    ...{ quadratic, optimizer, kernels, parameter },
    update({ update, rate, scale = 1, threshold = 0 }) {
      const moment = { update, rate, scale };
      optimizer.direction?.(kernels, parameter, moment);
      kernels.update({ ...operands, step: optimizer.direction ? rate : rate * scale, threshold });
      optimizer.afterUpdate?.(kernels, parameter, moment);
    },
  };
}

/** Does the updates `from`, …, `to` − 1; `rate` may depend on the update. */
export function descend(
  descent: Descent,
  [from, to]: readonly [number, number],
  { rate, ...steps }: Omit<Steps, 'rate'> & { readonly rate: number | ((update: number) => number) },
): Descent {
  const { quadratic, optimizer, parameter } = descent;
  for (let update = from; update < to; update++) {
    const { gradient, weights } = parameter;
    gradient.data.set(quadratic.curvature.map((c, i) => c * (weights.data[i]! - quadratic.target[i]!)));
    descent.update({ update, rate: typeof rate === 'number' ? rate : rate(update), ...steps });
    if ((update + 1) % EPOCH === 0) optimizer.afterEpoch?.(update, 0, Number.POSITIVE_INFINITY);
  }
  return descent;
}

/** The same weights and slots in another memory, of these places only, with an optimizer that goes on. */
export function copyOf({ quadratic, parameter }: Descent, optimizer: Optimizer, places: readonly number[]): Descent {
  const at = (values: ArrayLike<number>) => places.map((i) => values[i]!);
  const { target, curvature } = quadratic;
  const copy = begin(optimizer, {
    start: at(parameter.weights.data),
    target: at(target),
    curvature: at(curvature),
  });
  for (const [name, { data }] of Object.entries(copy.parameter.slots)) data.set(at(parameter.slots[name]!.data));
  return copy;
}

/** The weights that are scored and saved. */
export function evaluated({ optimizer, parameter: { weights, slots } }: Descent): number[] {
  const slot = optimizer.evaluated?.();
  return [...(slot === undefined ? weights : slots[slot]!).data];
}

/** Weights and slots. */
export function contents({ parameter: { weights, slots } }: Descent): Record<string, number[]> {
  const entries = Object.entries({ weights, ...slots });
  return Object.fromEntries(entries.map(([name, { data }]) => [name, [...data]]));
}

/** An optimizer of one weight in plain numbers: from w, the gradient to follow and t from 0 to the next w. */
export type Rule = (w: number, gradient: number, update: number) => number;

/** The first `updates` weights of an optimizer are those of a rule, which is made anew for each weight, to 1e-6. */
export function expectToFollow(optimizer: Optimizer, ruleOf: () => Rule, updates: number, { rate, scale = 1 }: Steps) {
  const descent = begin(optimizer, quadratic);
  const rules = quadratic.start.map(ruleOf);
  let expected = [...quadratic.start];
  for (let update = 0; update < updates; update++) {
    descend(descent, [update, update + 1], { rate, scale });
    expected = expected.map((w, i) => {
      const gradient = quadratic.curvature[i]! * (w - quadratic.target[i]!);
      return rules[i]!(w, scale * gradient, update);
    });
    expectNear(descent.parameter.weights.data, expected);
  }
}

/** Equal to 1e-6, relative for large numbers. */
export function expectNear(actual: ArrayLike<number>, expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  const errors = expected.map((x, i) => Math.abs(actual[i]! - x) / Math.max(1, Math.abs(x)));
  expect(Math.max(...errors)).toBeLessThan(1e-6);
}
