import { describe, expect, it } from 'vitest';
import { loop } from '../../../test/support/graphs.ts';
import { testModel } from '../../../test/support/models.ts';
import { int64s } from '../../graph/attributes.ts';
import { GraphBuilder, type Value } from '../../graph/builder.ts';
import { sizeOf } from '../../graph/dims.ts';
import {
  add,
  concat,
  gather,
  identity,
  matmul,
  mul,
  relu,
  scan,
  sigmoid,
  split,
  squeeze,
  tanh,
  unsqueeze,
} from '../../graph/ops.ts';
import { type StatePair, statesOf } from '../../graph/states.ts';
import type { Graph, Tensor } from '../../graph/types.ts';
import { lowerRecurrent } from '../../passes/lowerRecurrent.ts';
import { traceGraph } from '../trace.ts';
import { recurrentStates } from './cells.ts';

const tensor = (dims: readonly number[]): Tensor => {
  return { elementType: 'float32', dims, data: new Float32Array(sizeOf(dims)).fill(1) };
};

/** Name, operator, units and how many of them may leave, of each layer that is found. */
function found(graph: Graph, states: StatePair[] = []) {
  const trace = traceGraph(graph, states);
  return recurrentStates(graph, trace, states).map(({ name, operator, ids }) => {
    return [name, operator, ids.length, ids.filter((id) => trace.identities.find(id) > 0).length];
  });
}

/** h' = tanh(x W + h R), c' = c + h', both from values of the step. */
const remember = (w: Value, r: Value) => (x: Value, h: Value, c: Value) => {
  const next = tanh(add(matmul(x, w), matmul(h, r)));
  return [next, add(c, next)] as const;
};

describe('recurrentStates', () => {
  it('finds the cells that a lowered LSTM is made of, its memory being the same units', () => {
    const model = testModel({
      vocabulary: 5,
      embedding: 3,
      layers: [
        { hidden: 2, direction: 'forward' },
        { hidden: 4, direction: 'reverse' },
      ],
    });
    // Each LSTM is its own business; once lowered it is a Scan like any other.
    expect(found(model.graph, statesOf(model))).toEqual([]);
    const layers = found(lowerRecurrent(model.graph), statesOf(model));
    expect(layers.map(([, ...rest]) => rest)).toEqual([
      ['Scan', 2, 2],
      ['Scan', 4, 4],
    ]);
    // Without a word about the states, they are data from outside, and keep their units.
    const fixed = found(lowerRecurrent(model.graph));
    expect(fixed.map(([, ...rest]) => rest)).toEqual([
      ['Scan', 2, 0],
      ['Scan', 4, 0],
    ]);
  });

  it('calls a state that is named after its loop by its own name, and the only one by that of the loop', () => {
    const names = (states: readonly string[]) => {
      const b = new GraphBuilder('g');
      const x = b.input('x', 'float32', ['time', 2, 4]);
      const body = new GraphBuilder('body', b);
      const inside = states.map((name) => body.input(name, 'float32', [2, 4]));
      const row = body.input('row', 'float32', [2, 4]);
      const next = inside.map((h) => tanh(add(matmul(h, b.parameter(b.fresh('w'), tensor([4, 4]))), row)));
      for (const h of [...next, ...next]) body.output(h);
      scan(
        states.map(() => b.constant(tensor([2, 4]))),
        [x],
        body.build(),
        { label: 'deep' },
      );
      return found(b.build()).map(([name]) => name);
    };
    expect(names(['deep.h'])).toEqual(['deep']);
    expect(names(['h'])).toEqual(['deep (h)']);
    expect(names(['deep.h', 'deep.g', 'deeper'])).toEqual(['deep (h)', 'deep (g)', 'deep (deeper)']);
  });

  it('tells the cells of one loop apart, and leaves counters and sums alone', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', 'float32', ['time', 'batch', 3]);
    const parameter = (...dims: number[]) => b.parameter(b.fresh('w'), tensor(dims));
    const zeros = (size: number) => b.constant(tensor([2, size]));
    const first = remember(parameter(3, 4), parameter(4, 4));
    const second = remember(parameter(4, 5), parameter(5, 5));
    const [, , , , , y] = loop(
      [zeros(4), zeros(4), zeros(5), zeros(5), b.constant(tensor([]))],
      [x],
      ([h1, c1, h2, c2, count], [row]) => {
        const [a, ca] = first(row!, h1!, c1!);
        const [z, cz] = second(a, h2!, c2!);
        return [a, ca, z, cz, add(count!, 1), relu(z)];
      },
    );
    b.output(matmul(y!, parameter(5, 2)));
    expect(found(b.build())).toEqual([
      [expect.stringMatching(/^Scan_0 \(state_\d+\)$/), 'Scan', 4, 4],
      [expect.stringMatching(/^Scan_0 \(state_\d+\)$/), 'Scan', 5, 5],
    ]);
  });

  it('finds the units behind a projection, which no output carries', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', 'float32', ['time', 'batch', 3]);
    const parameter = (...dims: number[]) => b.parameter(b.fresh('w'), tensor(dims));
    const [w, r, p] = [parameter(3, 5), parameter(2, 5), parameter(5, 2)];
    const [, , y] = loop([b.constant(tensor([2, 2])), b.constant(tensor([2, 5]))], [x], ([h, c], [row]) => {
      const next = add(mul(c!, 0.5), tanh(add(matmul(row!, w), matmul(h!, r))));
      const projected = matmul(tanh(next), p);
      return [projected, next, identity(projected)];
    });
    b.output(matmul(y!, parameter(2, 2)));
    expect(found(b.build()).map(([, , units, free]) => [units, free])).toEqual([
      [2, 2],
      [5, 5],
    ]);
  });

  it('finds the cell of a Loop that is handed its weights as states', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', 'float32', ['time', 2, 3]);
    const w = b.parameter('w', tensor([7, 4]));
    const body = new GraphBuilder('body', b);
    const i = body.input('i', 'int64', []);
    const go = body.input('go', 'bool', []);
    const h = body.input('h', 'float32', [2, 4]);
    const weight = body.input('weight', 'float32', [7, 4]);
    const row = gather(x, i);
    const next = sigmoid(matmul(concat([row, h], 1), weight));
    body.output(identity(go));
    body.output(next);
    body.output(identity(weight));
    body.output(relu(next));
    const attributes = { body: { type: 'graph' as const, value: body.build() } };
    const states = [b.constant(int64s([], [3])), undefined, b.constant(tensor([2, 4])), w];
    const [, , y] = b.node('Loop', states, attributes, 3, '', 'while');
    b.output(matmul(y!, b.parameter('v', tensor([4, 2]))));
    expect(found(b.build())).toEqual([['while (h)', 'Loop', 4, 4]]);
  });

  it('finds a cell whose steps are all written down, by the weight that each of them uses', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', 'float32', [3, 2, 3]);
    const cell = remember(b.parameter('w', tensor([3, 4])), b.parameter('r', tensor([4, 4])));
    let [h, c]: readonly [Value, Value] = [b.constant(tensor([2, 4])), b.constant(tensor([2, 4]))];
    for (const row of split(x, 3, 0)) [h, c] = cell(squeeze(row, [0]), h, c);
    b.output(matmul(h, b.parameter('v', tensor([4, 2]))));
    expect(found(b.build())).toEqual([['MatMul_1', 'MatMul', 4, 4]]);
  });

  it('finds a single step between streaming states, stacked ones in each layer that reads them', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', 'float32', ['batch', 3]);
    const parameter = (...dims: number[]) => b.parameter(b.fresh('w'), tensor(dims));
    const [h, c] = [b.input('h', 'float32', [2, 'batch', 4]), b.input('c', 'float32', [2, 'batch', 4])];
    const [hs, cs] = [split(h, 2, 0), split(c, 2, 0)].map((parts) => parts.map((part) => squeeze(part, [0])));
    const [a, ca] = remember(parameter(3, 4), parameter(4, 4))(x, hs![0]!, cs![0]!);
    const [z, cz] = remember(parameter(4, 4), parameter(4, 4))(a, hs![1]!, cs![1]!);
    b.output(concat([unsqueeze(a, [0]), unsqueeze(z, [0])], 0), 'h_next');
    b.output(concat([unsqueeze(ca, [0]), unsqueeze(cz, [0])], 0), 'c_next');
    b.output(matmul(z, parameter(4, 2)), 'y');
    const states = [
      { input: 'h', output: 'h_next' },
      { input: 'c', output: 'c_next' },
    ];
    expect(found(b.build(), states)).toEqual([
      ['MatMul_1', 'RNN cell', 4, 4],
      ['MatMul_3', 'RNN cell', 4, 4],
    ]);
  });

  it('finds nothing in a network without states, not even where weights are used twice', () => {
    const b = new GraphBuilder('g');
    const [w, v] = [b.parameter('w', tensor([3, 4])), b.parameter('v', tensor([4, 2]))];
    for (const name of ['x', 'y']) b.output(matmul(relu(matmul(b.input(name, 'float32', ['batch', 3]), w)), v));
    expect(found(b.build())).toEqual([]);
  });
});
