import { z } from 'zod';
import { meanLoss, perplexity, type ScoreKind, type ScoreValues, scoreKinds } from '../tasks/score.ts';
import type { EpochMetrics } from '../train/metrics.ts';
import type { Choice, ModelScores, RunLive, RunResultRecord, SavedConfig } from './record.ts';
import { configFields, epochSchema, liveSchema, modelFields, resultFields } from './schemas.ts';

/*
 * Run directories of version 0.1, which knew language models and the fine-tuning of imported graphs: each file in the
 * form of today. The fields of its flat configuration go to the parts that they belong to.
 */

type Fields = Readonly<Record<string, unknown>>;

const accuracy: ScoreKind = { name: 'accuracy', better: 'higher', decimals: 2, isShare: true };

const configSchema: z.ZodType<SavedConfig> = z.looseObject({ ...configFields, format: z.literal(1) });

/** A configuration of version 0.1 in the form of today; undefined for what is none. */
export function configOfVersion1(value: unknown): SavedConfig | undefined {
  const fields = fieldsOf(value);
  if (fields === undefined || 'format' in fields) return undefined;
  const config = 'loss' in fields ? finetuningConfig(fields) : languageModelConfig(fields);
  return configSchema.safeParse({ format: 1, ...config }).data;
}

function languageModelConfig(fields: Fields): object {
  const [task, rest1] = taken(fields, ['steps', 'vocabulary', 'trainTokens']);
  const [{ cell = 'lstm', ...model }, rest2] = taken(rest1, [
    ...['cell', 'hidden', 'depth', 'transformBias', 'embedding', 'keep', 'keepWords', 'keepState', 'initScale'],
  ]);
  const [method, rest3] = taken(rest2, SPARSITY);
  const [schedule, rest4] = taken(rest3, ['learningRate', 'decay', 'flatEpochs', 'decayEvery']);
  const { data = null, init = null, ...rest } = rest4;
  return {
    task: { kind: 'language-model', ...task },
    model: { kind: cell, ...model },
    method: methodOf(method),
    optimizer: { kind: 'sgd' },
    schedule: { kind: 'step', ...schedule },
    ...rest,
    sources: { data, init },
    items: 'tokens',
    scores: scoreKinds([perplexity]),
  };
}

function finetuningConfig(fields: Fields): object {
  const [{ target, inputs, ...task }, rest1] = taken(asGiven(fields), [
    ...['loss', 'target', 'output', 'inputs', 'zeros', 'lengths', 'mask', 'ignore', 'batchAxis'],
  ]);
  const [method, rest2] = taken(rest1, ['iss']);
  const [schedule, rest3] = taken(rest2, ['learningRate', 'decay']);
  const { model: init = null, data = null, valid = null, optimizer = 'sgd', ...rest } = rest3;
  return {
    task: { kind: 'arrays', targetArray: target, input: inputs, ...task },
    model: { kind: 'onnx' },
    method: methodOf(method),
    optimizer: { kind: optimizer },
    schedule: { kind: 'step', ...schedule },
    ...rest,
    sources: { data, valid, init },
    items: 'examples',
    scores: scoreKinds(fields.loss === 'mse' ? [meanLoss] : [accuracy, meanLoss]),
  };
}

/** Without the empty lists and tables that version 0.1 wrote for fields that nobody had set. */
function asGiven(fields: Fields): Fields {
  const isEmpty = (value: unknown) => typeof value === 'object' && value !== null && Object.keys(value).length === 0;
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value)));
}

const SPARSITY = [
  ...['iss', 'issLayers', 'issScaling', 'issEmbedding', 'proximal', 'target', 'l1', 'magnitude'],
  ...['pruneSchedule', 'pruneFrom', 'pruneTo', 'pruneEvery', 'keepZeros'],
];

/** Version 0.1 had the fields of all methods side by side; those at rest are left out. */
function methodOf({ iss, l1, magnitude, ...others }: Fields): Choice {
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
  if (fields === undefined) return undefined;
  const { tokensPerSecond, examplesPerSecond, ...rest } = fields;
  const scores = { train: scoresIn(fields, 'train') ?? {}, valid: scoresIn(fields, 'valid') };
  return epochSchema.safeParse({ ...rest, ...scores, itemsPerSecond: tokensPerSecond ?? examplesPerSecond }).data;
}

/** Figures that version 0.1 kept in a field each: `validPerplexity`, …; undefined where there is none. */
function scoresIn(fields: Fields, split: 'train' | 'valid' | 'test'): ScoreValues | undefined {
  const found = [perplexity, accuracy, meanLoss].flatMap(({ name }): [string, number][] => {
    const value = fields[`${split}${name.charAt(0).toUpperCase()}${name.slice(1)}`];
    return typeof value === 'number' ? [[name, value]] : [];
  });
  return found.length === 0 ? undefined : Object.fromEntries(found);
}

/** A live.json of version 0.1 in the form of today; undefined for what is none. */
export function liveOfVersion1(value: unknown): RunLive | undefined {
  const fields = fieldsOf(value);
  return fields && liveSchema.safeParse({ ...fields, score: fields.metric, itemsPerSecond: fields.speed }).data;
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
  const parsed = fields === undefined || 'format' in fields ? undefined : resultSchema.safeParse(fields).data;
  if (parsed === undefined) return undefined;
  const { data, sources, before, after, models, notes = [], ...rest } = parsed;
  const scoresOf = (model: Fields & { readonly name: string }): ModelScores => {
    const valid = scoresIn(model, 'valid') ?? scoresIn((model.name === 'original' ? before : after) ?? {}, 'valid');
    const test = scoresIn(model, 'test');
    return { ...(valid && { valid }), ...(test && { test }) };
  };
  return {
    ...rest,
    format: 1,
    data: data ? dataOf(data) : sources && { name: sources.data, source: sources.data, facts: {} },
    models: models.map((model) => {
      const { name, file, bytes, hidden, parameters, multiplyAdds, split } = model;
      const place = name === 'original' ? file : file.split(/[\\/]/).at(-1)!;
      return { name, file: place, bytes, hidden, parameters, multiplyAdds, split, scores: scoresOf(model) };
    }),
    notes,
  };
}

function dataOf({ vocabulary, ...data }: NonNullable<z.infer<typeof resultSchema>['data']>) {
  return { ...data, facts: { vocabulary } };
}

/** Fields of these names, and the others. */
function taken(fields: Fields, names: readonly string[]): [wanted: Fields, rest: Fields] {
  const entries = Object.entries(fields);
  const isWanted = ([name]: [string, unknown]) => names.includes(name);
  return [
    Object.fromEntries(entries.filter(isWanted)),
    Object.fromEntries(entries.filter((entry) => !isWanted(entry))),
  ];
}

function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}
