import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { graphOver, largestDifference, numbersOf, randomTensor, runGraph } from '../../test/support/graphs.ts';
import { int64s } from '../graph/attributes.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { isRecurrent } from '../graph/operators.ts';
import { add, apply, concat, gather, relu, reshape, slice, split, squeeze, transpose } from '../graph/ops.ts';
import type { Graph, Model } from '../graph/types.ts';
import { joinDirections } from './joinDirections.ts';
import { splitDirections } from './splitDirections.ts';
import { dropZeroStates } from './zeroStates.ts';

// T = 4, B = 2, I = 3, H = 2
const x = { x: randomTensor([4, 2, 3], 1) };

interface LayerOptions {
  readonly op?: string;
  readonly bias?: boolean;
  readonly states?: (b: GraphBuilder) => (Value | undefined)[];
}

const gates: Record<string, number> = { LSTM: 4, GRU: 3, RNN: 1 };

/** Y [T, 2, B, H], Y_h [2, B, H] and, for LSTM, Y_c of a bidirectional layer. */
function bidirectional(input: Value, name: string, { op = 'LSTM', bias = true, states }: LayerOptions = {}): Value[] {
  const b = input.builder;
  const g = gates[op]!;
  const size = input.type.shape!.at(-1) as number;
  const weight = (part: string, dims: number[], seed: number) =>
    b.parameter(`${name}.${part}`, randomTensor(dims, seed));
  const inputs = [
    input,
    weight('W', [2, 2 * g, size], 2),
    weight('R', [2, 2 * g, 2], 3),
    bias ? weight('B', [2, 4 * g], 4) : undefined,
    undefined,
    ...(states?.(b) ?? []),
  ];
  return b.node(op, inputs, { hidden_size: 2, direction: 'bidirectional' }, op === 'LSTM' ? 3 : 2, '', name);
}

/** [T, 2, B, H] → [T, B, 2H] */
const merged = (y: Value) => reshape(transpose(y, [0, 2, 1, 3]), [0, 0, -1]);

const directionsOf = (graph: Graph) =>
  graph.nodes.filter(isRecurrent).map((n) => [n.name, (n.attributes.direction as { value: string }).value]);

/** Checks that split and joined models compute what the model does, and returns both. */
async function expectSame(graph: Graph): Promise<{ apart: Graph; together: Graph }> {
  const model: Model = modelOf(graph);
  const apart = splitDirections(model);
  const together = joinDirections(apart);
  const expected = await runGraph(graph, x);
  for (const other of [apart, together]) {
    const got = await runGraph(other.graph, x);
    expect(Object.keys(got)).toEqual(Object.keys(expected));
    for (const [name, tensor] of Object.entries(expected)) {
      expect(got[name]!.dims).toEqual(tensor.dims);
      expect(largestDifference(numbersOf(got[name]!), numbersOf(tensor))).toBeLessThan(1e-6);
    }
  }
  return { apart: apart.graph, together: together.graph };
}

const operators = (graph: Graph) => graph.nodes.map((n) => n.op).filter((op) => op !== 'Constant');

describe('splitDirections and joinDirections', () => {
  test.each(['LSTM', 'GRU', 'RNN'])('%s: two operators and a Concat, and back', async (op) => {
    const graph = graphOver(x, (v) => merged(bidirectional(v.x, 'layer', { op })[0]!));
    const { apart, together } = await expectSame(graph);
    expect(directionsOf(apart)).toEqual([
      ['layer (forward)', 'forward'],
      ['layer (reverse)', 'reverse'],
    ]);
    expect(operators(apart)).toEqual([op, op, 'Squeeze', 'Squeeze', 'Concat']);
    expect(apart.initializers.get('layer.W.forward')!.dims).toEqual([1, 2 * gates[op]!, 3]);
    expect(operators(together)).toEqual([op, 'Transpose', 'Reshape']);
    expect([...together.initializers.keys()].sort()).toEqual(['layer.B', 'layer.R', 'layer.W']);
    expect(together.initializers.get('layer.W')).toEqual(graph.initializers.get('layer.W'));
  });

  test('the whole outputs, with their final states', async () => {
    const graph = graphOver(x, (v) => bidirectional(v.x, 'layer'));
    const { apart, together } = await expectSame(graph);
    expect(operators(apart).filter((op) => op === 'Concat')).toHaveLength(3);
    expect(operators(together)).toEqual(['LSTM']);
  });

  test('an operator between, batch first', async () => {
    const { apart, together } = await expectSame(
      graphOver(x, (v) => reshape(transpose(relu(bidirectional(v.x, 'layer')[0]!), [2, 0, 1, 3]), [2, 4, 4])),
    );
    expect(operators(apart).filter((op) => op === 'Relu')).toHaveLength(2);
    expect(operators(together)).toEqual(['LSTM', 'Relu', 'Transpose', 'Reshape']);
  });

  test('the last states of both directions side by side', async () => {
    const { apart } = await expectSame(
      graphOver(x, (v, b) => {
        const [, h] = bidirectional(v.x, 'layer');
        const at = (i: number) => apply('Gather', [h!, b.constant(int64s([], [i]))], { axis: 0 });
        return concat([at(-2), at(1)], 1);
      }),
    );
    expect(operators(apart)).toEqual(['LSTM', 'LSTM', 'Squeeze', 'Squeeze', 'Identity', 'Identity', 'Concat']);
  });

  test('one direction cut out of the row', async () => {
    const { apart } = await expectSame(
      graphOver(x, (v) => slice(merged(bidirectional(v.x, 'layer')[0]!), [2], [4], [2])),
    );
    expect(operators(apart)).not.toContain('Concat');
  });

  test('columns out of a row of layers of different widths', async () => {
    const columns = (start: number, end: number) =>
      graphOver(x, (v, b) => {
        const wide = b.node(
          'LSTM',
          [v.x, b.parameter('W', randomTensor([2, 16, 3], 5)), b.parameter('R', randomTensor([2, 16, 4], 6))],
          { hidden_size: 4, direction: 'bidirectional' },
          1,
          '',
          'wide',
        );
        return slice(concat([merged(bidirectional(v.x, 'layer')[0]!), merged(wide[0]!)], 2), [start], [end], [2]);
      });
    for (const [start, end] of [
      [3, 6],
      [4, 8],
      [2, 4],
      [8, 12],
    ] as const)
      await expectSame(columns(start, end));
  });

  test('stacked layers', async () => {
    const { apart, together } = await expectSame(
      graphOver(x, (v) => merged(bidirectional(merged(bidirectional(v.x, 'first')[0]!), 'second')[0]!)),
    );
    expect(directionsOf(apart)).toHaveLength(4);
    expect(operators(together)).toEqual(['LSTM', 'Transpose', 'Reshape', 'LSTM', 'Transpose', 'Reshape']);
  });

  test('final states of two layers in one tensor', async () => {
    const { apart } = await expectSame(
      graphOver(x, (v, b) => {
        const first = bidirectional(v.x, 'first');
        const second = bidirectional(merged(first[0]!), 'second');
        const all = concat([first[1]!, second[1]!], 0);
        return [gather(all, b.ints([3])), slice(all, [-2], [2 ** 31], [0]), ...split(all, 4, 0)];
      }),
    );
    expect(operators(apart).filter((op) => op === 'Concat').length).toBeLessThanOrEqual(2);
  });

  test('weights that two layers share stay shared', async () => {
    const graph = graphOver(x, (v, b) => {
      const [y] = bidirectional(v.x, 'layer');
      const [w, r, bias] = ['W', 'R', 'B'].map((n) => b.value(`layer.${n}`));
      const attributes = { hidden_size: 2, direction: 'bidirectional' };
      return add(y!, b.node('LSTM', [relu(v.x), w, r, bias], attributes, 1)[0]!);
    });
    const { apart, together } = await expectSame(graph);
    expect([...apart.initializers.keys()].filter((n) => n.startsWith('layer.W'))).toEqual([
      'layer.W.forward',
      'layer.W.reverse',
    ]);
    expect([...together.initializers.keys()].sort()).toEqual(['layer.B', 'layer.R', 'layer.W']);
  });

  test('initial states, computed or stored', async () => {
    const states = (b: GraphBuilder) => [
      concat([b.parameter('h0', randomTensor([1, 2, 2], 8)), b.parameter('h1', randomTensor([1, 2, 2], 9))], 0),
      b.parameter('c', randomTensor([2, 2, 2], 10)),
    ];
    const { apart } = await expectSame(graphOver(x, (v) => merged(bidirectional(v.x, 'layer', { states })[0]!)));
    expect(apart.nodes.filter(isRecurrent).map((n) => n.inputs[5])).toEqual(['h0', 'h1']);
  });

  test('what needs the value as a whole gets it', async () => {
    await expectSame(
      graphOver(x, (v, b) => {
        const [y, h] = bidirectional(v.x, 'layer');
        return [apply('ReduceSum', [y!, b.ints([1])], { keepdims: 0 }), apply('Shape', [y!]), add(h!, 1)];
      }),
    );
  });

  test('random chains of moves', async () => {
    const moves: Record<string, (v: Value) => Value> = {
      transpose: (v) =>
        transpose(
          v,
          [...v.type.shape!.keys()].map((_, i, all) => (i + 1) % all.length),
        ),
      swap: (v) => transpose(v, [...v.type.shape!.keys()].reverse()),
      relu,
      unsqueeze: (v) => apply('Unsqueeze', [v, v.builder.ints([1])]),
      squeeze: (v) => (v.type.shape!.indexOf(1) < 0 ? v : squeeze(v, [v.type.shape!.indexOf(1)])),
      first: (v) => gather(v, v.builder.constant(int64s([], [0]))),
      last: (v) => apply('Gather', [v, v.builder.ints([-1])], { axis: v.type.shape!.length - 1 }),
      tail: (v) => (Number(v.type.shape!.at(-2)) < 2 ? v : slice(v, [1], [2], [v.type.shape!.length - 2])),
      merge: (v) => reshape(v, [...v.type.shape!.slice(0, -2).map(Number), -1]),
    };
    const names = Object.keys(moves);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 5 }), async (chain) => {
        const graph = graphOver(x, (v) => {
          const [y, h] = bidirectional(v.x, 'layer');
          return [y!, h!].map((value) =>
            chain.reduce((at, move) => (at.type.shape!.length < 2 ? at : moves[move]!(at)), relu(value)),
          );
        });
        await expectSame(graph);
      }),
      { numRuns: 60 },
    );
  });

  test('a model without such layers is returned as it is', () => {
    const model = modelOf(graphOver(x, (v) => relu(v.x)));
    expect(splitDirections(model)).toBe(model);
    expect(joinDirections(model)).toBe(model);
  });
});

describe('dropZeroStates', () => {
  const withState = (state: (b: GraphBuilder, v: Value) => Value) =>
    graphOver(x, (v, b) => merged(bidirectional(v.x, 'layer', { states: () => [state(b, v.x), undefined] })[0]!));

  test.each<[string, (b: GraphBuilder, v: Value) => Value]>([
    ['a constant', (b) => b.constant({ ...randomTensor([2, 2, 2]), data: new Float32Array(8) })],
    ['a shape filled with zeros, moved', (b) => transpose(apply('ConstantOfShape', [b.ints([2, 2, 2])]), [1, 0, 2])],
    ['zeros behind a Tanh', (b) => apply('Tanh', [apply('ConstantOfShape', [b.ints([2, 2, 2])])])],
    [
      'a zero spread out',
      (b) => apply('Expand', [b.parameter('zero', randomTensor([1, 1, 1], 1, 0)), b.ints([2, 2, 2])]),
    ],
  ])('drops %s', async (_, state) => {
    const graph = withState(state);
    const { graph: without } = dropZeroStates(modelOf(graph));
    expect(without.nodes.find(isRecurrent)!.inputs).toHaveLength(4);
    expect(operators(without)).toEqual(['LSTM', 'Transpose', 'Reshape']);
    const [a, b] = [await runGraph(graph, x), await runGraph(without, x)];
    expect(Object.values(b)[0]!.data).toEqual(Object.values(a)[0]!.data);
  });

  test('keeps any other', () => {
    const model = modelOf(withState((b) => b.parameter('h', randomTensor([2, 2, 2]))));
    expect(dropZeroStates(model)).toBe(model);
  });
});
