import { join } from 'node:path';
import { SlimError } from '../base/errors.ts';
import type { Model } from '../graph/types.ts';
import type { Groups } from '../groups/groups.ts';
import { type TracedModel, traceModel } from '../groups/traceModel.ts';
import { costsOf } from '../inspect/costs.ts';
import { splitParameters } from '../inspect/parameterSplit.ts';
import { loadModel } from '../onnx/file.ts';
import { encodeModel } from '../onnx/write.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';
import type { ResultModel, RunRecord } from '../runs/record.ts';
import { runFiles } from '../runs/runDirectory.ts';
import { untrainedModel } from '../tasks/language-model/freshModel.ts';
import { checkConfig } from '../train/config.ts';
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
    models.push({ figures: figuresOf(saved, record), model });
  }
  const began = record.summary.kind === 'language model' ? beginning(record, models[0], problems) : undefined;
  const last = models.at(-1)?.model;
  return { models: began ? [began, ...models] : models, final: last && traced(last, record, problems) };
}

/** Reports read the model files of a run directory and no others, whatever its result names. */
function insideRun(directory: string, file: string): string | undefined {
  const known: string[] = [runFiles.model, runFiles.slim];
  return known.includes(file) ? join(directory, file) : undefined;
}

function figuresOf(saved: ResultModel, { result }: RunRecord): LoadedModel['figures'] {
  const { name, hidden, parameters, bytes, multiplyAdds, split, validPerplexity, testPerplexity } = saved;
  // The slim model of a fine-tuned run was verified to compute what the trained one does.
  const score = name === 'original' ? result?.before : result?.after;
  return { name, hidden, parameters, bytes, multiplyAdds, split, validPerplexity, testPerplexity, ...score };
}

function traced(model: Model, record: RunRecord, problems: string[]): FinalModel | undefined {
  try {
    const { prepared, groups } = traceModel(model, { tolerant: true });
    return { prepared, groups, units: unitsOf(groups, record) };
  } catch (error) {
    return inWords(problems)(error);
  }
}

function unitsOf({ layers }: Groups, { result, config: { hidden } }: RunRecord): KeptUnits | undefined {
  const kept = result?.kept;
  const fits =
    kept !== undefined &&
    isNumbers(hidden) &&
    hidden.length === layers.length &&
    layers.every(({ components }, i) => kept[i]?.length === components.length);
  return fits ? { before: hidden, kept } : undefined;
}

/** The untrained model of the configuration, where training shrank it; its figures are sizes and speed alone. */
function beginning(record: RunRecord, first: LoadedModel | undefined, problems: string[]): LoadedModel | undefined {
  const words = record.result?.data?.vocabulary;
  const { data: _data, init: _init, ...fields } = record.config;
  if (words === undefined || first === undefined) return undefined;
  try {
    const config = checkConfig(fields, 'its configuration');
    if (config.hidden.join() === first.figures.hidden.join()) return undefined;
    const model = withoutDropout(untrainedModel(config, words));
    let bytes = 0;
    for (const piece of encodeModel(model)) bytes += piece.length;
    const split = splitParameters(model.graph);
    return { figures: { name: 'as it began', hidden: config.hidden, ...costsOf(model), bytes, split }, model };
  } catch (error) {
    return inWords(problems, 'the model as it began cannot be made again: ')(error);
  }
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((v) => typeof v === 'number');
}

/** Turns an error that a user can understand into a line; undefined stands for what could not be had. */
function inWords(problems: string[], beginning = ''): (error: unknown) => undefined {
  return (error) => {
    if (!(error instanceof SlimError)) throw error;
    problems.push(beginning + error.message);
    return undefined;
  };
}
