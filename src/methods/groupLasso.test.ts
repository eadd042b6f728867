import { describe, expect, it } from 'vitest';
import { randomNumbers } from '../../test/support/graphs.ts';
import { sizeOf } from '../graph/dims.ts';
import { statesOf } from '../graph/states.ts';
import type { Groups } from '../groups/groups.ts';
import { traceGroups } from '../groups/trace.ts';
import { languageModel } from '../models/languageModel.ts';
import { EPSILON } from './components.ts';
import { groupLasso } from './groupLasso.ts';
import type { Matrix, UpdateMoment, WeightPasses } from './method.ts';

const LAMBDA = 0.3;
const lasso = (groups: Groups, threshold = 0) => groupLasso(groups, { lambda: LAMBDA, threshold });
const moment: UpdateMoment = { update: 0, gradientScale: 1 };

/** Group lasso needs none of them. */
const refuse = () => {
  throw new Error('group lasso asks for nothing but the penalty');
};
const passes: WeightPasses = { addSign: refuse, maskGradient: refuse, scale: refuse, cut: refuse, refresh: refuse };

/** A weight matrix in the trainer's memory with its current values. */
interface Weights {
  readonly matrix: Matrix;
  readonly values: Float64Array;
}

function weightsOf(name: string, dims: readonly number[], seed: number): Weights {
  const random = randomNumbers(seed);
  const cols = dims[dims.length - 1]!;
  const rows = sizeOf(dims) / cols;
  const matrix: Matrix = {
    name,
    dims,
    rows,
    cols,
    weights: new Float32Array(rows * cols),
    gradient: new Float32Array(rows * cols),
    passes,
    rowSquares: new Float32Array(rows),
    colSquares: new Float32Array(cols),
    // What is left from the update before must not count.
    rowPenalty: new Float32Array(rows).fill(7),
    colPenalty: new Float32Array(cols).fill(7),
  };
  return { matrix, values: Float64Array.from({ length: rows * cols }, () => random() - 0.5) };
}

/** Puts the squares of the current values in place, as the trainer does. */
function prepare(all: readonly Weights[]): Matrix[] {
  for (const { matrix, values } of all) {
    matrix.rowSquares.fill(0);
    matrix.colSquares.fill(0);
    values.forEach((w, i) => {
      matrix.rowSquares[Math.floor(i / matrix.cols)]! += w * w;
      matrix.colSquares[i % matrix.cols]! += w * w;
    });
  }
  return all.map((w) => w.matrix);
}

/** An element of a group: matrix and place in it; one that is listed twice counts twice. */
type Element = readonly [name: string, index: number];

const range = (n: number) => [...Array(n).keys()];

/**
 * The groups of a two-layer LSTM language model as the paper draws them: every weight of a hidden unit's ISS component.
 */
function paperGroups(embedding: number, [first, second]: readonly [number, number], vocabulary: number): Element[][] {
  const unit = (layer: string, hidden: number, inputs: number, k: number, readers: Element[]): Element[] => [
    ...range(4).flatMap((gate) => {
      const row = gate * hidden + k;
      return [
        ...range(inputs).map((j): Element => [`${layer}.weight`, row * inputs + j]),
        ...range(hidden).map((j): Element => [`${layer}.recurrent`, row * hidden + j]),
      ];
    }),
    ...range(4 * hidden).map((i): Element => [`${layer}.recurrent`, i * hidden + k]),
    ...readers,
  ];
  return [
    ...range(first).map((k) => {
      const readers = range(4 * second).map((i): Element => ['lstm_1.weight', i * first + k]);
      return unit('lstm_0', first, embedding, k, readers);
    }),
    ...range(second).map((k) => {
      const readers = range(vocabulary).map((v): Element => ['head.weight', k * vocabulary + v]);
      return unit('lstm_1', second, first, k, readers);
    }),
  ];
}

/** Equations 2–4 element by element: R = λ Σ_k √(ε + Σ w²) and ∂R/∂w = λ Σ_k w / ‖w_k‖, once for each listing. */
function plainLasso(lists: readonly Element[][], all: readonly Weights[]) {
  const values = new Map(all.map((w) => [w.matrix.name, w.values]));
  const gradients = new Map(all.map((w) => [w.matrix.name, new Float64Array(w.values.length)]));
  let penalty = 0;
  for (const list of lists) {
    const norm = Math.sqrt(list.reduce((sum, [name, i]) => sum + values.get(name)![i]! ** 2, EPSILON));
    penalty += LAMBDA * norm;
    for (const [name, i] of list) gradients.get(name)![i]! += (LAMBDA * values.get(name)![i]!) / norm;
  }
  return { penalty, gradients };
}

const gradientAt = ({ matrix, values }: Weights, i: number) =>
  values[i]! * (matrix.rowPenalty[Math.floor(i / matrix.cols)]! + matrix.colPenalty[i % matrix.cols]!);

describe('groupLasso on a language model', () => {
  const sizes = { vocabulary: 5, embedding: 4, hidden: [3, 2] as const };
  const model = languageModel(sizes);
  const groups = traceGroups(model.graph, { states: statesOf(model) });
  const lists = paperGroups(sizes.embedding, sizes.hidden, sizes.vocabulary);
  const fresh = () =>
    ['lstm_0.weight', 'lstm_0.recurrent', 'lstm_1.weight', 'lstm_1.recurrent', 'head.weight'].map((name, i) =>
      weightsOf(name, model.graph.initializers.get(name)!.dims, i + 1),
    );

  it('is equations 2–4 of the paper over the groups of the paper', () => {
    const all = fresh();
    const method = lasso(groups, 1e-4);
    // Twice with different weights: nothing of the first update may stay.
    for (const scale of [1, 0.5]) {
      for (const { values } of all) values.set(values.map((v) => scale * v));
      const { penalty, gradients } = plainLasso(lists, all);
      expect(method.beforeUpdate(prepare(all), moment)).toBeCloseTo(penalty, 5);
      for (const weights of all) {
        gradients.get(weights.matrix.name)!.forEach((expected, i) => {
          expect(gradientAt(weights, i), `${weights.matrix.name}[${i}]`).toBeCloseTo(expected, 6);
        });
      }
    }
  });

  it('counts the recurrent weights of a unit to itself twice', () => {
    const counts = new Map<string, number>();
    for (const [name, i] of lists[0]!) counts.set(`${name}[${i}]`, (counts.get(`${name}[${i}]`) ?? 0) + 1);
    expect([...counts].filter(([, n]) => n === 2).map(([element]) => element)).toEqual([
      'lstm_0.recurrent[0]',
      'lstm_0.recurrent[9]',
      'lstm_0.recurrent[18]',
      'lstm_0.recurrent[27]',
    ]);
    const all = fresh();
    for (const { values } of all) values.fill(0);
    all[1]!.values[9] = 2;
    const penalty = lasso(groups).beforeUpdate(prepare(all), moment);
    // One group of norm √(2 · 2²), the four others of norm √ε.
    expect(penalty).toBeCloseTo(LAMBDA * (Math.sqrt(8) + 4 * Math.sqrt(EPSILON)), 6);
    expect(gradientAt(all[1]!, 9)).toBeCloseTo((LAMBDA * 2 * 2) / Math.sqrt(8), 6);
  });

  it('has the gradient that finite differences of its value give', () => {
    const all = fresh();
    const penaltyOf = () => lasso(groups).beforeUpdate(prepare(all), moment);
    penaltyOf();
    const gradients = all.map((weights) => range(weights.values.length).map((i) => gradientAt(weights, i)));
    const h = 1e-3;
    for (const [m, { matrix, values }] of all.entries()) {
      for (const i of range(values.length)) {
        const w = values[i]!;
        values[i] = w + h;
        const above = penaltyOf();
        values[i] = w - h;
        const below = penaltyOf();
        values[i] = w;
        expect((above - below) / (2 * h), `${matrix.name}[${i}]`).toBeCloseTo(gradients[m]![i]!, 3);
      }
    }
  });

  it('stays finite where a whole group is zero', () => {
    const all = fresh();
    for (const { values } of all) values.fill(0);
    const penalty = lasso(groups).beforeUpdate(prepare(all), moment);
    expect(penalty).toBeCloseTo(5 * LAMBDA * Math.sqrt(EPSILON), 9);
    for (const { matrix } of all) {
      expect([...matrix.rowPenalty, ...matrix.colPenalty].every(Number.isFinite), matrix.name).toBe(true);
    }
  });

  it('presses some components harder', () => {
    const all = fresh();
    const strengths = Float64Array.from({ length: groups.count }, (_, k) => 1 + k);
    const method = groupLasso(groups, { lambda: LAMBDA, threshold: 0, strengths });
    const norms = lists.map((list) =>
      Math.sqrt(
        list.reduce((sum, [name, i]) => sum + all.find((w) => w.matrix.name === name)!.values[i]! ** 2, EPSILON),
      ),
    );
    const expected = norms.reduce((sum, norm, k) => sum + LAMBDA * (1 + k) * norm, 0);
    expect(method.beforeUpdate(prepare(all), moment)).toBeCloseTo(expected, 5);
    // A row of the head is in the group of one unit of the upper layer alone.
    const head = all.at(-1)!;
    const unit = sizes.hidden[0] + 1;
    expect(head.matrix.rowPenalty[1]).toBeCloseTo((LAMBDA * (1 + unit)) / norms[unit]!, 5);
  });

  it('passes the threshold on', () => {
    expect(lasso(groups, 1e-4).threshold).toBe(1e-4);
  });
});

describe('groupLasso on any axis', () => {
  it('takes the rows of all earlier axes, and leaves biases, fixed indices and tensors that are not trained', () => {
    // Two components over a stored tensor [2, 3, 2, 4]: axis 1 and the last one; index 1 of axis 1 always stays.
    const groups: Groups = {
      entangled: new Map(),
      layers: [{ name: 'layer', operator: 'LSTM', components: Int32Array.of(0, 1) }],
      count: 2,
      axes: [
        { tensor: 'w', axis: 1, role: 'produces', components: Int32Array.of(0, -1, 1) },
        { tensor: 'w', axis: 3, role: 'reads', components: Int32Array.of(1, 1, -1, 0) },
        { tensor: 'v', axis: 0, role: 'bias', components: Int32Array.of(0, 1) },
        { tensor: 'words', axis: 1, role: 'produces', components: Int32Array.of(0, 1) },
      ],
    };
    const all = [weightsOf('w', [2, 3, 2, 4], 1), weightsOf('v', [2, 3], 2), weightsOf('other', [2, 2], 3)];
    const lists = range(2).map((k) =>
      range(48).flatMap((i): Element[] => {
        const made = [0, -1, 1][Math.floor(i / 8) % 3] === k;
        const read = [1, 1, -1, 0][i % 4] === k;
        return [...(made ? [['w', i] as const] : []), ...(read ? [['w', i] as const] : [])];
      }),
    );
    const { penalty, gradients } = plainLasso(lists, all);
    expect(lasso(groups).beforeUpdate(prepare(all), moment)).toBeCloseTo(penalty, 5);
    for (const weights of all) {
      gradients.get(weights.matrix.name)!.forEach((expected, i) => {
        expect(gradientAt(weights, i), `${weights.matrix.name}[${i}]`).toBeCloseTo(expected, 6);
      });
    }
  });
});
