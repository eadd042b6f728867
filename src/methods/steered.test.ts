import { describe, expect, it } from 'vitest';
import { descend, plainMatrix } from '../../test/support/plainMatrix.ts';
import { randomStream } from '../base/random.ts';
import type { Groups } from '../groups/groups.ts';
import { EPSILON } from './components.ts';
import type { MethodState, SparsityMethod } from './method.ts';
import { proximal } from './proximal.ts';
import { type SteeringOptions, steered } from './steered.ts';

/*
 * A problem whose answer is known: unit k is row k, the loss is ½‖w − w*‖², and a run of the proximal step ends with
 * the units whose ‖w*_k‖ is greater than λ_k.
 */
const UNITS = 40;
const COLS = 6;
const UPDATES = 600;
const EVERY = 10;
const STEP = 0.1;

const groups: Groups = {
  layers: [{ name: 'layer', operator: 'LSTM', components: Int32Array.from({ length: UNITS }, (_, k) => k) }],
  count: UNITS,
  axes: [{ tensor: 'w', axis: 0, role: 'produces', components: Int32Array.from({ length: UNITS }, (_, k) => k) }],
  entangled: new Map(),
};

/** w*: norms from 0.2 to 2.2, in no order. */
function goalWeights(): Float32Array {
  const random = randomStream(4);
  const goal = new Float32Array(UNITS * COLS);
  for (let k = 0; k < UNITS; k++) {
    const row = Array.from({ length: COLS }, () => random() - 0.5);
    const norm = 0.2 + (2 * ((7 * k) % UNITS)) / UNITS;
    row.forEach((v, j) => {
      goal[k * COLS + j] = (norm * v) / Math.hypot(...row);
    });
  }
  return goal;
}

const share = (left: Uint8Array) => left.reduce((n, l) => n + l, 0) / UNITS;

function steeredTo(target: number, lambda: number, options: Partial<SteeringOptions> = {}): SparsityMethod {
  return steered((strengths) => proximal(groups, { lambda, threshold: 0, strengths }), groups, {
    target,
    shareOf: share,
    strengths: new Float64Array(UNITS).fill(1),
    learned: (update) => update / UPDATES,
    every: EVERY,
    ...options,
  });
}

/** Trains the problem and gives the norms ‖w_k‖ at the end; `replaced` may take the method over at an update. */
function train(method: SparsityMethod, replaced = (m: SparsityMethod, _update: number) => m): number[] {
  const goal = goalWeights();
  // Weights start small and equal for all, as training does.
  const matrix = plainMatrix(
    'w',
    [UNITS, COLS],
    goal.map((_, i) => 0.1 * Math.cos(i)),
  );
  let current = method;
  for (let update = 0; update < UPDATES; update++) {
    current = replaced(current, update);
    matrix.weights.forEach((w, i) => {
      matrix.gradient[i] = w - goal[i]!;
    });
    descend([matrix], current, STEP, update);
  }
  return [...matrix.rowSquares].map(Math.sqrt);
}

const alive = (norms: readonly number[]) => norms.reduce((n, v) => n + (v > 0 ? 1 : 0), 0);

describe('steered', () => {
  it('has nothing to do with the target when λ stays: the problem tells a good search from none', () => {
    const fixed = (lambda: number) => alive(train(proximal(groups, { lambda, threshold: 0 })));
    expect(fixed(0.01)).toBe(UNITS);
    expect(fixed(1.5)).toBeLessThan(0.4 * UNITS);
  });

  it.each([
    [0.25, 0.03],
    [0.25, 0.1],
    [0.5, 0.05],
    [0.5, 0.3],
    [0.75, 0.05],
  ])('ends with the share %f of the units, from λ %f', (target, lambda) => {
    expect(Math.abs(alive(train(steeredTo(target, lambda))) - target * UNITS)).toBeLessThanOrEqual(1);
  });

  it('has reached its target when no more than it, and a twentieth, are left', () => {
    const [whole, few] = [1, 0.54].map((part) => {
      const rows = Array.from({ length: UNITS }, (_, k) => (k < part * UNITS ? 1 : 0));
      return plainMatrix('w', [UNITS, COLS], Float32Array.from(rows.flatMap((v) => Array<number>(COLS).fill(v))));
    });
    expect(steeredTo(0.5, 0.1).isReached!([whole!], { updates: 1 })).toBe(false);
    expect(steeredTo(0.5, 0.1).isReached!([few!], { updates: 1 })).toBe(true);
    expect(steeredTo(0.4, 0.1).isReached!([few!], { updates: 1 })).toBe(false);
  });

  it('keeps the units that are worth most', () => {
    const goal = goalWeights();
    const worth = (k: number) => Math.hypot(...goal.slice(k * COLS, (k + 1) * COLS));
    const norms = train(steeredTo(0.5, 0.05));
    const of = (isAlive: boolean) => norms.flatMap((v, k) => (v > 0 === isAlive ? [worth(k)] : []));
    // One or two around the border may have changed places.
    expect(of(true).sort((a, b) => a - b)[2]).toBeGreaterThan(of(false).sort((a, b) => b - a)[2]!);
  });

  it('searches by the share that it is given, in whatever unit', () => {
    // The first half of the units counts three times as much as the second.
    const weight = (k: number) => (k < UNITS / 2 ? 3 : 1);
    const shareOf = (left: Uint8Array) => left.reduce((n, l, k) => n + l * weight(k), 0) / (2 * UNITS);
    const norms = train(steeredTo(0.4, 0.05, { shareOf }));
    const left = shareOf(Uint8Array.from(norms, (v) => (v > 0 ? 1 : 0)));
    expect(Math.abs(left - 0.4)).toBeLessThanOrEqual(4 / (2 * UNITS));
  });

  it('is λ s_k ‖w_k‖ before it has seen enough', () => {
    const strengths = Float64Array.from({ length: UNITS }, (_, k) => 1 + k);
    const matrix = plainMatrix('w', [UNITS, COLS], goalWeights());
    const penalty = steeredTo(0.5, 0.1, { strengths }).beforeUpdate([matrix], { update: 0, gradientScale: 1 });
    const norms = [...matrix.rowSquares].map((s) => Math.sqrt(s + EPSILON));
    expect(penalty).toBeCloseTo(
      norms.reduce((sum, v, k) => sum + 0.1 * strengths[k]! * v, 0),
      4,
    );
  });

  it.each([250, 257])('goes on from its state after %i updates as if it had never stopped', (stop) => {
    const whole = train(steeredTo(0.5, 0.05));
    const resumed = train(steeredTo(0.5, 0.05), (method, update) => {
      if (update !== stop) return method;
      const state = JSON.parse(JSON.stringify(method.state!())) as MethodState;
      return steeredTo(0.5, 0.05, { state });
    });
    expect(resumed).toEqual(whole);
    // The state matters: without it the search begins anew.
    const forgetful = train(steeredTo(0.5, 0.05), (method, update) =>
      update === stop ? steeredTo(0.5, 0.05) : method,
    );
    expect(forgetful).not.toEqual(whole);
  });
});

/*
 * Single looks at norms that are made up: two layers of two units, of which half should stay.
 */
const four: Groups = {
  layers: [
    { name: 'small', operator: 'LSTM', components: Int32Array.of(0, 1) },
    { name: 'large', operator: 'LSTM', components: Int32Array.of(2, 3) },
  ],
  count: 4,
  axes: [{ tensor: 'w', axis: 0, role: 'produces', components: Int32Array.of(0, 1, 2, 3) }],
  entangled: new Map(),
};

/** λ's factor for each unit after looks at these norms, when so much of the learning is done. */
function afterLooks(looks: readonly { learned: number; norms: readonly number[] }[], own = [1, 1, 1, 1]): number[] {
  let pressed = new Float64Array();
  const idle = { name: 'idle', parameters: new Set(['w']), threshold: 0, beforeUpdate: () => 0 };
  const make = (strengths: Float64Array) => {
    pressed = strengths as Float64Array<ArrayBuffer>;
    return idle;
  };
  const method = steered(make, four, {
    target: 0.5,
    shareOf: (left) => left.reduce((n, l) => n + l, 0) / 4,
    strengths: Float64Array.from(own),
    learned: (update) => looks[update]!.learned,
    every: 1,
  });
  const matrix = plainMatrix('w', [4, 1], [0, 0, 0, 0]);
  for (const [update, { norms }] of looks.entries()) {
    matrix.weights.set(norms);
    matrix.passes.cut(0);
    method.beforeUpdate([matrix], { update, gradientScale: 1 });
  }
  return [...pressed].map((s) => Number(s.toFixed(6)));
}

describe('a look at the norms', () => {
  const steady = [1, 0.2, 100, 20];

  it('compares units with those of their own layer, whatever the scale of the layer', () => {
    const factors = afterLooks([0.2, 0.25].map((learned) => ({ learned, norms: steady })));
    expect(factors).toEqual([1, 1.1, 1, 1.1]);
  });

  it('multiplies the factors that each unit has of its own', () => {
    const looks = [0.2, 0.25, 0.3].map((learned) => ({ learned, norms: steady }));
    expect(afterLooks(looks, [1, 2, 3, 4])).toEqual([1, 2 * 1.21, 3, 4 * 1.21]);
  });

  it('changes nothing before a tenth of the learning is done, and presses harder when the target is due', () => {
    const at = (...learned: number[]) => afterLooks(learned.map((l) => ({ learned: l, norms: steady })));
    expect(at(0.05, 0.08, 0.099)).toEqual([1, 1, 1, 1]);
    expect(at(0.05, 0.08, 0.101)).toEqual([1, 1.1, 1, 1.1]);
    expect(at(0.55, 0.61)).toEqual([1, 1.3, 1, 1.3]);
  });

  it('expects norms to go on as they went, a little ahead even when the target is due', () => {
    const before = { learned: 0.65, norms: [1.3, 0.9, 1, 0.2] };
    const after = { learned: 0.7, norms: [1, 0.9, 1, 0.2] };
    // The first unit is still the largest of its layer, but 0.3 smaller at every look.
    expect(afterLooks([before, after])).toEqual([1.3, 1, 1, 1.3]);
  });

  it('relieves a unit that should stay and would vanish', () => {
    const before = { learned: 0.2, norms: [1.2, 0.2, 1, 0.2] };
    const after = { learned: 0.3, norms: [1, 0.05, 1, 0.2] };
    expect(afterLooks([before, after])).toEqual([0.7, 1, 1, 1.1]);
  });
});
