import { existsSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { Settings } from '../../src/base/fields.ts';
import { resolveConfig } from '../../src/config/resolve.ts';
import type { RunConfig } from '../../src/config/runConfig.ts';
import { trainParts } from '../../src/config/trainParts.ts';
import type { Model, Tensor } from '../../src/graph/types.ts';
import type { SparsityMethod } from '../../src/methods/method.ts';
import { sgd } from '../../src/optimizers/sgd.ts';
import { loadCheckpoint, saveCheckpoint } from '../../src/runs/checkpoint.ts';
import { nodeRuntime } from '../../src/runtime/node.ts';
import { presets, tasks } from '../../src/tasks/registry.ts';
import type { Batches, LoadedTask, Problem } from '../../src/tasks/task.ts';
import { type Collective, single } from '../../src/train/collective.ts';
import type { EpochMetrics } from '../../src/train/metrics.ts';
import type { TrainOptions } from '../../src/train/options.ts';
import type { Snapshot } from '../../src/train/snapshot.ts';
import { type Checkpoint, detached, type RunStore } from '../../src/train/store.ts';
import { firstModelOf, trainableForm } from '../../src/train/trainableForm.ts';
import { trainedNames, weightsOfModel } from '../../src/train/trainedWeights.ts';
import { setupOf } from '../../src/train/trainer.ts';
import { type TrainSetup, TrainState } from '../../src/train/trainState.ts';
import type { StepResult } from '../../src/train/weightStore.ts';
import { sharedSessions } from './sharedSessions.ts';

/*
 * For tests: trainings in memory, as a whole or update by update.
 */

/** The configuration of some fields, those of a preset below them. */
export function configOf(fields: Settings, preset?: string): RunConfig {
  return resolveConfig(fields, { source: 'test', tasks, base: preset === undefined ? {} : presets[preset]! });
}

/** A task with its data, and a configuration for it. */
export interface Case {
  readonly config: RunConfig;
  readonly task: LoadedTask;
}

const runtime = sharedSessions(nodeRuntime);

/** What `train` needs for a task. */
export function optionsFor({ config, task }: Case): TrainOptions {
  const { problem, states, isImported } = task;
  const parts = trainParts({ ...config, threads: 1 });
  return { ...parts, problem, model: task.model(), states, verifiesShrinks: isImported, runtime };
}

/** A model in training, before its first update. */
export async function stateOf(
  options: TrainOptions,
  snapshot: Partial<Snapshot> = {},
): Promise<{ state: TrainState; setup: TrainSetup }> {
  const form = trainableForm(options.model, options);
  const setup = setupOf(options, firstModelOf(form, options));
  return { state: await TrainState.create({ ...form, tensors: new Map(), ...snapshot }, setup), setup };
}

/** What may be said about a bare training. */
export interface PlainSettings extends Partial<Pick<TrainSetup, 'createOptimizer' | 'collective' | 'runtime'>> {
  readonly method?: SparsityMethod | undefined;
  readonly clip?: number;
  readonly seed?: number;
}

/** What a bare training has: gradient descent on a problem, with a sparsity method if one is given. */
export function plainSetup(problem: Problem, given: PlainSettings = {}): TrainSetup {
  const { method, createOptimizer = () => sgd(), clip = 1e6, seed = 1 } = given;
  const { runtime: own = runtime, collective = single } = given;
  return {
    ...{ problem, runtime: own, settings: { threads: 1, clip, seed } },
    method: { isDense: method === undefined, embeddings: false },
    createMethod: () => method,
    createOptimizer,
    collective,
  };
}

/** A model in such a training; `tensors` as a snapshot has them. */
export function plainState(
  model: Model,
  setup: TrainSetup,
  tensors: ReadonlyMap<string, Tensor> = new Map(),
): Promise<TrainState> {
  return TrainState.create({ model, weights: weightsOfModel(model, trainedNames(model.graph)), tensors }, setup);
}

/** The training batches of an epoch. */
export function trainBatches(problem: Problem, epoch = 0, { rank, ranks }: Collective = single): Batches {
  return problem.batches('train', { epoch, seed: 1, rank, ranks });
}

/** Updates `from`, …, `to` − 1 on the batches of a problem, epoch after epoch. */
export async function steps(
  state: TrainState,
  problem: Problem,
  [from, to]: readonly [number, number],
  rate: number,
): Promise<StepResult[]> {
  const results: StepResult[] = [];
  const { count } = trainBatches(problem);
  for (let update = from; update < to; update++) {
    if (update % count === 0) state.resetStates();
    const batches = trainBatches(problem, Math.floor(update / count));
    results.push(await state.step(batches, update % count, { rate, update }));
  }
  return results;
}

/** What steps gave, without their times. */
export function timelessSteps(results: readonly StepResult[]): object[] {
  return results.map(({ updateTime: _update, ...rest }) => rest);
}

/** A store in memory; `onSave` is called after each checkpoint. */
export function memoryStore(onSave: (saved: Checkpoint) => void = () => undefined): RunStore & { last?: Checkpoint } {
  const store: RunStore & { last?: Checkpoint } = {
    load: async () => store.last,
    async save(checkpoint) {
      // As through a file: numbers of the place in the run go through JSON.
      const { progress, model, tensors } = checkpoint;
      const graph = { ...model.graph, initializers: detached(model.graph.initializers) };
      const copy = { model: { ...model, graph }, tensors: detached(tensors) };
      store.last = { ...copy, progress: JSON.parse(JSON.stringify(progress)) };
      onSave(checkpoint);
    },
    place: () => undefined,
  };
  return store;
}

/** A store of checkpoints as runs write them, in a file of its own in a folder; `last` reads the last one. */
export function checkpointFiles(folder: string): RunStore & { last(): Promise<Checkpoint> } {
  const path = join(mkdtempSync(join(folder, 'run-')), 'checkpoint.onnx');
  let digest = '';
  return {
    load: async (wanted) => (existsSync(path) ? loadCheckpoint(path, wanted) : undefined),
    async save(checkpoint) {
      digest = checkpoint.progress.digest;
      await saveCheckpoint(path, checkpoint);
    },
    place: () => undefined,
    last: () => loadCheckpoint(path, digest),
  };
}

/** Epochs without what depends on the clock. */
export function timeless(history: readonly EpochMetrics[]): object[] {
  return history.map(({ seconds: _seconds, itemsPerSecond: _speed, ...rest }) => rest);
}

/** A checkpoint without what depends on the clock. */
export function timelessCheckpoint({ model, tensors, progress }: Checkpoint): object {
  const { history, seconds: _seconds, ...rest } = progress;
  return { weights: weightsOf(model), tensors: [...tensors], progress: rest, history: timeless(history) };
}

/** Stored tensors by name. */
export function weightsOf({ graph }: Pick<Model, 'graph'>): Record<string, Tensor> {
  return Object.fromEntries(graph.initializers);
}

/** Copies of tensors that training goes on to change. */
export function copied(tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  return new Map([...tensors].map(([name, t]) => [name, { ...t, data: t.data.slice() as Tensor['data'] }]));
}
