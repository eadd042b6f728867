import { join } from 'node:path';
import { ZodError } from 'zod';
import { SlimError, UsageError } from '../base/errors.ts';
import type { Model } from '../graph/types.ts';
import type { Groups } from '../groups/groups.ts';
import { type TracedModel, traceModel } from '../groups/traceModel.ts';
import { costsOf } from '../inspect/costs.ts';
import { splitParameters } from '../inspect/parameterSplit.ts';
import { loadModel } from '../onnx/file.ts';
import { encodeModel } from '../onnx/write.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';
import type { RunRecord, RunResultRecord, SavedConfig } from '../runs/record.ts';
import { runFiles } from '../runs/runDirectory.ts';
import { taskNamed } from '../tasks/registry.ts';
import type { ReportModel } from './data.ts';
import type { KeptUnits } from './weightMap.ts';

/** A model of a run with its figures; its file may be gone. */
export interface LoadedModel {
  readonly figures: Omit<ReportModel, 'latencies'>;
  readonly model: Model | undefined;
}

/** The models of a run in order: as it began (where training made it smaller), trained, slim. */
export interface LoadedRun {
  readonly models: readonly LoadedModel[];
  /** The last of them, where it could be traced. */
  readonly final: FinalModel | undefined;
}

/** The model that a run ended with. */
export interface FinalModel extends TracedModel {
  /** Which of the units that the run began with it has, where that is known. */
  readonly units: KeptUnits | undefined;
}

/** Loads the models of a run; one that is not finished has none. What cannot be had is a problem in words. */
export async function loadModels(directory: string, record: RunRecord, problems: string[]): Promise<LoadedRun> {
  const { result } = record;
  if (result === undefined) return { models: [], final: undefined };
  const models: LoadedModel[] = [];
  for (const saved of result.models) {
    const path = insideRun(directory, saved.file);
    const model = path === undefined ? undefined : await loadModel(path).catch(inWords(problems));
    const { file: _, ...figures } = saved;
    models.push({ figures, model });
  }
  const began = beginning(record.config, result, problems);
  const last = models.at(-1)?.model;
  return { models: began ? [began, ...models] : models, final: last && traced(last, record, problems) };
}

/** Reports read the model files of a run directory and no others, whatever its result names. */
function insideRun(directory: string, file: string): string | undefined {
  const known: string[] = [runFiles.model, runFiles.slim];
  return known.includes(file) ? join(directory, file) : undefined;
}

function traced(model: Model, record: RunRecord, problems: string[]): FinalModel | undefined {
  try {
    const { prepared, groups } = traceModel(model, { tolerant: true });
    return { prepared, groups, units: unitsOf(groups, record) };
  } catch (error) {
    return inWords(problems)(error);
  }
}

function unitsOf({ layers }: Groups, { result, config }: RunRecord): KeptUnits | undefined {
  const kept = result?.kept;
  const before = unitsAtFirst(result, config);
  const fits =
    kept !== undefined &&
    before?.length === layers.length &&
    layers.every(({ components }, i) => kept[i]?.length === components.length);
  return fits ? { before, kept } : undefined;
}

/** Units of each layer before training. */
function unitsAtFirst(result: RunResultRecord | undefined, config: SavedConfig | undefined) {
  return result?.layers?.map(({ units }) => units) ?? config?.model.hidden;
}

/** The untrained model of the configuration, where training shrank it; its figures are sizes and speed alone. */
function beginning(
  config: SavedConfig | undefined,
  result: RunResultRecord,
  problems: string[],
): LoadedModel | undefined {
  const [first] = result.models;
  const hidden = unitsAtFirst(result, config);
  if (config === undefined || hidden === undefined || hidden.join() === first?.hidden.join()) return undefined;
  try {
    const made = remade(config, result.data?.facts ?? {});
    if (made === undefined) return undefined;
    const model = withoutDropout(made);
    let bytes = 0;
    for (const piece of encodeModel(model)) bytes += piece.length;
    const split = splitParameters(model.graph);
    return { figures: { name: 'as it began', hidden, ...costsOf(model), bytes, split, scores: {} }, model };
  } catch (error) {
    return inWords(problems, 'the model as it began cannot be made again: ')(error);
  }
}

/** The untrained model of a configuration; undefined for a task whose models cannot be made again. */
function remade(config: SavedConfig, facts: Readonly<Record<string, number>>): Model | undefined {
  try {
    return taskNamed(config.task.kind)?.untrained?.({ ...config, batch: 1, seed: 1 }, facts);
  } catch (cause) {
    if (cause instanceof ZodError) throw new UsageError('its configuration has other fields', { cause });
    throw cause;
  }
}

/** Turns an error that a user can understand into a line; undefined stands for what could not be had. */
function inWords(problems: string[], beginning = ''): (error: unknown) => undefined {
  return (error) => {
    if (!(error instanceof SlimError)) throw error;
    problems.push(beginning + error.message);
    return undefined;
  };
}
