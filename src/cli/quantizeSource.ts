import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { UsageError } from '../base/errors.ts';
import { flagName } from '../base/fields.ts';
import { type StatePair, statesOf } from '../graph/states.ts';
import { prepareModel } from '../passes/prepareModel.ts';
import { runFiles } from '../runs/runDirectory.ts';
import type { Runtime, Tensors } from '../runtime/runtime.ts';
import type { Split } from '../tasks/task.ts';
import type { FinishedScoreOptions } from '../train/scorer.ts';
import { isFolder } from './flags.ts';
import { type GivenFlags, type OpenedModel, openModel } from './givenFlags.ts';
import type { InputFlags } from './inputFlags.ts';
import { loadFeeds } from './loadFeeds.ts';
import { loadTrained, trainedModelOf } from './trainedTask.ts';

/** The models of a run directory that can be quantized. */
export const runModels = [runFiles.slim, runFiles.model] as const;

/** Flags that say what is quantized, and what it is judged by. */
export interface SourceFlags extends InputFlags, GivenFlags {
  readonly model?: (typeof runModels)[number];
  readonly scoreBound?: number;
  readonly data?: string;
  readonly valid?: string;
}

/** By which task's score a quantized model is judged, and on which data. */
export interface Scoring extends Omit<FinishedScoreOptions, 'trained' | 'signal'> {
  readonly split: Split;
  /** Where the data come from. */
  readonly source: string;
}

/** A model to quantize, with what it is judged on. */
export interface QuantizeSource extends OpenedModel {
  readonly file: string;
  readonly states: readonly StatePair[];
  /** Windows to run on; absent: random ones. */
  readonly windows: readonly Tensors[] | undefined;
  /** What these are, in words. */
  readonly inputs: string;
  /** Of a run alone: a file has no task. */
  readonly scoring: Scoring | undefined;
}

/** Opens an ONNX file, or a model of a run directory with its task and data. Throws a UsageError for flags of the other. */
export function openSource(path: string, flags: SourceFlags, runtime: Runtime): Promise<QuantizeSource> {
  return isFolder(path) ? openRun(path, flags, runtime) : openFile(path, flags);
}

async function openFile(path: string, flags: SourceFlags): Promise<QuantizeSource> {
  const stray = (['model', 'scoreBound', 'data', 'valid'] as const).find((name) => flags[name] !== undefined);
  if (stray !== undefined && existsSync(path)) {
    throw new UsageError(`${flagName(stray)} goes with a run directory; ${path} is a file`);
  }
  const opened = await openModel(path, flags);
  const states = statesOf(prepareModel(opened.model));
  const { inputs } = flags;
  const windows = inputs === undefined ? undefined : await loadFeeds(inputs, opened.model, states);
  return { ...opened, file: path, states, windows, inputs: inputs ?? 'the same random inputs', scoring: undefined };
}

async function openRun(path: string, flags: SourceFlags, runtime: Runtime): Promise<QuantizeSource> {
  const stray = (['set', 'size', 'seed'] as const).find((name) => flags[name] !== undefined);
  if (stray !== undefined) {
    throw new UsageError(
      `${flagName(stray)} goes with an ONNX file; a model of a run is judged on the data of the run`,
    );
  }
  const { model: wanted, inputs } = flags;
  const trained = await trainedModelOf(path);
  const file = join(path, wanted ?? runModels.find((name) => existsSync(join(path, name)))!);
  if (!existsSync(file)) {
    throw new UsageError(`${path} has no ${basename(file)}: only training with a sparsity method leaves one`);
  }
  // The data are those that the trained model was made for; a slim one takes the same.
  const { config, task } = await loadTrained(path, trained, flags);
  const { problem, data } = task;
  const split = (['valid', 'test'] as const).find((name) => problem.splits.includes(name));
  if (split === undefined) {
    throw new UsageError(
      `${path} has no held-out data to score on: give some with --valid, or quantize ${file} itself, which is judged by its outputs`,
    );
  }
  const opened = await openModel(file, {});
  const states = task.states ?? statesOf(prepareModel(opened.model));
  const windows = inputs === undefined ? problem.samples(opened.model) : await loadFeeds(inputs, opened.model, states);
  const scoring = { problem, runtime, settings: config, split, source: data.source };
  return { ...opened, file, states, windows, inputs: inputs ?? `samples of ${data.source}`, scoring };
}
