import { describe, expect, it } from 'vitest';
import { graphOver, numbersOf, randomTensor, runGraph } from '../../test/support/graphs.ts';
import { int64s } from '../graph/attributes.ts';
import { apply } from '../graph/ops.ts';
import type { Tensor } from '../graph/types.ts';
import { scatterAsConcat } from './scatterAsConcat.ts';

/** The places of all elements of a box. */
function places(starts: readonly number[], sizes: readonly number[]): Tensor {
  const count = sizes.reduce((a, b) => a * b, 1);
  const rows = Array.from({ length: count }, (_, i) =>
    starts.map((start, axis) => {
      const inner = sizes.slice(axis + 1).reduce((a, b) => a * b, 1);
      return start + (Math.floor(i / inner) % sizes[axis]!);
    }),
  );
  return int64s([...sizes, starts.length], rows.flat());
}

const data = randomTensor([2, 4, 3], 1);

/** The operators of the rewritten graph, which must compute the same. */
async function rewritten(op: string, indices: Tensor, updates: Tensor, attributes = {}): Promise<string[]> {
  const feeds = { data, updates };
  const graph = graphOver(feeds, (v, b) => apply(op, [v.data, b.constant(indices), v.updates], attributes));
  const after = scatterAsConcat(graph);
  const [expected, got] = [await runGraph(graph, feeds), await runGraph(after, feeds)];
  const values = (all: Record<string, Tensor>) => Object.values(all).flatMap(numbersOf);
  expect(values(got)).toEqual(values(expected));
  return after.nodes.map((node) => node.op).filter((name) => name !== 'Constant');
}

describe('scatterAsConcat', () => {
  it.each([
    ['first', [0, 0, 0], [2, 1, 3], 1],
    ['middle', [0, 1, 0], [2, 2, 3], 2],
    ['last', [0, 2, 0], [2, 2, 3], 1],
    ['all', [0, 0, 0], [2, 4, 3], 0],
  ] as const)('says that the %s steps of an axis are written', async (_, starts, sizes, slices) => {
    const ops = await rewritten('ScatterND', places(starts, sizes), randomTensor(sizes, 2));
    expect(ops).not.toContain('ScatterND');
    expect(ops.filter((op) => op === 'Slice')).toHaveLength(slices);
  });

  it('does so for rows that ScatterElements writes, counted from either end', async () => {
    for (const row of [1, -1]) {
      const indices = int64s([2, 1, 3], new Array<number>(6).fill(row));
      expect(await rewritten('ScatterElements', indices, randomTensor([2, 1, 3], 3), { axis: 1 })).toContain('Concat');
    }
  });

  it('leaves single rows, boxes inside others, other orders, and sums as they are', async () => {
    expect(await rewritten('ScatterND', int64s([1, 1], [1]), randomTensor([1, 4, 3], 2))).toEqual(['ScatterND']);
    expect(await rewritten('ScatterND', places([0, 1, 1], [2, 2, 2]), randomTensor([2, 2, 2], 2))).toEqual([
      'ScatterND',
    ]);
    const mixed = int64s([2, 2, 3], [1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0]);
    expect(await rewritten('ScatterElements', mixed, randomTensor([2, 2, 3], 3), { axis: 1 })).toEqual([
      'ScatterElements',
    ]);
    const sums = { reduction: 'add' };
    expect(await rewritten('ScatterND', places([0, 0, 0], [2, 1, 3]), randomTensor([2, 1, 3], 2), sums)).toEqual([
      'ScatterND',
    ]);
  });
});
