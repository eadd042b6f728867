import { z } from 'zod';
import type { Section, Settings } from '../base/fields.ts';
import { meanLoss, perplexity, type ScoreKind, type ScoreValues, scoreKinds } from '../tasks/score.ts';
import type { EpochMetrics } from '../train/metrics.ts';
import {
  configSchema,
  epochSchema,
  liveSchema,
  type ModelScores,
  modelFields,
  type RunLive,
  type RunResultRecord,
  resultFields,
  type SavedConfig,
} from './record.ts';

/*
 * Run directories of version 0.1, which knew language models and the fine-tuning of imported graphs: each file in the
 * form of today. The fields of its flat configuration go to the parts that they belong to.
 */

const accuracy: ScoreKind = { name: 'accuracy', better: 'higher', decimals: 2, isShare: true };

/** A configuration of version 0.1 in the form of today; undefined for what is none. */
export function configOfVersion1(value: unknown): SavedConfig | undefined {
  const fields = fieldsOf(value);
  if ('format' in fields) return undefined;
  const config = 'loss' in fields ? finetuningConfig(fields) : languageModelConfig(fields);
  return configSchema(1).safeParse({ format: 1, ...config }).data;
}

function languageModelConfig(fields: Settings): object {
  const { task, model, method, schedule, rest } = sorted(fields, {
    task: ['steps', 'vocabulary', 'trainTokens'],
    model: ['cell', 'hidden', 'depth', 'transformBias', 'embedding', 'keep', 'keepWords', 'keepState', 'initScale'],
    method: SPARSITY,
    schedule: ['learningRate', 'decay', 'flatEpochs', 'decayEvery'],
  });
  const { cell = 'lstm', ...sizes } = model;
  const { data = null, init = null, ...others } = rest;
  return {
    task: { kind: 'language-model', ...task },
    model: { kind: cell, ...sizes },
    method: methodOf(method),
    optimizer: { kind: 'sgd' },
    schedule: { kind: 'step', ...schedule },
    ...others,
    sources: { data, init },
    items: 'tokens',
    scores: scoreKinds([perplexity]),
  };
}

function finetuningConfig(fields: Settings): object {
  const { task, method, schedule, rest } = sorted(asGiven(fields), {
    task: ['loss', 'target', 'output', 'inputs', 'zeros', 'lengths', 'mask', 'ignore', 'batchAxis'],
    method: ['iss'],
    schedule: ['learningRate', 'decay'],
  });
  const { target, inputs, ...others } = task;
  const { model: init = null, data = null, valid = null, optimizer = 'sgd', ...common } = rest;
  return {
    task: { kind: 'arrays', targetArray: target, input: inputs, ...others },
    model: { kind: 'onnx' },
    method: methodOf(method),
    optimizer: { kind: optimizer },
    schedule: { kind: 'step', ...schedule },
    ...common,
    sources: { data, valid, init },
    items: 'examples',
    scores: scoreKinds(fields.loss === 'mse' ? [meanLoss] : [accuracy, meanLoss]),
  };
}

/** Fields by the part of a configuration that they belong to, and the rest of them. */
function sorted<P extends string>(fields: Settings, parts: Readonly<Record<P, readonly string[]>>) {
  const where = (isWanted: (name: string) => boolean): Settings =>
    Object.fromEntries(Object.entries(fields).filter(([name]) => isWanted(name)));
  const named: [string, readonly string[]][] = Object.entries(parts);
  const sections = named.map(([part, names]) => [part, where((name) => names.includes(name))]);
  const rest = where((name) => !named.some(([, names]) => names.includes(name)));
  return { ...Object.fromEntries(sections), rest } as Record<P | 'rest', Settings>;
}

/** Without the empty lists and tables that version 0.1 wrote for fields that nobody had set. */
function asGiven(fields: Settings): Settings {
  const isEmpty = (value: unknown) => typeof value === 'object' && value !== null && Object.keys(value).length === 0;
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value)));
}

const SPARSITY = [
  ...['iss', 'issLayers', 'issScaling', 'issEmbedding', 'proximal', 'target', 'l1', 'magnitude'],
  ...['pruneSchedule', 'pruneFrom', 'pruneTo', 'pruneEvery', 'keepZeros'],
];

/** Version 0.1 had the fields of all methods side by side; those at rest are left out. */
function methodOf({ iss, l1, magnitude, ...others }: Settings): Section {
  if (others.target !== undefined) return { kind: 'target', iss, ...others };
  if (isPositive(iss)) return { kind: others.proximal === true ? 'proximal' : 'group-lasso', iss, ...others };
  if (isPositive(l1)) return { kind: 'l1', l1, ...others };
  if (isPositive(magnitude)) return { kind: 'magnitude', magnitude, ...others };
  return others.keepZeros === true ? { kind: 'zeros-kept', keepZeros: true } : { kind: 'dense' };
}

function isPositive(value: unknown): boolean {
  return typeof value === 'number' && value > 0;
}

/** A line of metrics.jsonl of version 0.1 in the form of today; undefined for what is none. */
export function epochOfVersion1(value: unknown): EpochMetrics | undefined {
  const fields = fieldsOf(value);
  const { tokensPerSecond, examplesPerSecond, ...rest } = fields;
  const scores = { train: scoresIn(fields, 'train') ?? {}, valid: scoresIn(fields, 'valid') };
  return epochSchema.safeParse({ ...rest, ...scores, itemsPerSecond: tokensPerSecond ?? examplesPerSecond }).data;
}

/** Figures that version 0.1 kept in a field each: `validPerplexity`, …; undefined where there is none. */
function scoresIn(fields: Settings, split: 'train' | 'valid' | 'test'): ScoreValues | undefined {
  const found = [perplexity, accuracy, meanLoss].flatMap(({ name }): [string, number][] => {
    const value = fields[`${split}${name.charAt(0).toUpperCase()}${name.slice(1)}`];
    return typeof value === 'number' ? [[name, value]] : [];
  });
  return found.length === 0 ? undefined : Object.fromEntries(found);
}

/** A live.json of version 0.1 in the form of today; undefined for what is none. */
export function liveOfVersion1(value: unknown): RunLive | undefined {
  const fields = fieldsOf(value);
  return liveSchema.safeParse({ ...fields, score: fields.metric, itemsPerSecond: fields.speed }).data;
}

const figures = z.record(z.string(), z.unknown());

const resultSchema = z.object({
  ...resultFields,
  data: z
    .object({ name: z.string(), source: z.string(), sha256: z.string().optional(), vocabulary: z.number() })
    .optional(),
  models: z.array(z.looseObject(modelFields)),
  notes: z.array(z.string()).optional(),
  /** Of a fine-tuned model. */
  sources: z.object({ data: z.string() }).optional(),
  before: figures.nullish(),
  after: figures.nullish(),
});

/** A result.json of version 0.1 in the form of today; undefined for what is none. */
export function resultOfVersion1(value: unknown): RunResultRecord | undefined {
  const fields = fieldsOf(value);
  const parsed = 'format' in fields ? undefined : resultSchema.safeParse(fields).data;
  if (parsed === undefined) return undefined;
  const { data, sources, before, after, models, notes = [], ...rest } = parsed;
  const scoresOf = (model: Settings & { readonly name: string }): ModelScores => {
    const valid = scoresIn(model, 'valid') ?? scoresIn((model.name === 'original' ? before : after) ?? {}, 'valid');
    const test = scoresIn(model, 'test');
    return { ...(valid && { valid }), ...(test && { test }) };
  };
  return {
    ...rest,
    format: 1,
    data: data ? withFacts(data) : sources && { name: sources.data, source: sources.data, facts: {} },
    models: models.map((model) => ({
      ...z.object(modelFields).parse(model),
      file: model.name === 'original' ? model.file : model.file.split(/[\\/]/).at(-1)!,
      scores: scoresOf(model),
    })),
    notes,
  };
}

function withFacts({ vocabulary, ...data }: NonNullable<z.infer<typeof resultSchema>['data']>) {
  return { ...data, facts: { vocabulary } };
}

/** The fields of an object, of other values none. */
function fieldsOf(value: unknown): Settings {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
