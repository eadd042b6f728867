import fc from 'fast-check';
import { expect, it } from 'vitest';
import { foldableGraph } from '../../test/support/foldableGraphs.ts';
import { randomTensor, runGraph } from '../../test/support/graphs.ts';
import type { Tensor } from '../graph/types.ts';
import { foldConstants } from './foldConstants.ts';

/*
 * Random graphs of constants, sizes and one input: folded and unfolded they give the same.
 */

/** Outputs with one zero: which one of 0 and -0 an operator gives depends on the processor and on what is fused. */
function equalZeros(outputs: Record<string, Tensor>): Record<string, unknown> {
  const numbers = ({ data, ...rest }: Tensor) => ({
    ...rest,
    data: Array.from<unknown>(data).map((v) => (Object.is(v, -0) ? 0 : v)),
  });
  return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, numbers(tensor)]));
}

it('computes the same with and without', async () => {
  let foldedNodes = 0;
  const run = async (length: number, seed: number, outputs = equalZeros) => {
    const graph = foldableGraph(length, seed);
    const feeds = { x: randomTensor([2, 3], seed, 3) };
    const expected = await runGraph(graph, feeds).catch(() => undefined);
    // The engine lacks some operators for some types.
    if (expected === undefined) return;
    const after = foldConstants(graph);
    foldedNodes += graph.nodes.length - after.nodes.length;
    expect(outputs(await runGraph(after, feeds))).toEqual(outputs(expected));
    expect(foldConstants(after)).toBe(after);
  };
  // Where the engine makes 0 of -0.
  await run(24, 811_331, (outputs) => outputs);
  const [length, seed] = [fc.integer({ min: 5, max: 25 }), fc.integer({ min: 1, max: 1e6 })];
  await fc.assert(
    fc.asyncProperty(length, seed, (n, own) => run(n, own)),
    { numRuns: 150 },
  );
  expect(foldedNodes).toBeGreaterThan(150);
});
