import { z } from 'zod';
import { logHistogramSchema } from '../groups/logHistogram.ts';
import { type EpochMetrics, epochMetricsSchema, scoreKindSchema, scoreValuesSchema } from '../train/metrics.ts';
import { type ModelScores, RUN_FORMAT, type RunLive, type RunResultRecord, type SavedConfig } from './record.ts';

/*
 * What is read of files that anyone may have written: more than this is ignored, less is refused.
 */

const MOST_LAYERS = 256;
const MOST_SCORES = 32;
const MOST_CLASSES = 1000;

/** A number for each layer. */
export const layersSchema = z.array(z.number()).max(MOST_LAYERS);

const scores = scoreValuesSchema.refine((values) => Object.keys(values).length <= MOST_SCORES);

export const epochSchema: z.ZodType<EpochMetrics> = epochMetricsSchema.extend({
  train: scores,
  valid: scores.optional(),
  units: layersSchema,
  alive: layersSchema,
  groupNorms: z
    .array(logHistogramSchema.refine(({ counts }) => counts.length <= 1000))
    .max(MOST_LAYERS)
    .optional(),
});

const choice = z.looseObject({ kind: z.string() });

/** Fields of config.json in the form that every reader gets. */
export const configFields = {
  task: choice,
  model: choice.extend({ hidden: layersSchema.optional() }),
  method: choice,
  optimizer: choice,
  schedule: choice,
  epochs: z.number(),
  threshold: z.number().optional(),
  seed: z.number().optional(),
  sources: z.record(z.string(), z.string().nullable()),
  items: z.string(),
  scores: z.array(scoreKindSchema).min(1).max(MOST_SCORES),
};

export const configSchema: z.ZodType<SavedConfig> = z.looseObject({ ...configFields, format: z.literal(RUN_FORMAT) });

export const liveSchema: z.ZodType<RunLive> = z.object({
  epoch: z.number(),
  epochs: z.number(),
  share: z.number(),
  score: z.object({ name: z.string(), value: z.number() }),
  itemsPerSecond: z.number().optional(),
  secondsLeft: z.number().optional(),
  units: layersSchema,
  alive: layersSchema,
  updatedAt: z.number(),
});

/** Why a run of a sweep ended before its time. */
export const failureSchema = z.object({ reason: z.string() });

const count = z.object({ stored: z.number(), nonzero: z.number() });

/** Fields of a model that both formats of result.json have. */
export const modelFields = {
  name: z.string(),
  file: z.string(),
  bytes: z.number(),
  hidden: layersSchema,
  parameters: z.number(),
  multiplyAdds: z.number(),
  split: z.object({ embedding: count, recurrent: count, output: count }).optional(),
};

/** Fields of result.json that both formats have. */
export const resultFields = {
  seconds: z.number(),
  verify: z.object({ maxAbsDifference: z.number(), maxRelativeDifference: z.number(), batches: z.number() }).optional(),
  target: z.object({ what: z.string(), asked: z.number(), reached: z.number() }).optional(),
  engine: z.string().optional(),
  environment: z
    .object({
      command: z.string(),
      slimrnn: z.string(),
      node: z.string(),
      machine: z.object({ cpu: z.string(), cores: z.number(), memoryGigabytes: z.number() }),
    })
    .optional(),
  layers: z
    .array(z.object({ name: z.string(), units: z.number() }))
    .max(MOST_LAYERS)
    .optional(),
  kept: z.array(z.array(z.int().nonnegative())).max(MOST_LAYERS).optional(),
};

const confusion = z
  .object({ classes: z.array(z.string()).max(MOST_CLASSES), counts: z.array(z.array(z.number())) })
  .refine(({ classes, counts }) => [counts, ...counts].every(({ length }) => length === classes.length));

const modelScores: z.ZodType<ModelScores> = z.object({
  train: scores.optional(),
  valid: scores.optional(),
  test: scores.optional(),
});

export const resultSchema: z.ZodType<RunResultRecord> = z.object({
  ...resultFields,
  format: z.literal(RUN_FORMAT),
  data: z
    .object({
      name: z.string(),
      source: z.string(),
      sha256: z.string(),
      facts: z.record(z.string(), z.number()),
    })
    .optional(),
  models: z.array(
    z.object({
      ...modelFields,
      scores: modelScores,
      details: z.object({ confusion: confusion.optional() }).optional(),
    }),
  ),
  notes: z.array(z.string()),
});
