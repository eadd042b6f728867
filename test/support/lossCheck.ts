import { modelOf } from '../../src/graph/model.ts';
import type { Model, Tensor } from '../../src/graph/types.ts';
import { asFloat32 } from '../../src/passes/float32.ts';
import { nodeRuntime } from '../../src/runtime/node.ts';
import type { Tensors } from '../../src/runtime/runtime.ts';
import { LOSS, type Problem } from '../../src/tasks/task.ts';
import { type TrainingGraph, trainingGraph } from '../../src/train/compile.ts';
import { trainedNames } from '../../src/train/trainedWeights.ts';
import { finiteDifferences } from './gradientCheck.ts';
import { randomNumbers, randomTensor } from './graphs.ts';
import { trainBatches } from './training.ts';

/*
 * For tests: the graph that training runs, with the first batch of a problem in its feeds.
 */

/** Steps of the differences: wide enough that rounding of a loss that sums many terms shows little. */
const STEPS = [0.06, 0.03] as const;
/** Accepted difference, relative to the largest entry of the gradient, besides what the differences do not know themselves. */
const TOLERANCE = 1e-3;
/** Rounding of a float32 that is the sum of some others, relative to it. */
const ROUNDING = 2 ** -22;

/** A training graph and all that it takes: weights, a batch, states and masks at random. */
export interface FedGraph {
  readonly plan: TrainingGraph;
  readonly feeds: Record<string, Tensor>;
  /** Items of the batch that count. */
  readonly count: number;
}

/** The training graph of a model on the first batch of a problem. */
export function fedGraph(model: Model, problem: Problem): FedGraph {
  const batches = trainBatches(problem);
  const shape = batches.shapeOf(0);
  const plan = trainingGraph(model, problem, new Set(trainedNames(model.graph)), shape);
  const batch = batches.feeds(shape);
  const count = batches.fill(0, batch);
  const stored = (name: string) => asFloat32(model.graph.initializers.get(name)!);
  const feeds: Record<string, Tensor> = { ...batch };
  for (const { name, dims } of plan.parameters) feeds[name] = { ...stored(name), dims };
  for (const { table, indices, values } of plan.lookups) feeds[values] = rowsOf(stored(table), batch[indices]!);
  plan.masks.forEach(({ input, dims, keep }, i) => {
    feeds[input] = maskTensor(dims, keep, i + 1);
  });
  const inputs = plan.graph.inputs.filter(({ name }) => name in feeds || plan.states.some((s) => s.input === name));
  const fed = inputs.map(({ name, type }): [string, Tensor] => [
    name,
    feeds[name] ?? randomTensor(type.shape as number[], 3, 0.5),
  ]);
  return { plan, feeds: Object.fromEntries(fed), count };
}

/** Rows of a table for word numbers of any shape. */
export function rowsOf({ data, dims }: Tensor, indices: Tensor): Tensor {
  const size = dims[1]!;
  const rows = Array.from(indices.data as Int32Array, (id) => [
    ...(data as Float32Array).subarray(id * size, (id + 1) * size),
  ]);
  return { elementType: 'float32', dims: [...indices.dims, size], data: Float32Array.from(rows.flat()) };
}

/** A dropout mask, 0 or 1/keep. */
export function maskTensor(dims: readonly number[], keep: number, seed: number): Tensor {
  const random = randomNumbers(seed);
  const values = randomTensor(dims, seed);
  const data = (values.data as Float32Array).map(() => (random() < keep ? 1 / keep : 0));
  return { ...values, data };
}

/** The same model with random weights that are large enough for all of them to matter, biases included. */
export function withLargeWeights(model: Model): Model {
  const names = new Set(trainedNames(model.graph));
  const initializers = [...model.graph.initializers].map(([name, tensor], i): [string, Tensor] => [
    name,
    names.has(name) ? randomTensor(tensor.dims, i + 1, 1) : tensor,
  ]);
  return { ...model, graph: { ...model.graph, initializers: new Map(initializers) } };
}

/**
 * One line for each weight (and each lookup's rows) whose gradient is missing, zero everywhere, or differs from finite
 * differences of the loss.
 */
export async function wrongLossGradients(model: Model, problem: Problem): Promise<string[]> {
  const { plan, feeds } = fedGraph(withLargeWeights(model), problem);
  const session = await nodeRuntime.createSession(modelOf(plan.graph), { threads: 1 });
  try {
    const lossAt = async (changed: Tensors) => {
      const { [LOSS]: loss } = await session.run(changed, { outputs: [LOSS] });
      return Number(loss!.data[0]);
    };
    const got = await session.run(feeds);
    const wrong: string[] = [];
    const reached = new Set([...plan.parameters.map((p) => p.name), ...plan.lookups.map((l) => l.table)]);
    for (const name of trainedNames(model.graph)) if (!reached.has(name)) wrong.push(`${name}: has no gradient`);
    const rounding = (ROUNDING * Math.abs(await lossAt(feeds))) / STEPS[1];
    for (const [name, gradient] of plan.gradients) {
      const found = got[gradient]!;
      const [wide, narrow] = [
        await finiteDifferences(lossAt, feeds, name, STEPS[0]),
        await finiteDifferences(lossAt, feeds, name, STEPS[1]),
      ];
      const line = compared(feeds[name]!, found, wide, narrow, rounding);
      if (line) wrong.push(`${name}: ${line}`);
      if ((found.data as Float32Array).every((v) => v === 0)) wrong.push(`${name}: its gradient is 0`);
    }
    return wrong;
  } finally {
    await session.release();
  }
}

/**
 * What is wrong with a gradient, in words. The differences of two steps tell how far they are from the slope: their
 * errors grow with the fourth power of the step.
 */
function compared(
  { dims }: Tensor,
  found: Tensor,
  wide: readonly number[],
  narrow: readonly number[],
  rounding: number,
): string | undefined {
  if (found.dims.join() !== dims.join()) return `has shape [${found.dims}], the value has [${dims}]`;
  const slopes = narrow.map((n, i) => n + (n - wide[i]!) / 15);
  const scale = Math.max(...slopes.map(Math.abs));
  const at = slopes.findIndex((slope, i) => {
    const doubt = Math.abs(narrow[i]! - wide[i]!) / 10 + rounding;
    return !(Math.abs(slope - Number(found.data[i])) <= TOLERANCE * scale + doubt);
  });
  if (at < 0) return undefined;
  return `entry ${at} is ${found.data[at]}, finite differences give ${slopes[at]} (largest entry ${scale})`;
}
