import { bindDim, sizeOf } from '../../src/graph/dims.ts';
import type { Model, Tensor } from '../../src/graph/types.ts';
import { liveComponents, weightsOf } from '../../src/groups/measure.ts';
import { type TracedModel, traceModel } from '../../src/groups/traceModel.ts';
import { constantPerUse } from '../../src/passes/constantPerUse.ts';
import { nodeRuntime } from '../../src/runtime/node.ts';
import type { Tensors } from '../../src/runtime/runtime.ts';
import { planCut } from '../../src/slim/cut.ts';
import { shrinkModel, shrinkZeros } from '../../src/slim/shrink.ts';
import { randomTensor } from './graphs.ts';
import { type RandomBodies, randomBodies } from './randomBodies.ts';
import type { MadeLayer } from './randomBodyParts.ts';

/*
 * For tests: what must hold of a model with loops and branches when it is made smaller, judged by nothing but ONNX
 * Runtime on every combination of conditions.
 */

const SIZES = { time: 4, batch: 2 };

/** Random inputs for each combination of the conditions. */
function allFeeds({ graph }: Model, seed: number): Tensors[] {
  const x = graph.inputs[0]!;
  const dims = x.type.shape!.map((d) => Number(bindDim(d, SIZES)));
  const truth = (value: number): Tensor => ({ elementType: 'bool', dims: [], data: Uint8Array.of(value) });
  const rate = (value: bigint): Tensor => ({ elementType: 'int64', dims: [], data: BigInt64Array.of(value) });
  return [0, 1, 2, 3, 4, 5, 6, 7].map((bits) => ({
    x: randomTensor(dims, seed + bits),
    first: truth(bits & 1),
    second: truth((bits >> 1) & 1),
    rate: rate(bits & 4 ? 16000n : 8000n),
  }));
}

async function runAll(model: Model, feeds: readonly Tensors[]): Promise<Record<string, Tensor>[]> {
  const session = await nodeRuntime.createSession(model, { threads: 1 });
  try {
    const results: Record<string, Tensor>[] = [];
    for (const each of feeds) results.push(await session.run(each));
    return results;
  } finally {
    await session.release();
  }
}

/** What is wrong with the two results of the same inputs; undefined where they are equal but for rounding. */
function difference(before: Record<string, Tensor>, after: Record<string, Tensor>): string | undefined {
  for (const [name, expected] of Object.entries(before)) {
    const got = after[name];
    if (got?.dims.join() !== expected.dims.join())
      return `'${name}' has dimensions [${got?.dims}], not [${expected.dims}]`;
    const [a, b] = [expected.data as Float32Array, got.data as Float32Array];
    const scale = a.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-3);
    const worst = a.reduce((most, v, i) => Math.max(most, Math.abs(v - b[i]!)), 0);
    if (!(worst <= 1e-4 * scale)) return `'${name}' differs by ${worst} at ${scale}`;
  }
  return undefined;
}

/** Units that are dead but not found, and layers that are not listed. */
function missedUnits({ prepared, groups }: TracedModel, layers: readonly MadeLayer[]): string[] {
  const live = liveComponents(groups, weightsOf(constantPerUse(prepared.graph)));
  return layers.flatMap(({ name, hidden, dead }) =>
    dead.flatMap((units, d) => {
      const title = dead.length === 1 ? name : `${name} (${['forward', 'reverse'][d]})`;
      const found = groups.layers.find((l) => l.name === title);
      if (found === undefined) return [`${title} is not listed`];
      if (found.components.length !== hidden) return [`${title} has ${found.components.length} units, not ${hidden}`];
      const missed = [...units].filter((k) => found.components[k]! < 0 || live[found.components[k]!] === 1);
      return missed.length === 0
        ? []
        : [`${title}: dead units ${missed} of ${[...units]} are not found: ${found.blocked}`];
    }),
  );
}

/** Everything that is wrong with one random model, an empty list where nothing is. */
async function faultsOf(seed: number): Promise<string[]> {
  const made: RandomBodies = randomBodies(seed);
  const { model } = made;
  const feeds = allFeeds(model, seed);
  const before = await runAll(model, feeds);
  const traced = traceModel(model, { tolerant: true });
  const faults = missedUnits(traced, made.layers);

  const slim = shrinkZeros(model, { tolerant: true });
  const after = await runAll(slim.model, feeds);
  for (const [i, results] of before.entries()) {
    const found = difference(results, after[i]!);
    if (found !== undefined) faults.push(`without dead units ${found}, conditions ${i}`);
  }

  const plan = planCut(traced, { kind: 'keep', fraction: 0.5 });
  const cut = shrinkModel(model, traced, plan.removed);
  const results = await runAll(cut.model, feeds);
  const sizes = { ...SIZES };
  for (const { name, type } of cut.model.graph.outputs) {
    const dims = type.shape?.map((d) => bindDim(d, sizes));
    const got = results[0]![name]!;
    const wrong = dims?.some((d, i) => typeof d === 'number' && d !== got.dims[i]);
    if (wrong || sizeOf(got.dims) === 0) faults.push(`half of the units: '${name}' is [${got.dims}], not [${dims}]`);
  }
  return faults;
}

/** Checks so many models, from a seed on; one line for each that fails. */
export async function randomBodiesFaults(runs: number, first = 1): Promise<string[]> {
  const faults: string[] = [];
  for (let seed = first; seed < first + runs; seed++) {
    try {
      faults.push(...(await faultsOf(seed)).map((fault) => `seed ${seed}: ${fault}`));
    } catch (error) {
      faults.push(`seed ${seed}: ${error instanceof Error ? error.message : error}`);
    }
  }
  return faults;
}
