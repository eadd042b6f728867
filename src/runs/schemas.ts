import { z } from 'zod';
import { logHistogramSchema } from '../groups/logHistogram.ts';
import type { EpochRow, RunLive, RunResultRecord } from './record.ts';

/*
 * What is read of files that anyone may have written: more than this is ignored, less is refused.
 */

const MOST_LAYERS = 256;
const units = z.array(z.number()).max(MOST_LAYERS);

export const epochRowSchema: z.ZodType<EpochRow> = z.object({
  epoch: z.number(),
  learningRate: z.number(),
  trainPerplexity: z.number().optional(),
  validPerplexity: z.number().optional(),
  tokensPerSecond: z.number().optional(),
  trainLoss: z.number().optional(),
  validLoss: z.number().optional(),
  trainAccuracy: z.number().optional(),
  validAccuracy: z.number().optional(),
  examplesPerSecond: z.number().optional(),
  units,
  alive: units,
  parameters: z.number(),
  penalty: z.number(),
  seconds: z.number(),
  groupNorms: z
    .array(logHistogramSchema.refine(({ counts }) => counts.length <= 1000))
    .max(MOST_LAYERS)
    .optional(),
});

export const liveSchema: z.ZodType<RunLive> = z.object({
  epoch: z.number(),
  epochs: z.number(),
  share: z.number(),
  metric: z.object({ name: z.enum(['perplexity', 'loss']), value: z.number() }),
  speed: z.number().optional(),
  secondsLeft: z.number().optional(),
  units,
  alive: units,
  updatedAt: z.number(),
});

/** Why a run of a sweep ended before its time. */
export const failureSchema = z.object({ reason: z.string() });

const count = z.object({ stored: z.number(), nonzero: z.number() });
const score = z
  .object({ validLoss: z.number(), validAccuracy: z.number().optional() })
  .nullish()
  .transform((value) => value ?? undefined);

export const resultSchema: z.ZodType<RunResultRecord> = z.object({
  models: z.array(
    z.object({
      name: z.string(),
      file: z.string(),
      bytes: z.number(),
      hidden: units,
      parameters: z.number(),
      multiplyAdds: z.number(),
      split: z.object({ embedding: count, recurrent: count, output: count }).optional(),
      validPerplexity: z.number().optional(),
      testPerplexity: z.number().optional(),
    }),
  ),
  seconds: z.number(),
  verify: z.object({ maxAbsDifference: z.number(), maxRelativeDifference: z.number(), batches: z.number() }).optional(),
  data: z
    .object({ name: z.string(), source: z.string(), sha256: z.string().optional(), vocabulary: z.number() })
    .optional(),
  environment: z
    .object({
      command: z.string(),
      slimrnn: z.string(),
      node: z.string(),
      machine: z.object({ cpu: z.string(), cores: z.number(), memoryGigabytes: z.number() }),
    })
    .optional(),
  before: score,
  after: score,
  kept: z.array(z.array(z.int().nonnegative())).max(MOST_LAYERS).optional(),
});
