import fc from 'fast-check';
import { expect, it } from 'vitest';
import { foldableGraph } from '../../test/support/foldableGraphs.ts';
import { randomTensor, runGraph } from '../../test/support/graphs.ts';
import { foldConstants } from './foldConstants.ts';

/*
 * Random graphs of constants, sizes and one input: folded and unfolded they give the same.
 */

it('computes the same with and without', async () => {
  let foldedNodes = 0;
  const run = async (length: number, seed: number) => {
    const graph = foldableGraph(length, seed);
    const feeds = { x: randomTensor([2, 3], seed, 3) };
    const expected = await runGraph(graph, feeds).catch(() => undefined);
    // The engine lacks some operators for some types.
    if (expected === undefined) return;
    const after = foldConstants(graph);
    foldedNodes += graph.nodes.length - after.nodes.length;
    expect(await runGraph(after, feeds)).toEqual(expected);
    expect(foldConstants(after)).toBe(after);
  };
  await fc.assert(fc.asyncProperty(fc.integer({ min: 5, max: 25 }), fc.integer({ min: 1, max: 1e6 }), run), {
    numRuns: 150,
  });
  expect(foldedNodes).toBeGreaterThan(150);
});
