import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import { refusal } from '../runs/formats.ts';
import { environmentSchema } from '../runs/record.ts';
import { readJson } from '../runs/runDirectory.ts';
import { scoreKindSchema, scoreValuesSchema } from '../train/metrics.ts';
import { SWEEP_FORMAT } from './planFile.ts';
import type { SweepResult } from './result.ts';
import { fieldValueSchema } from './values.ts';

const size = z.number().optional();

const rowSchema = z.object({
  run: z.string(),
  varied: z.record(z.string(), fieldValueSchema),
  state: z.enum(['finished', 'stopped', 'diverged', 'collapsed', 'failed']),
  reason: z.string().optional(),
  epochs: z.number(),
  scores: z.object({ valid: scoreValuesSchema.optional(), test: scoreValuesSchema.optional() }),
  hidden: z.array(z.number()).optional(),
  collapsed: z.boolean().optional(),
  ...{ parameters: size, nonzero: size, bytes: size },
  latency: z
    .object({ batch1: z.number(), batch10: z.number(), speedup1: z.number(), speedup10: z.number() })
    .optional(),
  front: z.object({ size: z.boolean(), latency: z.boolean() }),
});

const sweepResultSchema = z.object({
  format: z.literal(SWEEP_FORMAT),
  directory: z.string(),
  items: z.string(),
  scores: z.array(scoreKindSchema).min(1),
  rows: z.array(rowSchema).min(1),
  rungs: z.array(z.number()),
  eta: z.number(),
  sources: z.record(z.string(), z.string()),
  seeds: z.array(z.number()),
  planned: environmentSchema,
  environment: environmentSchema,
});

/** Reads sweep-result.json; throws a UsageError, with what to do, for one that is damaged. */
export async function readSweepResult(file: string): Promise<SweepResult> {
  const remedy = 'delete it, and --resume makes it anew from its runs';
  const content = await readJson(file, remedy);
  if (sweepResultSchema.safeParse(content).success) return content as SweepResult;
  throw new UsageError(`${refusal(file, content)}; ${remedy}`);
}
