import { SlimError } from '../base/errors.ts';
import { formatShape, isStatic, sizeOf } from '../graph/dims.ts';
import { modelOf } from '../graph/model.ts';
import type { Graph, Tensor, ValueInfo } from '../graph/types.ts';
import { instantiateKernels, type Kernels } from '../kernels/kernels.ts';
import { Arena, type Buffer32, bytesFor } from '../kernels/memory.ts';
import type { LookedUpRows } from '../methods/method.ts';
import type { Runtime, Session, Tensors } from '../runtime/runtime.ts';
import { zerosFor } from '../runtime/zeros.ts';
import { LOSS } from '../tasks/task.ts';
import { type Collective, gather } from './collective.ts';
import type { TrainingGraph } from './compile.ts';
import type { WeightMemory } from './memory.ts';
import type { MaskRuns } from './rankMasks.ts';

/** Most shapes that are compiled at a time: each session holds the activations of its sizes. */
export const MOST_SHAPES = 32;

/** A training step for batches of one shape: a session over the weights that all shapes share, and its own buffers. */
export interface CompiledStep {
  readonly plan: TrainingGraph;
  readonly session: Session;
  /** Inputs and targets, which the task fills. */
  readonly batch: Tensors;
  readonly feeds: Tensors;
  readonly fetches: Tensors;
  /** Inputs that nobody feeds: they are always 0. */
  readonly unfed: readonly string[];
  /** Gradients of weights that have no part in the loss of these batches: they are 0. */
  readonly unwritten: readonly Float32Array[];
  /** With `runs` where several processes draw a mask together. */
  readonly masks: readonly { readonly buffer: Buffer32; readonly keep: number; readonly runs?: MaskRuns | undefined }[];
  readonly kernels: Kernels;
  readonly lookups: readonly (LookedUpRows & { readonly values: Float32Array })[];
  /** A state goes in from `to` and comes out in `from`: the two must not share memory. */
  readonly states: readonly { readonly to: Float32Array; readonly from: Float32Array }[];
}

/** How a session is made. */
export interface SessionSettings {
  readonly runtime: Runtime;
  readonly threads?: number | undefined;
}

/** How a step is compiled. */
interface StepSettings extends SessionSettings {
  /** How this process's masks lie in those of the whole batch; absent for one process. */
  readonly runs?: readonly (MaskRuns | undefined)[] | undefined;
}

/**
 * Compiles a step. `batch` are the feeds of the task for these sizes; carried states go in from `carried`, which is filled
 * with zeros where it lacks one. Masks and looked-up rows, which grow with batch · time, lie in a memory of their own.
 */
export async function compileStep(
  plan: TrainingGraph,
  memory: WeightMemory,
  batch: Tensors,
  carried: Map<string, Tensor>,
  { runtime, threads, runs }: StepSettings,
): Promise<CompiledStep> {
  const inputDims = fixedDims(plan.graph.inputs);
  const outputDims = fixedDims(plan.graph.outputs);
  const rowDims = plan.lookups.map((l) => inputDims(l.values));
  const arena = new Arena(
    bytesFor([...rowDims.flatMap((d) => [sizeOf(d), sizeOf(d)]), ...plan.masks.map((m) => sizeOf(m.dims))]),
  );
  const feeds = usedBy(plan.graph, batch);
  const fetches: Record<string, Tensor> = {};
  const place = (into: Record<string, Tensor>, name: string, dims: readonly number[]): Buffer32 => {
    const buffer = arena.float32(sizeOf(dims));
    into[name] = floatTensor(dims, buffer.data);
    return buffer;
  };
  for (const { name, dims } of plan.parameters) {
    const parameter = memory.byName.get(name);
    if (parameter === undefined) {
      throw new SlimError(`'${name}' has a part in the loss of some batches, but not in that of the first one`);
    }
    feeds[name] = floatTensor(dims, parameter.weights.data);
    fetches[plan.gradients.get(name)!] = floatTensor(dims, parameter.gradient.data);
  }
  const lookups = plan.lookups.map(({ table, indices, values }, i) => ({
    table,
    indices: batch[indices]!.data as Int32Array,
    values: place(feeds, values, rowDims[i]!).data,
    gradient: place(fetches, plan.gradients.get(values)!, rowDims[i]!).data,
  }));
  const masks = plan.masks.map((m, i) => ({ buffer: place(feeds, m.input, m.dims), keep: m.keep, runs: runs?.[i] }));
  const states = plan.states.map(({ input, output }) => {
    const dims = inputDims(input);
    const to = carriedState(carried, input, dims);
    feeds[input] = to;
    fetches[output] = zeros(dims);
    return { to: to.data as Float32Array, from: fetches[output].data as Float32Array };
  });
  const unfed = zerosFor(plan.graph.inputs, feeds);
  Object.assign(feeds, unfed);
  const summed = [LOSS, ...Object.keys(plan.sums), ...(plan.judged?.outputs ?? [])];
  for (const name of summed) fetches[name] = zeros(outputDims(name));
  const unwritten = memory.parameters.flatMap(({ name, gradient, isWritten }) =>
    isWritten && !plan.gradients.has(name) ? [gradient.data] : [],
  );
  // A plan would hold the values of a step twice, at no gain in time.
  const options = { threads, plansMemory: false };
  const session = await runtime.createSession(modelOf(plan.graph, {}, plan.opsets), options);
  const kernels = instantiateKernels(arena.memory);
  return {
    plan,
    session,
    batch,
    feeds,
    fetches,
    unfed: Object.keys(unfed),
    unwritten,
    masks,
    kernels,
    lookups,
    states,
  };
}

/** A carried state, zeros where there is none yet. Throws SlimError where batches of these dimensions carry another one. */
export function carriedState(carried: Map<string, Tensor>, input: string, dims: readonly number[]): Tensor {
  const state = carried.get(input) ?? zeros(dims);
  if (state.dims.join() !== dims.join()) {
    throw new SlimError(`state '${input}' is [${state.dims}], this batch carries [${dims}]`);
  }
  carried.set(input, state);
  return state;
}

/** The feeds of a batch that a graph still reads. */
export function usedBy({ inputs }: Graph, batch: Tensors): Record<string, Tensor> {
  const names = new Set(inputs.map((v) => v.name));
  return Object.fromEntries(Object.entries(batch).filter(([name]) => names.has(name)));
}

/** What determines the masks of an update. */
interface MaskDraw {
  readonly seed: number;
  readonly rank: number;
  readonly ranks: number;
  readonly update: number;
}

/**
 * Runs a step on the batch that is in its feeds: looks embeddings up, draws dropout masks, and leaves loss, sums and
 * gradients in memory, the states carried on.
 */
export async function runStep(step: CompiledStep, memory: WeightMemory, draw: MaskDraw): Promise<void> {
  for (const { table, indices, values } of step.lookups) {
    memory.tables.get(table)!.lookUp(indices, values);
  }
  drawMasks(step, draw);
  await step.session.run(step.feeds, { fetches: step.fetches, outputs: [] });
  for (const gradient of step.unwritten) gradient.fill(0);
  for (const { to, from } of step.states) to.set(from);
}

/** Seed and number of the update determine the masks of the whole batch; a process draws what is its part of them. */
export function drawMasks(
  { masks, kernels }: Pick<CompiledStep, 'masks' | 'kernels'>,
  { seed, rank, ranks, update }: MaskDraw,
): void {
  masks.forEach(({ buffer, keep, runs }, i) => {
    // Where nobody knows which part that is, processes draw masks of their own.
    const own = runs ? seed : seed ^ Math.imul(rank, 0x9e3779b1);
    const [seedLo, seedHi] = [(Math.imul(own, 64) + i) >>> 0, update >>> 0];
    const { count, length, isWhole } = runs ?? { count: 1, length: buffer.data.length, isWhole: true };
    for (let run = 0; run < count; run++) {
      const from = isWhole ? 0 : (run * ranks + rank) * length;
      kernels.dropoutMask(buffer.offset + 4 * run * length, length, keep, seedLo, seedHi, from);
    }
  });
}

/** What a batch in which nothing counts gives: zeros. */
export function skipStep({ fetches, unwritten }: CompiledStep): void {
  for (const { data } of Object.values(fetches)) (data as Float32Array).fill(0);
  for (const gradient of unwritten) gradient.fill(0);
}

/**
 * Sums the gradients of all processes. A loss that is the mean over a batch's items is weighted by the process's `own`
 * items among `all`; one that is their sum is averaged over the processes, whose batches are of one size. Returns rows of
 * embeddings whose gradient is not in the memory yet, those of all processes, and what the gradient has to be multiplied
 * by.
 */
export async function shareGradients(
  { plan, lookups }: CompiledStep,
  { tables, outside, gradients }: WeightMemory,
  items: { readonly own: number; readonly all: number },
  collective: Collective,
): Promise<{ readonly rows: readonly LookedUpRows[]; readonly gradientScale: number }> {
  const { reduction, gradientScale } = plan;
  if (collective.ranks === 1) return { rows: lookups, gradientScale };
  const weight = reduction === 'mean' ? items.own / items.all : 1;
  const rows: LookedUpRows[] = [];
  for (const lookup of lookups) {
    // Most rows of a table are looked up by nobody: only the others are exchanged.
    if (outside.has(lookup.table)) rows.push(await rowsOfAll(lookup, weight, collective));
    else tables.get(lookup.table)!.add(lookup.indices, lookup.gradient);
  }
  if (weight !== 1) for (let i = 0; i < gradients.length; i++) gradients[i]! *= weight;
  await collective.sum(gradients);
  return { rows, gradientScale: reduction === 'mean' ? gradientScale : gradientScale / collective.ranks };
}

/** The rows that all processes looked up, in the order of the ranks, this one's gradient times `weight`. */
async function rowsOfAll(
  { table, indices, gradient }: LookedUpRows,
  weight: number,
  collective: Collective,
): Promise<LookedUpRows> {
  const counts = (await gather(Float64Array.of(indices.length), collective)).map(([count]) => count!);
  const most = Math.max(...counts);
  const size = gradient.length / indices.length;
  const [places, values] = [new Float64Array(most), new Float32Array(most * size)];
  places.set(indices);
  for (let i = 0; i < gradient.length; i++) values[i] = weight * gradient[i]!;
  const [allPlaces, allValues] = [await gather(places, collective), await gather(values, collective)];
  const total = counts.reduce((sum, count) => sum + count, 0);
  const all = { table, indices: new Int32Array(total), gradient: new Float32Array(total * size) };
  let at = 0;
  for (const [rank, count] of counts.entries()) {
    all.indices.set(allPlaces[rank]!.subarray(0, count), at);
    all.gradient.set(allValues[rank]!.subarray(0, count * size), at * size);
    at += count;
  }
  return all;
}

/** A tensor of float32 zeros. */
export function zeros(dims: readonly number[]): Tensor {
  return floatTensor(dims, new Float32Array(sizeOf(dims)));
}

/** A tensor over float32 values. */
export function floatTensor(dims: readonly number[], data: Float32Array): Tensor {
  return { elementType: 'float32', dims, data };
}

/** Looks dimensions up; throws a SlimError for a value that has free ones. */
export function fixedDims(values: readonly ValueInfo[]): (name: string) => readonly number[] {
  const shapes = new Map(values.map((v) => [v.name, v.type.shape]));
  return (name) => {
    const shape = shapes.get(name);
    if (isStatic(shape)) return shape;
    throw new SlimError(
      `'${name}' must have fixed dimensions in training, got ${formatShape(shape)}; ` +
        "name the model's free dimensions 'batch' and 'time'",
    );
  };
}
