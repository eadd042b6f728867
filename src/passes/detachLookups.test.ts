import { describe, expect, it } from 'vitest';
import { distinct, graphOver, loop, numbersOf, randomTensor } from '../../test/support/graphs.ts';
import { expectSameGraph, int32s } from '../../test/support/samePass.ts';
import { int64s } from '../graph/attributes.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import { apply, gather, mul } from '../graph/ops.ts';
import type { Tensor } from '../graph/types.ts';
import { detachLookups } from './detachLookups.ts';

describe('detachLookups', () => {
  const tokens = int32s([2, 3], [4, 0, 1, 4, 2, 2]);
  const table = distinct([5, 4]);
  const rowsOf = (dims: readonly number[]): Tensor => {
    const rows = numbersOf(tokens).flatMap((t) => numbersOf(table).slice(4 * t, 4 * t + 4));
    return { elementType: 'float32', dims, data: Float32Array.from(rows) };
  };

  it('takes the rows as an input in place of table and indices', async () => {
    const graph = graphOver({ tokens }, (v, b) => mul(gather(b.parameter('words', table), v.tokens), 3));
    const { graph: detached, lookups } = detachLookups(graph);
    expect(lookups).toEqual([{ table: 'words', indices: 'tokens', values: expect.any(String) }]);
    const { values } = lookups[0]!;
    expect(detached.initializers.size).toBe(0);
    expect(detached.inputs.map((v) => [v.name, v.type.shape])).toEqual([[values, [2, 3, 4]]]);
    await expectSameGraph(graph, detached, { tokens, [values]: rowsOf([2, 3, 4]) });
  });

  it('keeps free dimensions, and an input that something else reads too', async () => {
    const build = (v: { tokens: Value }, b: GraphBuilder) => [
      mul(gather(b.parameter('words', table), v.tokens), 3),
      apply('Neg', [v.tokens]),
    ];
    const graph = graphOver({ tokens }, build, { tokens: ['time', 'batch'] });
    const { graph: detached, lookups } = detachLookups(graph);
    const values = detached.inputs.find((v) => v.name === lookups[0]!.values)!;
    expect(values.type.shape).toEqual(['time', 'batch', 4]);
    expect(detached.inputs.map((v) => v.name)).toContain('tokens');
    await expectSameGraph(graph, detached, { tokens, [values.name]: rowsOf([2, 3, 4]) });
  });

  it('keeps an input that only the body of a loop reads', async () => {
    const scale = randomTensor([4], 3);
    const graph = graphOver({ tokens, scale }, (v, b) =>
      loop([], [gather(b.parameter('words', table), v.tokens)], (_, [x]) => [mul(x!, v.scale)]),
    );
    const { graph: detached, lookups } = detachLookups(graph);
    await expectSameGraph(graph, detached, { tokens, scale, [lookups[0]!.values]: rowsOf([2, 3, 4]) });
  });

  it('leaves other gathers: computed indices, a computed table, another axis, no matrix, no float32', async () => {
    const graph = graphOver({ tokens }, (v, b) => {
      const words = b.parameter('words', table);
      return [
        gather(words, apply('Abs', [v.tokens])),
        gather(mul(words, 2), v.tokens),
        gather(b.parameter('wide', distinct([2, 5])), v.tokens, 1),
        gather(b.parameter('vector', distinct([5])), v.tokens),
        gather(b.parameter('whole', int64s([5, 1], [1, 2, 3, 4, 5])), v.tokens),
      ];
    });
    const { graph: detached, lookups } = detachLookups(graph);
    expect(lookups).toEqual([]);
    await expectSameGraph(graph, detached, { tokens });
  });
});
