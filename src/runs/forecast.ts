import type { RunConfig } from '../config/runConfig.ts';
import { taskParts, trainParts } from '../config/trainParts.ts';
import { costsOf } from '../inspect/costs.ts';
import { describeMethod } from '../methods/registry.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { DataSummary, LoadedTask } from '../tasks/task.ts';
import type { TrainStart } from '../train/options.ts';
import { firstModelOf, trainableForm } from '../train/trainableForm.ts';
import { requireScores, setupOf, startNotes } from '../train/trainer.ts';
import { TrainState } from '../train/trainState.ts';

/** What a run would do. */
export interface RunForecast {
  readonly config: RunConfig;
  readonly data: DataSummary;
  readonly layers: TrainStart['layers'];
  /** Parameters of the model, and multiply-adds of a time step. */
  readonly parameters: number;
  readonly multiplyAdds: number;
  /** Weights that are trained. */
  readonly trained: number;
  /** What the sparsity method does, in words. */
  readonly method: string;
  readonly updates: { readonly perEpoch: number; readonly epochs: number; readonly total: number };
  /** Bytes of weights, gradients and what optimizer and method keep; the engine's own buffers come on top. */
  readonly bytes: number;
  /** What the user is told before training. */
  readonly notes: readonly string[];
}

/**
 * Goes as far as a run goes before its first update, and writes nothing: checks model, data and configuration, lays out
 * the weights and compiles the first step. Throws what the run would throw.
 */
export async function forecastRun(config: RunConfig, task: LoadedTask, runtime: Runtime): Promise<RunForecast> {
  const options = { ...trainParts(config), ...taskParts(task), runtime };
  requireScores(options);
  const form = trainableForm(options.model, options);
  const first = firstModelOf(form, options);
  if (first) options.method.check(first);
  const setup = setupOf(options, first);
  const state = await TrainState.create({ ...form, tensors: new Map() }, setup);
  try {
    const { parameters, multiplyAdds } = costsOf(options.model);
    const { epochs, seed } = config;
    const perEpoch = options.problem.batches('train', { epoch: 0, seed, rank: 0, ranks: 1 }).count;
    return {
      ...{ config, data: task.data, layers: setup.layers, parameters, multiplyAdds },
      trained: state.countParameters(),
      method: describeMethod(config.method),
      updates: { perEpoch, epochs, total: perEpoch * epochs },
      bytes: state.bytes,
      notes: [...task.notes, ...(await startNotes(state, setup, form))],
    };
  } finally {
    await state.release();
  }
}
