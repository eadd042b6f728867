import { join } from 'node:path';
import { ZodError } from 'zod';
import { SlimError } from '../base/errors.ts';
import type { Model } from '../graph/types.ts';
import { type TracedModel, traceModel } from '../groups/traceModel.ts';
import { costsOf, splitParameters } from '../inspect/costs.ts';
import { loadModel } from '../onnx/file.ts';
import { encodeModel } from '../onnx/write.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';
import type { RunRecord } from '../runs/record.ts';
import { runFiles } from '../runs/runDirectory.ts';
import { taskNamed } from '../tasks/registry.ts';
import type { ReportLatency, ReportModel } from './data.ts';
import type { KeptUnits } from './weightMap.ts';

/** A model of a run with its figures; its file may be gone. */
export interface LoadedModel {
  readonly figures: Omit<ReportModel, 'latencies'>;
  readonly model: Model | undefined;
  /** Filled by `timeModels`. */
  readonly latencies: ReportLatency[];
}

/** The models of a run in order: as it began (where training made it smaller), trained, slim. */
export interface LoadedModels {
  readonly models: readonly LoadedModel[];
  /** The last of them, where it could be traced, and which units it has of those that the run began with. */
  readonly final: (TracedModel & { readonly units: KeptUnits | undefined }) | undefined;
}

/** Takes what could not be had, in words. */
export type OnProblem = (problem: string) => void;

/** Loads the models of a run; one that is not finished has none. */
export async function loadModels(directory: string, record: RunRecord, onProblem: OnProblem): Promise<LoadedModels> {
  const models: LoadedModel[] = [];
  for (const { file, ...figures } of record.result?.models ?? []) {
    const inside = fileInRun(figures.name, file);
    if (inside === undefined) onProblem(`the ${figures.name} model is not timed: ${file} is not in the run directory`);
    const model = inside === undefined ? undefined : await loadModel(join(directory, inside)).catch(inWords(onProblem));
    models.push({ figures, model, latencies: [] });
  }
  const last = models.at(-1)?.model;
  const began = beginning(record, onProblem);
  return { models: began ? [began, ...models] : models, final: last && traced(last, record, onProblem) };
}

/** The file of a model in its run; earlier versions named it by a path. No other files are read, whatever a result names. */
function fileInRun(name: string, file: string): string | undefined {
  if (name === 'original') return file === runFiles.original ? file : undefined;
  return [runFiles.model, runFiles.slim].find((known) => known === file.split(/[\\/]/).at(-1));
}

function traced(model: Model, record: RunRecord, onProblem: OnProblem): LoadedModels['final'] {
  try {
    const { prepared, groups } = traceModel(model, { tolerant: true });
    const kept = record.result?.kept;
    const before = unitsAtFirst(record);
    const fits =
      kept !== undefined &&
      before?.length === groups.layers.length &&
      groups.layers.every(({ components }, i) => kept[i]?.length === components.length);
    return { prepared, groups, units: fits ? { before, kept } : undefined };
  } catch (error) {
    return inWords(onProblem)(error);
  }
}

/** Units of each layer before training. */
export function unitsAtFirst({ result, config }: Pick<RunRecord, 'result' | 'config'>): readonly number[] | undefined {
  return result?.layers?.map(({ units }) => units) ?? config?.model.hidden;
}

/** The untrained model of the configuration, where training shrank it; its figures are sizes and speed alone. */
function beginning(record: RunRecord, onProblem: OnProblem): LoadedModel | undefined {
  const { config, result } = record;
  const hidden = unitsAtFirst(record);
  if (!config || !result || !hidden || hidden.join() === result.models[0]?.hidden.join()) return undefined;
  const cannot = 'the model as it began cannot be made again: ';
  try {
    // Not every task can make its models again.
    const made = taskNamed(config.task.kind)?.untrained?.({ ...config, batch: 1, seed: 1 }, result.data?.facts ?? {});
    if (made === undefined) return undefined;
    const model = withoutDropout(made);
    let bytes = 0;
    for (const piece of encodeModel(model)) bytes += piece.length;
    const split = splitParameters(model.graph);
    const figures = { name: 'as it began', hidden, ...costsOf(model), bytes, split, scores: {} };
    return { figures, model, latencies: [] };
  } catch (error) {
    if (error instanceof ZodError) onProblem(`${cannot}its configuration has other fields`);
    else inWords((problem) => onProblem(cannot + problem))(error);
    return undefined;
  }
}

/** Turns an error that a user can understand into a line; undefined stands for what could not be had. */
export function inWords(onProblem: OnProblem): (error: unknown) => undefined {
  return (error) => {
    if (!(error instanceof SlimError)) throw error;
    onProblem(error.message);
  };
}
