import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { randomStream } from '../../src/base/random.ts';
import { statesOf } from '../../src/graph/states.ts';
import type { Model, Tensor } from '../../src/graph/types.ts';
import { type TracedModel, traceModel } from '../../src/groups/traceModel.ts';
import { loadModel } from '../../src/onnx/file.ts';
import { specialize } from '../../src/passes/specialize.ts';
import { nodeRuntime } from '../../src/runtime/node.ts';
import { planCut } from '../../src/slim/cut.ts';
import { shrinkModel, shrinkZeros } from '../../src/slim/shrink.ts';
import { assertEqual } from '../../src/verify/verify.ts';
import { zeroSlices } from '../support/models.ts';

/*
 * Models that people ship, where this machine has them beside the repository: their layers, units and states; cut to
 * half and run over 20 steps; units made dead are found, no others.
 */

const FOLDER = join(import.meta.dirname, '../../../shared/models');

interface Shipped {
  readonly file: string;
  readonly sizes?: Readonly<Record<string, number>>;
  readonly values?: Readonly<Record<string, Tensor>>;
  /** Units of each layer (of each direction). */
  readonly units: readonly number[];
  readonly states: readonly string[];
}

const rate: Tensor = { elementType: 'int64', dims: [], data: BigInt64Array.of(16000n) };
const speech = { sizes: { sequence: 576 }, values: { sr: rate }, units: [128], states: ['state → stateN'] };
const cached = (...names: string[]) => names.map((name) => `${name} → ${name}_out`);
const pairs = (n: number) => new Array<number>(2 * n).fill(4);
const MODELS: readonly Shipped[] = [
  { file: 'silero_vad_16k_op15.onnx', ...speech },
  { file: 'silero_vad_op18_ifless.onnx', ...speech },
  { file: 'dtln_model_2.onnx', units: [128, 128], states: ['input_5 → tf_op_layer_stack_5'] },
  {
    file: 'gtcrn_simple.onnx',
    units: [16, 16, 16, ...pairs(2), 8, 8, ...pairs(2), 8, 8, 16, 16, 16],
    states: cached('conv_cache', 'tra_cache', 'inter_cache'),
  },
  {
    file: 'ulunas_simple.onnx',
    units: [
      ...[24, 48, 48, 64, 32].flatMap((units) => [units, ...pairs(1)]),
      ...[...pairs(2), 8, 8, ...pairs(2), 8, 8],
      ...[64, 48, 48, 24, 2].flatMap((units) => [units, ...pairs(1)]),
    ],
    states: cached('conv_cache', 'tfa_cache', 'inter_cache'),
  },
];

async function load({ file, sizes = {}, values = {} }: Shipped): Promise<Model> {
  return specialize(await loadModel(join(FOLDER, file)), { sizes, values: new Map(Object.entries(values)) }).model;
}

/** Outputs of so many steps, the states of each carried into the next; inputs are the same for the same model. */
async function stream(model: Model, states: ReturnType<typeof statesOf>, steps: number) {
  const random = randomStream(5);
  const session = await nodeRuntime.createSession(model);
  const tensor = (dims: readonly number[], next: () => number): Tensor => {
    const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, next);
    return { elementType: 'float32', dims, data };
  };
  const dims = new Map(
    model.graph.inputs.map((v) => [v.name, v.type.shape!.map((d) => (typeof d === 'number' ? d : 2))]),
  );
  const carriedInputs = new Set(states.map((s) => s.input));
  let carried: Record<string, Tensor> = {};
  for (const name of carriedInputs) carried[name] = tensor(dims.get(name)!, () => 0);
  const results: Record<string, Tensor>[] = [];
  try {
    for (let step = 0; step < steps; step++) {
      const feeds = Object.fromEntries(
        [...dims]
          .filter(([name]) => !carriedInputs.has(name))
          .map(([name, size]) => [name, tensor(size, () => random() - 0.5)]),
      );
      const outputs = await session.run({ ...feeds, ...carried });
      for (const { input, output } of states) {
        expect(outputs[output]!.dims).toEqual(carried[input]!.dims);
        carried = { ...carried, [input]: outputs[output]! };
      }
      results.push(outputs);
    }
  } finally {
    await session.release();
  }
  return results;
}

/** A third of the components of a model, but for the first of each layer. */
function third({ groups }: TracedModel): Set<number> {
  const kept = new Set(groups.layers.map((layer) => layer.components[0]!));
  return new Set(Array.from({ length: groups.count }, (_, k) => k).filter((k) => k % 3 === 0 && !kept.has(k)));
}

describe.each(MODELS)('$file', (shipped) => {
  const here = existsSync(join(FOLDER, shipped.file));

  it.skipIf(!here)('has its layers, units and states', async () => {
    const { groups, prepared } = traceModel(await load(shipped));
    expect(groups.layers.map((l) => l.components.length)).toEqual(shipped.units);
    expect(groups.layers.filter((l) => l.components.includes(-1))).toEqual([]);
    expect(statesOf(prepared).map(({ input, output }) => `${input} → ${output}`)).toEqual(shipped.states);
  });

  it.skipIf(!here)('is cut to half and streams', async () => {
    const model = await load(shipped);
    const traced = traceModel(model);
    const { model: slim, layers } = shrinkModel(
      model,
      traced,
      planCut(traced, { kind: 'keep', fraction: 0.5 }).removed,
    );
    expect(layers.map((l) => l.after)).toEqual(shipped.units.map((n) => n / 2));
    for (const outputs of await stream(slim, statesOf(slim), 20)) {
      for (const { data } of Object.values(outputs))
        expect([...(data as Float32Array)].every(Number.isFinite)).toBe(true);
    }
  });

  it.skipIf(!here).each([false, true])(
    'loses the units that are made dead, no others (resized states: %s)',
    async (resizeState) => {
      const model = await load(shipped);
      const traced = traceModel(model, { resizeState });
      const dead = third(traced);
      const { prepared, groups } = traced;
      if (resizeState) expect(groups.count).toBe(shipped.units.reduce((sum, units) => sum + units, 0));
      const sparse = { ...prepared, graph: zeroSlices(prepared.graph, groups, dead, ['reads']) };
      const shrunk = shrinkZeros(sparse);
      const gone = [...shrunk.removed].flatMap((flag, k) => (flag === 1 ? [k] : []));
      expect(gone).toEqual([...dead]);
      const removal = { groups: shrunk.groups, removed: shrunk.removed, prepared: shrunk.prepared };
      await assertEqual(nodeRuntime, sparse, shrunk.model, { removal, tolerance: 1e-5 });
      const states = statesOf(sparse);
      const [before, after] = [await stream(sparse, states, 20), await stream(shrunk.model, states, 20)];
      const own = sparse.graph.outputs.map((o) => o.name).filter((name) => !states.some((s) => s.output === name));
      for (const [step, outputs] of before.entries()) {
        for (const name of own) {
          const [a, b] = [outputs[name]!, after[step]![name]!].map((t) => t.data as Float32Array);
          const largest = a!.reduce((most, x, i) => Math.max(most, Math.abs(x - b![i]!)), 0);
          expect(largest).toBeLessThan(1e-5 * Math.max(1, ...a!.map(Math.abs)));
        }
      }
    },
  );
});
