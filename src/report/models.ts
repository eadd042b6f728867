import { join } from 'node:path';
import { SlimError } from '../errors.ts';
import { withoutDropout } from '../graph/dropout.ts';
import type { Model } from '../graph/types.ts';
import { loadModel } from '../onnx/file.ts';
import { encodeModel } from '../onnx/write.ts';
import type { ResultModel, RunRecord } from '../runs/record.ts';
import { costsOf } from '../slim/costs.ts';
import { splitParameters } from '../slim/parameterSplit.ts';
import { traceModel } from '../slim/prepare.ts';
import { checkConfig } from '../train/config.ts';
import { untrainedModel } from '../train/freshModel.ts';
import { runFiles } from '../train/runDirectory.ts';
import type { ReportModel } from './data.ts';
import type { KeptUnits } from './weightMap.ts';

/** A model of a run with its figures; its file may be gone. */
export interface LoadedModel {
  readonly figures: Omit<ReportModel, 'latencies'>;
  readonly model: Model | undefined;
  /** Names of the layers, where the model can be traced. */
  readonly layers: readonly string[] | undefined;
  /** Which of the units that the run began with the model has, where that is known. */
  readonly units: KeptUnits | undefined;
  /** Matrices that carry units. */
  readonly matrices: number;
}

/**
 * Loads the models of a finished run in order: as it began (where training made it smaller), trained, slim. A run that
 * is not finished has none. What cannot be loaded is a problem in words.
 */
export async function loadModels(
  directory: string,
  record: RunRecord,
): Promise<{ models: LoadedModel[]; problems: string[] }> {
  const { result } = record;
  const problems: string[] = [];
  if (result === undefined) return { models: [], problems };
  const models: LoadedModel[] = [];
  for (const saved of result.models) {
    const path = insideRun(directory, saved.file);
    const model = path === undefined ? undefined : await loadModel(path).catch(inWords(problems));
    models.push(loaded(figuresOf(saved, record), model, record));
  }
  const began = record.summary.kind === 'language model' ? beginning(record, models[0], problems) : undefined;
  return { models: began ? [began, ...models] : models, problems };
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

function loaded(figures: LoadedModel['figures'], model: Model | undefined, record: RunRecord): LoadedModel {
  if (model === undefined) return { figures, model, layers: undefined, units: undefined, matrices: 0 };
  const { groups } = traceModel(model, { tolerant: true });
  const { kept } = record.result ?? {};
  const before = record.config.hidden;
  const fits =
    kept !== undefined &&
    isNumbers(before) &&
    before.length === groups.layers.length &&
    groups.layers.every(({ components }, i) => kept[i]?.length === components.length);
  return {
    figures,
    model,
    layers: groups.layers.map(({ name }) => name),
    units: fits ? { before, kept } : undefined,
    matrices: new Set(groups.axes.filter((a) => a.role !== 'bias').map((a) => a.tensor)).size,
  };
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
    return loaded({ name: 'as it began', hidden: config.hidden, ...costsOf(model), bytes, split }, model, record);
  } catch (error) {
    if (!(error instanceof SlimError)) throw error;
    problems.push(`the model as it began cannot be made again: ${error.message}`);
    return undefined;
  }
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((v) => typeof v === 'number');
}

/** Turns an error that a user can understand into a line; undefined stands for what could not be had. */
function inWords(problems: string[]): (error: unknown) => undefined {
  return (error) => {
    if (!(error instanceof SlimError)) throw error;
    problems.push(error.message);
    return undefined;
  };
}
