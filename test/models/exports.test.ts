import { describe, expect, it } from 'vitest';
import { statesOf } from '../../src/graph/states.ts';
import type { Model, Tensor } from '../../src/graph/types.ts';
import { traceModel } from '../../src/groups/traceModel.ts';
import { costsOf } from '../../src/inspect/costs.ts';
import { detectStates } from '../../src/passes/detectStates.ts';
import { nodeRuntime } from '../../src/runtime/node.ts';
import type { Runtime, Tensors } from '../../src/runtime/runtime.ts';
import { loadWebRuntime } from '../../src/runtime/webInNode.ts';
import { planCut } from '../../src/slim/cut.ts';
import { shrinkModel, shrinkZeros } from '../../src/slim/shrink.ts';
import { assertEqual, verifyEqual } from '../../src/verify/verify.ts';
import { type ExportedLayer, exportedModels, loadExported, valuesOf } from '../support/exportedModels.ts';

/*
 * Models as PyTorch's and Keras' own exporters write them, with some units that nothing reads: exactly those must go,
 * and the outputs must stay those that PyTorch and Keras computed.
 */

/** States that go through neither a recurrent operator nor a loop: users name them. */
const undetected = new Set(['keras/streaming-function.function.onnx']);

/** `units:removable` of each layer, whatever its name: cells that were taken apart have none of their own. */
function described(layers: readonly Pick<ExportedLayer, 'units' | 'removable'>[]): string[] {
  return layers.map(({ units, removable }) => `${units}:${removable}`).sort();
}

describe.each(exportedModels)('$file ($about)', (entry) => {
  it('loses exactly the units that nothing reads, and computes the same', async () => {
    const model = await loadExported(entry);
    const { inputs, outputs } = valuesOf(entry);
    const options = { states: entry.states };
    const { groups, prepared } = traceModel(model, options);
    expect(statesOf(prepared)).toEqual(entry.states ?? []);
    if (!undetected.has(entry.file)) expect(detectStates(model.graph)).toEqual(entry.states ?? []);
    const { model: slim, removed } = shrinkZeros(model, options);

    const found = groups.layers.map(({ components }) => ({
      units: components.length,
      removable: [...components.keys()].filter((i) => components[i]! >= 0 && removed[components[i]!] === 1),
    }));
    expect(described(found)).toEqual(described(entry.layers));

    await expectOutputs(nodeRuntime, model, inputs, outputs);
    for (const runtime of [nodeRuntime, await loadWebRuntime()]) {
      // A model whose states are smaller now takes other inputs; their right parts are `removal`'s business.
      if (entry.states === undefined) await expectOutputs(runtime, slim, inputs, outputs);
      const removal = { groups, removed, prepared };
      await assertEqual(runtime, model, slim, { feeds: [inputs], states: statesOf(prepared), removal });
    }
  });

  it('has the sizes that a lossy cut announces, and runs', async () => {
    const model = await loadExported(entry);
    const traced = traceModel(model, { states: entry.states });
    const plan = planCut(traced, { kind: 'keep', fraction: 0.5 });
    const { model: slim } = shrinkModel(model, traced, plan.removed);
    expect(costsOf(slim).parameters).toBe(plan.parameters.after);
    expect(plan.parameters.after).toBeLessThan(plan.parameters.before);
    const removal = { groups: traced.groups, removed: plan.removed, prepared: traced.prepared };
    const difference = await verifyEqual(nodeRuntime, model, slim, { states: statesOf(traced.prepared), removal });
    expect(difference.maxAbsDifference).toBeGreaterThanOrEqual(0);
  });
});

async function expectOutputs(runtime: Runtime, model: Model, inputs: Tensors, outputs: Tensors): Promise<void> {
  const session = await runtime.createSession(model);
  try {
    const got = await session.run(inputs);
    for (const [name, expected] of Object.entries(outputs)) expectClose(got[name]!, expected);
  } finally {
    await session.release();
  }
}

function expectClose(got: Tensor, expected: Tensor): void {
  expect(got.dims).toEqual(expected.dims);
  const [a, b] = [got, expected].map((t) => Array.from(t.data as ArrayLike<number | bigint>, Number));
  const scale = Math.max(1, ...b!.map(Math.abs));
  expect(Math.max(0, ...a!.map((x, i) => Math.abs(x - b![i]!))) / scale).toBeLessThan(1e-5);
}
