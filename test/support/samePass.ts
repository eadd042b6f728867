import { expect } from 'vitest';
import { inferGraph, Scope } from '../../src/graph/infer/infer.ts';
import type { Graph, Tensor } from '../../src/graph/types.ts';
import { largestDifference, numbersOf, runGraph } from './graphs.ts';

/*
 * For tests of passes: what a pass must keep.
 */

/** Operators of a graph in order, those of its bodies left out. */
export function operatorsOf(graph: Graph): string[] {
  return graph.nodes.map((n) => n.op);
}

/** An int32 tensor. */
export function int32s(dims: readonly number[], values: readonly number[]): Tensor {
  return { elementType: 'int32', dims, data: Int32Array.from(values) };
}

/** Both graphs declare the same outputs and compute the same values up to rounding; each is fed what it declares. */
export async function expectSameGraph(before: Graph, after: Graph, feeds: Record<string, Tensor>): Promise<void> {
  expect(after.outputs).toEqual(before.outputs);
  inferGraph(after, new Scope());
  const fed = (graph: Graph) => Object.fromEntries(graph.inputs.map((v) => [v.name, feeds[v.name]!]));
  const [expected, got] = [await runGraph(before, fed(before)), await runGraph(after, fed(after))];
  for (const [name, tensor] of Object.entries(expected)) {
    expect(got[name]!.dims, name).toEqual(tensor.dims);
    expect(largestDifference(numbersOf(got[name]!), numbersOf(tensor)), name).toBeLessThan(1e-5);
  }
}
