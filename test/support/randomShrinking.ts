import fc from 'fast-check';
import { SlimError } from '../../src/base/errors.ts';
import { randomStream } from '../../src/base/random.ts';
import type { Model } from '../../src/graph/types.ts';
import type { Groups } from '../../src/groups/groups.ts';
import { liveComponents, weightsOf } from '../../src/groups/measure.ts';
import { traceModel } from '../../src/groups/traceModel.ts';
import { nodeRuntime } from '../../src/runtime/node.ts';
import { shrinkModel } from '../../src/slim/shrink.ts';
import { assertEqual, verifyEqual } from '../../src/verify/verify.ts';
import { zeroSlices } from './models.ts';
import { randomGraph, steps } from './randomGraphs.ts';

/*
 * For tests: what must hold of any model at random when it is made smaller.
 */

/** Random programs of a layer and some steps behind it, random units that nothing reads, and random cuts. */
export async function randomShrinking(runs: number): Promise<void> {
  const names = Object.keys(steps);
  const program = fc.array(fc.constantFrom(...names), { minLength: 2, maxLength: 8 });
  const first = fc.constantFrom('LSTM', 'GRU', 'RNN', 'Scan');
  await fc.assert(
    fc.asyncProperty(first, program, fc.integer({ min: 1, max: 1_000_000 }), (start, rest, seed) =>
      expectEqualAfterShrinking([start, ...rest], seed),
    ),
    { numRuns: runs },
  );
}

/** Checks one model: throws where outputs differ, a unit is left that nothing reads, or sizes are not as announced. */
export async function expectEqualAfterShrinking(names: readonly string[], seed: number): Promise<void> {
  const { prepared, groups } = traceModel(randomGraph(names, seed));
  const random = randomStream(seed + 1);
  const some = () => {
    const all = groups.layers.flatMap((l) => [...new Set(l.components)].filter((k) => k >= 0).slice(1));
    return new Set(all.filter(() => random() < 0.5));
  };

  const silent = some();
  const sparse = { ...prepared, graph: zeroSlices(prepared.graph, groups, silent, ['reads']) };
  const live = liveComponents(groups, weightsOf(sparse.graph));
  const slim = shrinkModel(sparse, { prepared: sparse, groups }, (k) => live[k] === 0);
  for (const k of silent) {
    if (live[k] === 1 && !groups.entangled.has(k)) throw new SlimError(`nothing reads unit ${k}, and yet it is alive`);
  }
  await assertEqual(nodeRuntime, sparse, slim.model, { removal: slim, seed, batches: 1 });

  const chosen = some();
  const cut = shrinkModel(prepared, { prepared, groups }, (k) => chosen.has(k));
  checkSizes(cut.model, groups, cut.removed);
  await verifyEqual(nodeRuntime, prepared, cut.model, { removal: cut, seed, batches: 1 });
}

/** The weights of the smaller model have the sizes that the groups announce. */
function checkSizes(model: Model, groups: Groups, removed: Uint8Array): void {
  for (const { tensor, axis, components } of groups.axes) {
    const dims = model.graph.initializers.get(tensor)?.dims;
    // Weights of two directions that are one operator again have other names.
    if (dims === undefined) continue;
    const left = components.reduce((n, k) => n + (k >= 0 && removed[k] === 1 ? 0 : 1), 0);
    if (dims[axis] !== left) throw new SlimError(`axis ${axis} of '${tensor}' has ${dims[axis]} entries, not ${left}`);
  }
}
