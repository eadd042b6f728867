import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { StatePair } from '../../src/graph/states.ts';
import { statesOf } from '../../src/graph/states.ts';
import type { ElementType, Model, Tensor, TensorData } from '../../src/graph/types.ts';
import { traceModel } from '../../src/groups/traceModel.ts';
import { costsOf } from '../../src/inspect/costs.ts';
import { loadModel } from '../../src/onnx/file.ts';
import { detectStates } from '../../src/passes/detectStates.ts';
import { nodeRuntime } from '../../src/runtime/node.ts';
import type { Runtime, Tensors } from '../../src/runtime/runtime.ts';
import { loadWebRuntime } from '../../src/runtime/web.ts';
import { planCut } from '../../src/slim/cut.ts';
import { shrinkModel, shrinkZeros } from '../../src/slim/shrink.ts';
import { assertEqual, verifyEqual } from '../../src/verify/verify.ts';

/*
 * Models as PyTorch's and Keras' own exporters write them, with some units that nothing reads: exactly those must go,
 * and the outputs must stay those that PyTorch and Keras computed.
 */

const folder = fileURLToPath(new URL('../fixtures/models/', import.meta.url));

interface Layer {
  readonly node?: string;
  readonly direction: 'forward' | 'reverse';
  readonly units: number;
  readonly removable: readonly number[];
}

interface Entry {
  readonly file: string;
  readonly values: string;
  readonly about: string;
  readonly cells: 'whole' | 'apart' | 'mixed';
  readonly states?: readonly StatePair[];
  readonly layers: readonly Layer[];
}

interface StoredTensor {
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly data: readonly number[];
}

interface Values {
  readonly inputs: Readonly<Record<string, StoredTensor>>;
  readonly outputs: Readonly<Record<string, StoredTensor>>;
}

const { models } = JSON.parse(readFileSync(`${folder}manifest.json`, 'utf8')) as { models: readonly Entry[] };

function valuesOf(entry: Entry): Record<keyof Values, Record<string, Tensor>> {
  const stored = JSON.parse(readFileSync(folder + entry.values, 'utf8')) as Values;
  const tensors = (list: Values['inputs']) =>
    Object.fromEntries(
      Object.entries(list).map(([name, t]) => [name, { elementType: t.type, dims: t.dims, data: dataOf(t) }]),
    );
  return { inputs: tensors(stored.inputs), outputs: tensors(stored.outputs) };
}

function dataOf({ type, data }: StoredTensor): TensorData {
  switch (type) {
    case 'int64':
      return BigInt64Array.from(data, BigInt);
    case 'int32':
      return Int32Array.from(data);
    case 'bool':
      return Uint8Array.from(data, Number);
    case 'float32':
      return Float32Array.from(data);
    default:
      throw new Error(`no fixture has ${type}`);
  }
}

/** States that go through neither a recurrent operator nor a loop: users name them. */
const undetected = new Set(['keras/streaming-function.function.onnx']);

/** `units:removable` of each layer, whatever its name: cells that were taken apart have none of their own. */
function described(layers: readonly Pick<Layer, 'units' | 'removable'>[]): string[] {
  return layers.map(({ units, removable }) => `${units}:${removable}`).sort();
}

describe.each(models)('$file ($about)', (entry) => {
  it('loses exactly the units that nothing reads, and computes the same', async () => {
    const model = await loadModel(folder + entry.file);
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
    const model = await loadModel(folder + entry.file);
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
