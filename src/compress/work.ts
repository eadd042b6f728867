import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Settings } from '../base/fields.ts';
import { resolveConfig } from '../config/resolve.ts';
import type { RunConfig } from '../config/runConfig.ts';
import type { Model } from '../graph/types.ts';
import { loadModel } from '../onnx/file.ts';
import type { RunResult } from '../runs/result.ts';
import type { RunOptions } from '../runs/run.ts';
import { runFiles } from '../runs/runDirectory.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { formatScore, type ScoreValues } from '../tasks/score.ts';
import type { LoadedTask, Sources, Task } from '../tasks/task.ts';
import type { CutRanking } from './cutTo.ts';
import type { CompressGoal } from './goal.ts';
import type { CompressForm, CompressRecord, StageRecord } from './record.ts';

/** What is compressed, on what, and how far. */
export interface CompressOptions {
  /** How the smaller models are trained: `distillation` for somebody else's model and inputs without labels. */
  readonly task: Task;
  /** Settings of the task and of training, as `train` takes them. */
  readonly settings: Settings;
  /** What holds where settings do not say it, unless something near it does better in short trials (`findSettings`). */
  readonly usual?: { readonly learningRate?: number | undefined; readonly keep?: number | undefined } | undefined;
  /** `init` is the model, `data` its inputs; a `teacher` is followed where one is named: the model itself. */
  readonly sources: Sources & { readonly init: string };
  readonly goal: CompressGoal;
  /** Folder for all that comes of it. */
  readonly directory: string;
  readonly rank: CutRanking;
  /** Whether units of other layers than recurrent ones, channels of convolutions for example, may go, too. */
  readonly allLayers: boolean;
  /** Cuts on the way to a size, each followed by training. */
  readonly stages: number;
  /** Epochs of the last stage; those before have a third. By default as many as make 3000 updates. */
  readonly epochs?: number | undefined;
  /** Seconds that all of it may take, roughly, in the place of epochs. */
  readonly seconds?: number | undefined;
  /** Also writes the result in fewer bits, as `quantizeModel` does. */
  readonly quantize?: CompressForm | undefined;
  /** Go on where a compression into the same folder was stopped. */
  readonly resume?: boolean | undefined;
  readonly runtime: Runtime;
  readonly signal?: AbortSignal | undefined;
  /** Called with a line about what is going on. */
  readonly onStage?: ((line: string) => void) | undefined;
  /** Trains a stage; by default `run`. `label` says which stage that is. */
  readonly runStage?:
    | ((label: string, options: Omit<RunOptions, 'runtime' | 'signal'>) => Promise<RunResult>)
    | undefined;
}

/** A compression as it goes on. */
export interface Work extends CompressOptions {
  readonly say: (line: string) => void;
  /** The task with its data and the original. */
  readonly first: LoadedTask;
  readonly config: RunConfig;
  readonly original: Model;
  readonly record: CompressRecord;
  readonly save: () => Promise<void>;
}

/** A configuration of the task's training. */
export function configFrom({ task, usual }: CompressOptions, settings: Settings): RunConfig {
  return resolveConfig({ task: task.name, ...usual, ...settings }, { source: 'compress', tasks: [task] });
}

/** What JSON can hold. */
export function finite(values: ScoreValues): StageRecord['trained'] {
  return Object.fromEntries(Object.entries(values).map(([name, v]) => [name, Number.isFinite(v) ? v : null]));
}

/** Scores as a line of text. */
export function scoresText({ problem }: LoadedTask, values: ScoreValues): string {
  return problem.scores.map((kind) => `${kind.name} ${formatScore(kind, values[kind.name]!)}`).join(', ');
}

/** Paths of a stage, counted from 0. */
export function placesOf(directory: string, stage: number) {
  const folder = join(directory, 'stages', String(stage + 1));
  return { folder, cut: join(folder, 'cut.onnx'), about: join(folder, 'cut.json'), run: join(folder, 'run') };
}

/** The model that a stage ended with; the original before the first one. */
export async function modelAfter({ directory, original, record }: Work, stage: number): Promise<Model> {
  if (stage < 0) return original;
  const { run, cut } = placesOf(directory, stage);
  if (record.stages[stage]?.isTrained === false) return loadModel(cut);
  const slim = join(run, runFiles.slim);
  return loadModel(existsSync(slim) ? slim : join(run, runFiles.model));
}
