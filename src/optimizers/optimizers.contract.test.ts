import { describe, expect, it } from 'vitest';
import { begin, contents, copyOf, type Descent, descend, evaluated, quadratic } from '../../test/support/descent.ts';
import type { OptimizerKind } from './kind.ts';
import { type OptimizerState, resetSlots } from './optimizer.ts';
import { optimizers } from './registry.ts';

/** Averaged descent begins to average after update 27: before, at and after it. */
const HALVES = [0, 9, 28, 29, 43];
const END = 60;
const steps = { rate: 0.02, scale: 0.5, threshold: 0.01 };
const everywhere = [...quadratic.start.keys()];
const places = [1, 4, 5, 10];

const stored = ({ optimizer }: Descent): OptimizerState => JSON.parse(JSON.stringify(optimizer.state?.() ?? {}));
const at = (descent: Descent, indices: readonly number[]) => {
  const all = { ...contents(descent), evaluated: evaluated(descent) };
  return Object.entries(all).map(([name, values]) => [name, indices.map((i) => values[i])]);
};

const kinds = Object.entries<OptimizerKind>(optimizers);

it.each(kinds)('%s is registered under its name, with defaults for its fields', (name, kind) => {
  expect(kind.name).toBe(name);
  expect(kind.fields).toHaveProperty('ema');
  for (const [field, type] of Object.entries(kind.fields)) {
    expect(type).toHaveProperty('description', expect.stringMatching(/./));
    expect(type).toSatisfy(({ safeParse }) => safeParse(kind.defaults[field]).success);
  }
  expect(Object.keys(kind.fields)).toEqual(expect.arrayContaining(Object.keys(kind.defaults)));
  expect(kind.usualRate).toBeGreaterThan(0);
  expect(kind.usualThreshold(kind.usualRate)).toBeGreaterThan(0);
});

const cases = kinds.flatMap(([name, kind]) =>
  [undefined, 0.9].map((ema) => ({ title: ema === undefined ? name : `${name} with a moving average`, kind, ema })),
);

describe.each(cases)('$title', ({ kind, ema }) => {
  const create = (state?: OptimizerState) => kind.create({ ...kind.defaults, ema }, state);
  /** A copy that is made with what a checkpoint holds. */
  const resumed = (descent: Descent, kept = everywhere) => copyOf(descent, create(stored(descent)), kept);

  it.each(HALVES)('goes on bit for bit from what was stored before update %i', (half) => {
    const whole = descend(begin(create(), quadratic), [0, END], steps);
    const first = descend(begin(create(), quadratic), [0, half], steps);
    const second = descend(resumed(first), [half, END], steps);
    expect(contents(second)).toEqual(contents(whole));
    expect(evaluated(second)).toEqual(evaluated(whole));
    expect(stored(second)).toEqual(stored(whole));
  });

  it.each(HALVES)('goes on as before with the units that are left before update %i', (half) => {
    const kept = everywhere.filter((i) => !places.includes(i));
    const large = descend(begin(create(), quadratic), [0, half], steps);
    const small = descend(resumed(large, kept), [half, END], steps);
    descend(large, [half, END], steps);
    expect(at(small, [...kept.keys()])).toEqual(at(large, kept));
  });

  it.each(HALVES)('behaves like new at places that are reset before update %i, as before at all others', (half) => {
    const kept = everywhere.filter((i) => !places.includes(i));
    const first = descend(begin(create(), quadratic), [0, half], steps);
    const [untouched, reset, fresh] = [resumed(first), resumed(first), resumed(first)];
    resetSlots(reset.optimizer, reset.parameter, places);
    resetSlots(fresh.optimizer, fresh.parameter);
    for (const descent of [untouched, reset, fresh]) descend(descent, [half, END], steps);
    expect(at(reset, places)).toEqual(at(fresh, places));
    expect(at(reset, kept)).toEqual(at(untouched, kept));
  });

  it('minimises a quadratic, with the weights in training and with those that are scored', () => {
    const excess = (weights: ArrayLike<number>) =>
      quadratic.curvature.reduce((sum, c, i) => sum + (c * (weights[i]! - quadratic.target[i]!) ** 2) / 2, 0);
    const updates = 2000;
    const rate = (update: number) => 0.05 * (1 - update / updates);
    const descent = descend(begin(create(), quadratic), [0, updates], { rate });
    expect(excess(descent.parameter.weights.data) / excess(quadratic.start)).toBeLessThan(1e-3);
    expect(excess(evaluated(descent)) / excess(quadratic.start)).toBeLessThan(1e-3);
  });

  it('moves nothing but by its weight decay where there is no gradient', () => {
    const flat = { ...quadratic, curvature: quadratic.curvature.map(() => 0) };
    const still = { ...kind.defaults, ema, ...('weightDecay' in kind.fields ? { weightDecay: 0 } : {}) };
    const descent = descend(begin(kind.create(still), flat), [0, END], { rate: 0.5 });
    expect([...descent.parameter.weights.data]).toEqual(flat.start);
    expect(evaluated(descent)).toEqual(flat.start);
  });
});
