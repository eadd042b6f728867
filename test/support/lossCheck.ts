import { modelOf } from '../../src/graph/model.ts';
import type { Model, Tensor } from '../../src/graph/types.ts';
import { asFloat32 } from '../../src/passes/float32.ts';
import { nodeRuntime } from '../../src/runtime/node.ts';
import type { Tensors } from '../../src/runtime/runtime.ts';
import { LOSS, type Problem } from '../../src/tasks/task.ts';
import { type TrainingGraph, trainingGraph } from '../../src/train/compile.ts';
import { trainedNames } from '../../src/train/trainedWeights.ts';
import { compareGradient, finiteDifferences } from './gradientCheck.ts';
import { randomNumbers, randomTensor } from './graphs.ts';
import { trainBatches } from './training.ts';

/*
 * For tests: the graph that training runs, with the first batch of a problem in its feeds.
 */

/** Wide enough that rounding of a loss that sums many terms does not show. */
const STEP = 0.1;

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
    names.has(name) ? randomTensor(tensor.dims, i + 1, 1.5) : tensor,
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
    for (const [name, gradient] of plan.gradients) {
      const found = got[gradient]!;
      const line = compareGradient(feeds[name]!, await finiteDifferences(lossAt, feeds, name, STEP), found);
      if (line) wrong.push(`${name}: ${line}`);
      if ((found.data as Float32Array).every((v) => v === 0)) wrong.push(`${name}: its gradient is 0`);
    }
    return wrong;
  } finally {
    await session.release();
  }
}
