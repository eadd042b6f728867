import { fileSize } from '../base/format.ts';
import { Recent } from '../base/recent.ts';
import { sizeOf } from '../graph/dims.ts';
import { modelOf } from '../graph/model.ts';
import type { Tensor } from '../graph/types.ts';
import { instantiateKernels } from '../kernels/kernels.ts';
import { Arena, bytesFor } from '../kernels/memory.ts';
import { unrollLoops } from '../passes/unrollLoops.ts';
import { deviceCopies } from '../runtime/deviceCopies.ts';
import type { DeviceMemory, DeviceSession, DeviceTensor, Tensors } from '../runtime/runtime.ts';
import { zerosFor } from '../runtime/zeros.ts';
import { LOSS, shapeKey } from '../tasks/task.ts';
import { lookingUpInside, type TrainingGraph, trainingGraph } from './compile.ts';
import { DivergedError } from './errors.ts';
import { type CompiledStep, carriedState, drawMasks, fixedDims, floatTensor, MOST_SHAPES, usedBy } from './step.ts';
import { batchSums } from './sums.ts';
import { slotInput, type UpdateGraph, withUpdate } from './updateGraph.ts';
import { nothingLearned, type StoredTraining, type WeightStore } from './weightStore.ts';

/** Whether weights can stay on the runtime's device: it has a memory of its own, and the update a form as nodes. */
export function staysOnDevice({ setup, method, optimizer }: Pick<StoredTraining, 'setup' | 'method' | 'optimizer'>) {
  const hasNodes = method === undefined || (method.nodes !== undefined && !method.usesMask);
  const isAlone = setup.collective.ranks === 1;
  return setup.runtime.deviceMemory !== undefined && isAlone && optimizer.nodes !== undefined && hasNodes;
}

/** A step with its update for batches of one shape. */
interface DeviceStep extends Pick<CompiledStep, 'plan' | 'batch' | 'masks' | 'kernels'> {
  readonly session: DeviceSession;
  readonly update: UpdateGraph;
  /** All that is brought to the device: the batch, masks, numbers of the update, and inputs that are always 0. */
  readonly feeds: Tensors;
  readonly unfed: readonly string[];
  readonly numbers: readonly { readonly name: string; readonly data: Float32Array }[];
}

/**
 * Weights, slots and carried states in the memory of a device: each step leaves them as the next one takes them, and only the
 * batch, dropout's masks and a few numbers move. Loops are written out step by step, because engines have none there, and
 * tables are looked up in the graph. The training's memory is a copy as of the last `readBack`. During a step the device holds
 * weights and slots twice.
 */
export function deviceStore(training: StoredTraining, device: DeviceMemory): WeightStore {
  const { setup, structure, names, method, optimizer, memory, carried } = training;
  const { seed, clip = Number.POSITIVE_INFINITY } = setup.settings;
  const problem = lookingUpInside(setup.problem);
  const copies = deviceCopies(device);
  const inMemory = tensorsIn(training);
  /** What is on the device, by the input that takes it; carried states only once a step has left them. */
  const resident = new Map<string, DeviceTensor>();
  let isAhead = false;
  /** What a step moves, and what the device leaves to the CPU, as of the first shape. */
  let first: { readonly bytes: number; strangers(): Promise<string[]> } | undefined;
  const keep = (input: string, tensor: DeviceTensor) => {
    resident.get(input)?.release();
    resident.set(input, tensor);
  };
  const drop = (inputs: Iterable<string>) => {
    for (const input of [...inputs]) {
      resident.get(input)?.release();
      resident.delete(input);
    }
  };

  async function compile(plan: TrainingGraph, batch: Tensors): Promise<DeviceStep> {
    const update = withUpdate(plan, { parameters: memory.parameters, clip, method, optimizer });
    const graph = unrollLoops(update.graph);
    const dims = fixedDims(graph.inputs);
    const arena = new Arena(bytesFor(plan.masks.map((m) => sizeOf(m.dims))));
    const masks = plan.masks.map((m) => ({ ...m, buffer: arena.float32(sizeOf(m.dims)) }));
    const numbers = [...update.numbers].map(([name, input]) => ({ name, input, data: new Float32Array(1) }));
    for (const { input } of plan.states) carriedState(carried, input, dims(input));
    const given = {
      ...usedBy(plan.graph, batch),
      ...Object.fromEntries(masks.map((m) => [m.input, floatTensor(m.dims, m.buffer.data)])),
      ...Object.fromEntries(numbers.map((n) => [n.input, floatTensor([], n.data)])),
    };
    const stays = new Set(update.moved.map((m) => m.input));
    const zeros = zerosFor(
      graph.inputs.filter((v) => !stays.has(v.name)),
      given,
    );
    const feeds = { ...given, ...zeros };
    const model = modelOf(graph, {}, plan.opsets);
    const keeps = update.moved.map((m) => m.output);
    const session = await device.createSession(model, keeps, { plansMemory: false });
    if (first === undefined) {
      const read = graph.outputs.filter((v) => !keeps.includes(v.name)).map((v) => sizeOf(v.type.shape as number[]));
      const bytes = 4 * [...Object.values(feeds).map((t) => t.data.length), ...read].reduce((sum, n) => sum + n, 0);
      first = {
        bytes,
        strangers: () => device.strangers(model, { ...feeds, ...inMemory, ...Object.fromEntries(carried) }),
      };
    }
    const kernels = instantiateKernels(arena.memory);
    return { plan, batch, masks, kernels, session, update, feeds, unfed: Object.keys(zeros), numbers };
  }

  const steps = new Recent<DeviceStep>(MOST_SHAPES, ({ session }) => session.release());
  const stepFor: (...args: Parameters<WeightStore['prepare']>) => Promise<DeviceStep> = (batches, index) => {
    const shape = batches.shapeOf(index);
    return steps.get(shapeKey(shape), () =>
      compile(trainingGraph(structure, problem, names, shape), batches.feeds(shape)),
    );
  };

  return {
    prepare: async (batches, index) => (await stepFor(batches, index)).unfed,
    async step(batches, index, { rate, update }) {
      const step = await stepFor(batches, index);
      const count = batches.fill(index, step.batch);
      if (count === 0) return nothingLearned();
      if (!Object.keys(inMemory).every((input) => resident.has(input))) {
        for (const [input, tensor] of Object.entries(await copies.upload(inMemory))) keep(input, tensor);
      }
      drawMasks(step, { seed, rank: 0, ranks: 1, update });
      for (const { name, data } of step.numbers) data[0] = optimizer.nodes?.numbers[name]?.({ update, rate }) ?? rate;
      const inputs = step.update.moved.map((m) => m.input);
      const begun = inputs.filter((input) => !resident.has(input)).map((input) => [input, carried.get(input)!]);
      const there = inputs.flatMap((input) => (resident.has(input) ? [[input, resident.get(input)!]] : []));
      const feeds = { ...step.feeds, ...Object.fromEntries(begun) };
      const { read, kept } = await step.session.run(feeds, Object.fromEntries(there));
      const sums = batchSums(step.plan, read, count, { batches, index });
      const loss = sums.totals[LOSS]![0]! / sums.count;
      const [penalty, gradientNorm] = [read[step.update.penalty]!, read[step.update.gradientNorm]!].map(numberIn);
      if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
        for (const tensor of Object.values(kept)) tensor.release();
        throw new DivergedError(`training diverged: the loss is ${loss}, the gradient's norm ${gradientNorm}`);
      }
      for (const { input, output } of step.update.moved) keep(input, kept[output]!);
      isAhead = true;
      return { penalty: penalty!, gradientNorm: gradientNorm!, sums, loss, updateTime: 0 };
    },
    async readBack() {
      if (!isAhead) return;
      const into = { ...inMemory, ...Object.fromEntries(carried) };
      for (const [input, { data }] of Object.entries(await copies.download(Object.fromEntries(resident)))) {
        (into[input]!.data as Float32Array).set(data as Float32Array);
      }
      isAhead = false;
    },
    changed: () => drop(resident.keys()),
    statesChanged: () => drop(carried.keys()),
    async notes() {
      if (first === undefined) return [];
      const strangers = await first.strangers();
      const weights = memory.parameters.reduce((sum, { rows, cols }) => sum + rows * cols, 0);
      const moved =
        `weights stay on the device: a step moves ${fileSize(first.bytes)} there and back (weights and gradients are ` +
        `${fileSize(8 * weights)})`;
      if (strangers.length === 0) return [moved];
      return [
        moved,
        `the device has no ${strangers.join(', ')}: the CPU does it, and what it needs is moved at every step`,
      ];
    },
    async release() {
      drop(resident.keys());
      await copies.release();
      await steps.clear();
    },
  };
}

/** Weights and slots over the training's memory, by the inputs that take them. */
function tensorsIn({ memory, optimizer }: StoredTraining): Record<string, Tensor> {
  const tensors: Record<string, Tensor> = {};
  for (const { name, dims, weights, slots } of memory.parameters) {
    tensors[name] = floatTensor(dims, weights.data);
    for (const slot of optimizer.slots) tensors[slotInput(slot.name, name)] = floatTensor(dims, slots[slot.name]!.data);
  }
  return tensors;
}

function numberIn(tensor: Tensor): number {
  return (tensor.data as Float32Array)[0]!;
}
