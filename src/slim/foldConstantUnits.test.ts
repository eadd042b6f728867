import { describe, expect, it } from 'vitest';
import { randomTensor } from '../../test/support/graphs.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { add, matmul, squeeze } from '../graph/ops.ts';
import type { Model } from '../graph/types.ts';
import { describeModel } from '../inspect/describe.ts';
import { nodeRuntime } from '../runtime/node.ts';
import type { Tensors } from '../runtime/runtime.ts';
import { verifyEqual } from '../verify/verify.ts';
import { shrinkZeros } from './shrink.ts';

/* Units that only biases drive, and how they leave. */

const HIDDEN = 5;
const GATES = { LSTM: 4, GRU: 3, RNN: 1 } as const;
type Cell = keyof typeof GATES;

let seed = 0;
const drawn = (dims: readonly number[]) => randomTensor(dims, ++seed, 0.7);

/** A layer with biases, all of whose weights and biases for the units in `silent` are zero. */
function recurrent(x: Value, cell: Cell, name: string, silent: readonly number[], state?: Value): Value {
  const b = x.builder;
  const rows = GATES[cell] * HIDDEN;
  const inputs = x.type.shape!.at(-1) as number;
  const parts = { w: [1, rows, inputs], r: [1, rows, HIDDEN], b: [1, 2 * rows] };
  const weights = Object.entries(parts).map(([part, dims]) => {
    const tensor = drawn(dims);
    const width = part === 'b' ? 1 : dims[2]!;
    for (let i = 0; i < tensor.data.length; i++) {
      if (silent.includes(Math.floor(i / width) % HIDDEN)) tensor.data[i] = 0;
    }
    return b.parameter(`${name}.${part}`, tensor);
  });
  const [y] = b.node(cell, [x, ...weights, undefined, state], { hidden_size: HIDDEN }, 1, '', name);
  return squeeze(y!, [1]);
}

/** A dense layer of five units; weights that make those in `constant` are zero. */
function dense(x: Value, name: string, activation: string, constant: readonly number[]): Value {
  const b = x.builder;
  const weight = drawn([x.type.shape!.at(-1) as number, HIDDEN]);
  for (let i = 0; i < weight.data.length; i++) if (constant.includes(i % HIDDEN)) weight.data[i] = 0;
  const product = matmul(x, b.parameter(`${name}.w`, weight));
  return b.node(activation, [add(product, b.parameter(`${name}.b`, drawn([HIDDEN])))], {}, 1, '', name)[0]!;
}

function modelWith(make: (x: Value) => Value): Model {
  const b = new GraphBuilder('folded');
  const made = make(b.input('x', 'float32', ['time', 'batch', 3]));
  b.output(matmul(made, b.parameter('head', drawn([made.type.shape!.at(-1) as number, 2]))), 'y');
  return modelOf(b.build());
}

/** Changes a stored tensor in place. */
function change(model: Model, name: string, to: (value: number, index: number) => number): Model {
  const data = model.graph.initializers.get(name)!.data as Float32Array;
  for (let i = 0; i < data.length; i++) data[i] = to(data[i]!, i);
  return model;
}

const feeds: Tensors[] = [{ x: drawn([6, 4, 3]) }, { x: drawn([1, 2, 3]) }];

/** Units of each layer after what can leave has left; the model must compute what it did. */
async function unitsLeft(model: Model, given = feeds): Promise<number[]> {
  const { model: slim, groups, prepared, removed, layers } = shrinkZeros(model, { allLayers: true });
  const { maxRelativeDifference } = await verifyEqual(nodeRuntime, model, slim, {
    feeds: given,
    removal: { groups, removed, prepared },
  });
  expect(maxRelativeDifference).toBeLessThan(1e-6);
  const { layers: described } = describeModel(model, { allLayers: true });
  expect(described.map(({ units, removable }) => units - removable!)).toEqual(layers.map(({ after }) => after));
  return layers.map(({ after }) => after);
}

describe('a unit of a dense layer that only its bias drives', () => {
  it.each(['Relu', 'Tanh', 'Sigmoid', 'Softplus', 'Softsign', 'Elu', 'LeakyRelu', 'Identity'])(
    'leaves by its readers biases behind %s',
    async (activation) => {
      const model = modelWith((x) =>
        recurrent(dense(recurrent(x, 'GRU', 'a', []), 'd', activation, [1, 3]), 'LSTM', 'b', []),
      );
      expect(await unitsLeft(model)).toEqual([5, 5, 3]);
    },
  );

  it('leaves where its reader has no bias yet, and takes along who reads it alone', async () => {
    const model = modelWith((x) =>
      dense(dense(recurrent(x, 'LSTM', 'a', []), 'd', 'Tanh', [0, 4]), 'e', 'Sigmoid', []),
    );
    // Unit 2 of the second layer reads units 0 and 4 of the first.
    change(model, 'e.w', (w, i) => (i % HIDDEN === 2 && ![0, 4].includes(Math.floor(i / HIDDEN)) ? 0 : w));
    expect(await unitsLeft(model)).toEqual([5, 3, 4]);
  });

  it('stays where a weight that reads it has another use', async () => {
    const model = modelWith((x) => {
      const d = dense(recurrent(x, 'GRU', 'a', []), 'd', 'Relu', [1]);
      const shared = d.builder.parameter('shared', drawn([HIDDEN, HIDDEN]));
      return add(matmul(d, shared), matmul(matmul(d, shared), shared));
    });
    expect((await unitsLeft(model))[0]).toBe(5);
  });
});

describe('a unit of a recurrent layer without weights', () => {
  it.each(['LSTM', 'GRU', 'RNN'] as const)('and biases is 0, and leaves an %s', async (cell) => {
    const model = modelWith((x) => recurrent(recurrent(x, cell, 'a', [0, 2]), cell, 'b', [4]));
    expect(await unitsLeft(model)).toEqual([3, 4]);
  });

  it.each(['LSTM', 'GRU'] as const)('with a bias changes from step to step, and stays in an %s', async (cell) => {
    const model = modelWith((x) => recurrent(recurrent(x, cell, 'a', [0, 2]), cell, 'b', []));
    // The candidate of unit 2.
    const candidate = (GATES[cell] - 1) * HIDDEN + 2;
    change(model, 'a.b', (b, i) => (i === candidate ? 0.4 : b));
    expect(await unitsLeft(model)).toEqual([4, 5]);
    const { lossy } = describeModel(model).layers[0]!;
    expect(lossy).toEqual([{ reason: expect.stringContaining('no bias can stand for'), units: 1 }]);
  });

  it('with a bias leaves an RNN where only other layers read it', async () => {
    const model = modelWith((x) => recurrent(recurrent(x, 'RNN', 'a', [1, 3]), 'GRU', 'b', []));
    change(model, 'a.b', (b, i) => (i === 1 || i === 3 ? 0.6 : b));
    // Its own layer reads unit 3, which is 0 before the first step.
    change(model, 'a.r', (r, i) => (i % HIDDEN === 1 ? 0 : r));
    expect(await unitsLeft(model)).toEqual([4, 5]);
  });

  it('stays where a state is given', async () => {
    const model = modelWith((x) => {
      const state = x.builder.input('h', 'float32', [1, 'batch', HIDDEN]);
      return recurrent(x, 'GRU', 'a', [0, 2], state);
    });
    const given = feeds.map((feed) => ({ ...feed, h: drawn([1, feed.x!.dims[1]!, HIDDEN]) }));
    expect(await unitsLeft(model, given)).toEqual([5]);
  });
});
