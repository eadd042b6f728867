import { sizeOf } from '../../src/graph/dims.ts';
import { modelOf } from '../../src/graph/model.ts';
import type { StatePair } from '../../src/graph/states.ts';
import type { Graph, Tensor } from '../../src/graph/types.ts';
import { nodeRuntime } from '../../src/runtime/node.ts';
import type { Tensors } from '../../src/runtime/runtime.ts';
import { largestDifference, numbersOf, runGraph } from './graphs.ts';

/*
 * For tests: graphs for many examples or steps beside the graph of one, run again and again.
 */

/** The element of a tensor [A, B, …] at the first axes, as a tensor […]. */
export function at(tensor: Tensor, ...places: readonly number[]): Tensor {
  const dims = tensor.dims.slice(places.length);
  const size = sizeOf(dims);
  const start = places.reduce((place, p, i) => place * tensor.dims[i]! + p, 0) * size;
  return { ...tensor, dims, data: tensor.data.slice(start, start + size) } as Tensor;
}

/** One line for each output that differs from those of the graph of one example, run for each of them. */
export async function wrongSideBySide(one: Graph, many: Graph, feeds: Tensors, count: number): Promise<string[]> {
  const got = await runGraph(many, feeds);
  const wrong: string[] = [];
  for (let n = 0; n < count; n++) {
    const own = Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, at(tensor, n)]));
    for (const [name, tensor] of Object.entries(await runGraph(one, own))) {
      wrong.push(...differing(`${name} of example ${n}`, tensor, at(got[name]!, n)));
    }
  }
  return wrong;
}

/**
 * One line for each output of a step that differs from those of the graph of one step, run step by step; the feeds of
 * `scanned` inputs are [T, …], and outputs are [T, …].
 */
export async function wrongOverTime(
  step: Graph,
  over: Graph,
  feeds: Tensors,
  { states, scanned, steps }: { states: readonly StatePair[]; scanned: ReadonlySet<string>; steps: number },
): Promise<string[]> {
  const got = await runGraph(over, feeds);
  const session = await nodeRuntime.createSession(modelOf(step), { threads: 1 });
  const carried: Record<string, Tensor> = {};
  const wrong: string[] = [];
  try {
    for (let t = 0; t < steps; t++) {
      const given = Object.entries(feeds).map(([name, x]): [string, Tensor] => [
        name,
        scanned.has(name) ? at(x, t) : x,
      ]);
      const results = await session.run({ ...Object.fromEntries(given), ...carried });
      for (const [name, tensor] of Object.entries(results)) {
        wrong.push(...differing(`${name} of step ${t}`, tensor, at(got[name]!, t)));
      }
      for (const { input, output } of states) carried[input] = results[output]!;
    }
  } finally {
    await session.release();
  }
  return wrong;
}

function differing(what: string, expected: Tensor, got: Tensor): string[] {
  if (expected.dims.join() !== got.dims.join()) return [`${what} is [${got.dims}], not [${expected.dims}]`];
  const difference = largestDifference(numbersOf(expected), numbersOf(got));
  return difference < 1e-5 ? [] : [`${what} differs by ${difference}`];
}
