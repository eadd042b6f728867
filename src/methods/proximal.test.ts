import { describe, expect, it } from 'vitest';
import { nothingMoves, plainMatrix } from '../../test/support/plainMatrix.ts';
import { randomStream, uniform } from '../base/random.ts';
import type { AxisComponents, Groups } from '../groups/groups.ts';
import { EPSILON } from './components.ts';
import { proximal } from './proximal.ts';

const LAMBDA = 0.8;
const STEP = 0.5;

function groupsOver(count: number, axes: readonly AxisComponents[]): Groups {
  const components = Int32Array.from({ length: count }, (_, k) => k);
  return { layers: [{ name: 'layer', operator: 'LSTM', components }], count, axes, entangled: new Map() };
}

const norm = (values: readonly number[]) => Math.sqrt(values.reduce((sum, w) => sum + w * w, EPSILON));
const random = (length: number, seed = 1) => uniform(length, 1, randomStream(seed));

describe('proximal, components on one axis', () => {
  // Rows 0, 1 and 3 of [4, 5] are components; row 2 always stays.
  const groups = groupsOver(3, [{ tensor: 'w', axis: 0, role: 'produces', components: Int32Array.of(0, 1, -1, 2) }]);
  const rowOf = (weights: ArrayLike<number>, row: number) => Array.from(weights).slice(5 * row, 5 * row + 5);
  const stepped = (values: Float32Array, strengths?: Float64Array) => {
    const matrix = plainMatrix('w', [4, 5], values);
    proximal(groups, { lambda: LAMBDA, threshold: 0, strengths }).afterUpdate!([matrix], {
      update: 0,
      step: STEP,
      ...nothingMoves,
    });
    return matrix.weights;
  };

  it('is w · max(0, 1 − ηλs/‖w‖) for each row, and leaves what belongs to none', () => {
    const values = random(20);
    const strengths = Float64Array.of(1, 0.5, 2);
    const weights = stepped(values, strengths);
    for (const [k, row] of [0, 1, 3].entries()) {
      const before = rowOf(values, row);
      const factor = Math.max(0, 1 - (STEP * LAMBDA * strengths[k]!) / norm(before));
      expect(factor, 'tests nothing').toBeGreaterThan(0);
      rowOf(weights, row).forEach((w, j) => {
        expect(w).toBeCloseTo(before[j]! * factor, 6);
      });
    }
    expect(rowOf(weights, 2)).toEqual(rowOf(values, 2));
  });

  it('is the least of ½‖x − w‖² + ηλ‖x‖: no way from it goes down', () => {
    const before = rowOf(random(20), 0);
    const objective = (x: readonly number[]) =>
      0.5 * x.reduce((sum, v, j) => sum + (v - before[j]!) ** 2, 0) + STEP * LAMBDA * Math.hypot(...x);
    const least = rowOf(stepped(random(20)), 0);
    const direction = randomStream(3);
    for (let trial = 0; trial < 50; trial++) {
      const moved = least.map((x) => x + 0.02 * (direction() - 0.5));
      expect(objective(moved)).toBeGreaterThan(objective(least));
    }
  });

  it('makes a row whose norm is below ηλ exactly zero, and the one above not', () => {
    const values = new Float32Array(20);
    // Norms just below and just above ηλ.
    values[0] = 0.99 * STEP * LAMBDA;
    values[6] = 1.01 * STEP * LAMBDA;
    const weights = stepped(values);
    expect(rowOf(weights, 0).every((w) => w === 0)).toBe(true);
    expect(weights[6]).toBeGreaterThan(0);
    expect(weights[6]).toBeCloseTo(0.01 * STEP * LAMBDA, 5);
  });
});

describe('proximal, a step much smaller than ε', () => {
  const groups = groupsOver(2, [{ tensor: 'w', axis: 0, role: 'produces', components: Int32Array.of(0, 1) }]);
  const SMALL = 1e-6;

  it('makes a row within reach exactly zero, and leaves a row of zeros zero, also where it draws by nothing', () => {
    for (const strengths of [Float64Array.of(1, 1), Float64Array.of(1, 0)]) {
      const matrix = plainMatrix('w', [2, 2], Float32Array.of(0.5 * SMALL, 0, 0, 0));
      proximal(groups, { lambda: 1, threshold: 0, strengths }).afterUpdate!([matrix], {
        ...{ update: 0, step: SMALL },
        ...nothingMoves,
      });
      expect([...matrix.weights]).toEqual([0, 0, 0, 0]);
    }
  });

  it('draws a row out of reach by just as much', () => {
    const matrix = plainMatrix('w', [2, 2], Float32Array.of(3 * SMALL, 4 * SMALL, 1, 0));
    proximal(groups, { lambda: 1, threshold: 0 }).afterUpdate!([matrix], { update: 0, step: SMALL, ...nothingMoves });
    expect(Math.hypot(matrix.weights[0]!, matrix.weights[1]!) / SMALL).toBeCloseTo(4, 4);
  });
});

describe('proximal, overlapping components', () => {
  // As recurrent weights: unit k is row k and column k. A second tensor reads unit 0 and 2; a bias belongs to all.
  const all = Int32Array.of(0, 1, 2);
  const groups = groupsOver(3, [
    { tensor: 'recurrent', axis: 0, role: 'produces', components: all },
    { tensor: 'recurrent', axis: 1, role: 'reads', components: all },
    { tensor: 'head', axis: 0, role: 'reads', components: Int32Array.of(0, -1, 2) },
    { tensor: 'bias', axis: 0, role: 'bias', components: all },
  ]);
  const fresh = () => {
    // Unit 1 is small enough to vanish.
    const recurrent = random(9, 2).map((w, i) => (Math.floor(i / 3) === 1 || i % 3 === 1 ? 0.05 * w : w));
    return [plainMatrix('recurrent', [1, 3, 3], recurrent), plainMatrix('head', [3, 2], random(6, 3))];
  };
  const at = ({ weights }: { weights: ArrayLike<number> }, i: number, j: number, cols: number) =>
    weights[i * cols + j]!;

  it('takes all norms first, and multiplies an element by the factor of each group that it is in', () => {
    // The stored axis 0 of recurrent has size 1, so its rows are axis 1.
    const stored = {
      ...groups,
      axes: groups.axes.map((a) => (a.tensor === 'recurrent' ? { ...a, axis: a.axis + 1 } : a)),
    };
    const before = fresh();
    const norms = [0, 1, 2].map((k) => {
      const row = [0, 1, 2].map((j) => at(before[0]!, k, j, 3));
      const column = [0, 1, 2].map((i) => at(before[0]!, i, k, 3));
      const head = k === 1 ? [] : [at(before[1]!, k, 0, 2), at(before[1]!, k, 1, 2)];
      return norm([...row, ...column, ...head]);
    });
    const factors = norms.map((n) => Math.max(0, 1 - (STEP * LAMBDA) / n));
    expect(factors[0]).toBeGreaterThan(0);
    expect(factors[1]).toBe(0);
    expect(factors[2]).toBeGreaterThan(0);

    const after = fresh();
    const method = proximal(stored, { lambda: LAMBDA, threshold: 0 });
    // The penalty's value is that of the groups, and no gradient comes from it.
    const penalty = method.beforeUpdate(after, { update: 0, gradientScale: 1 });
    expect(penalty).toBeCloseTo(LAMBDA * norms.reduce((a, b) => a + b), 5);
    for (const { rowPenalty, colPenalty } of after)
      expect([...rowPenalty, ...colPenalty].every((p) => p === 0)).toBe(true);

    method.afterUpdate!(after, { update: 0, step: STEP, ...nothingMoves });
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++) {
        const expected = at(before[0]!, i, j, 3) * factors[i]! * factors[j]!;
        expect(at(after[0]!, i, j, 3), `recurrent[${i},${j}]`).toBeCloseTo(expected, 6);
        if (i === 1 || j === 1) expect(at(after[0]!, i, j, 3) === 0).toBe(true);
      }
      // Row 1 of the head belongs to no component.
      const factor = i === 1 ? 1 : factors[i]!;
      for (let j = 0; j < 2; j++) expect(at(after[1]!, i, j, 2)).toBeCloseTo(at(before[1]!, i, j, 2) * factor, 6);
    }
  });

  it('acts on weights, not on biases', () => {
    expect([...proximal(groups, { lambda: LAMBDA, threshold: 0 }).parameters]).toEqual(['recurrent', 'head']);
  });
});
