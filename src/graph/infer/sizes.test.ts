import { describe, expect, it } from 'vitest';
import { loop, randomTensor } from '../../../test/support/graphs.ts';
import { GraphBuilder, type Value } from '../builder.ts';
import { add, apply, concat, expand, matmul, reshape, squeeze } from '../ops.ts';
import type { Dim, Graph } from '../types.ts';
import { FreeSizes } from './sizes.ts';

type Inputs = Record<string, readonly Dim[]>;

function graphOf(inputs: Inputs, make: (v: Record<string, Value>, b: GraphBuilder) => Value | Value[]): Graph {
  const b = new GraphBuilder('sizes');
  const values = Object.fromEntries(
    Object.entries(inputs).map(([name, shape]) => [name, b.input(name, 'float32', shape)]),
  );
  for (const output of [make(values, b)].flat()) b.output(output);
  return b.build();
}

const weight = (b: GraphBuilder, ...dims: number[]) => b.parameter(b.fresh('w'), randomTensor(dims));

/** An LSTM of 2 units over 5 numbers a step. */
function lstm(b: GraphBuilder, x: Value, h?: Value): Value {
  return apply('LSTM', [x, weight(b, 1, 8, 5), weight(b, 1, 8, 2), undefined, undefined, h], { hidden_size: 2 });
}

describe('sizes that follow from operators', () => {
  it.each<[string, Inputs, (v: Record<string, Value>, b: GraphBuilder) => Value | Value[], Record<string, number>]>([
    ['the weights of an LSTM', { x: ['t', 'b', 'f'] }, ({ x }, b) => lstm(b, x!), { f: 5 }],
    ['a state of fixed size', { x: ['t', 'b', 5], h: [1, 7, 2] }, ({ x, h }, b) => lstm(b, x!, h), { b: 7 }],
    ['the rows of a matrix', { x: ['b', 'f'] }, ({ x }, b) => matmul(x!, weight(b, 4, 2)), { f: 4 }],
    [
      'the channels of a convolution in groups',
      { x: ['b', 'c', 't'] },
      ({ x }, b) => apply('Conv', [x!, weight(b, 6, 2, 3)], { group: 3 }),
      { c: 6 },
    ],
    ['a bias', { x: ['b', 'f'] }, ({ x }, b) => add(x!, weight(b, 3)), { f: 3 }],
    ['a norm', { x: ['b', 'f'] }, ({ x }, b) => apply('LayerNormalization', [x!, weight(b, 3)]), { f: 3 }],
    ['an axis of 1 that goes', { x: ['b', 't', 3] }, ({ x }) => squeeze(x!, [0]), { b: 1 }],
    [
      'a Concat',
      { x: ['b', 2], y: [4, 'n'] },
      ({ x, y }, b) => matmul(concat([x!, y!], 1), weight(b, 5, 1)),
      { b: 4, n: 3 },
    ],
    [
      'a reshape to a fixed shape',
      { x: ['b', 'n', 2] },
      ({ x }) => [reshape(x!, [3, 8]), squeeze(x!, [0])],
      { b: 1, n: 12 },
    ],
    [
      'a split into parts',
      { x: ['b', 'n'] },
      ({ x }, b) => b.node('Split', [x!, b.ints([2, 3])], { axis: 1 }, ['p', 'q']),
      { n: 5 },
    ],
    ['what it is expanded to', { x: ['b', 'n'] }, ({ x }) => expand(x!, [4, 2]), { b: 4, n: 2 }],
    [
      'the steps of a loop',
      { x: ['t', 2], y: [6, 2] },
      ({ x, y }) => loop([], [x!, y!], (_, [a, c]) => [add(a!, c!)]),
      { t: 6 },
    ],
    [
      'the state of a loop',
      { x: ['t', 2], h: ['n'] },
      ({ x, h }, b) => loop([h!], [x!], ([s], [a]) => [s!, matmul(a!, weight(b, 2, 2))])[0]!,
      {},
    ],
  ])('%s', (_, inputs, make, sizes) => {
    const found = new FreeSizes(graphOf(inputs, make));
    const names = [...new Set(Object.values(inputs).flat())].filter((d) => typeof d === 'string');
    const got = Object.fromEntries(
      names.flatMap((name) => (found.size(name) === undefined ? [] : [[name, found.size(name)]])),
    );
    expect(got).toEqual(sizes);
  });

  it('follow from others that are set', () => {
    const found = new FreeSizes(
      graphOf({ x: ['b', 't', 2], y: ['n', 2], z: ['m', 2] }, ({ x, y, z }) => [
        add(reshape(x!, [-1, 2]), y!),
        concat([reshape(y!, [1, -1, 2]), reshape(z!, [1, -1, 2])], 0),
      ]),
    );
    expect(found.name('m')).toBe(found.name('n'));
    found.set('b', 3);
    expect(found.size('n')).toBeUndefined();
    found.set('t', 7);
    expect([found.size('n'), found.size('m')]).toEqual([21, 21]);
    found.set('n', 4);
    expect(found.size('n')).toBe(21);
  });
});
