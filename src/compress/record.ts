import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import type { QuantizedForm } from '../quantize/quantize.ts';
import { readJson, writeJson } from '../runs/runDirectory.ts';
import type { ScoreKind } from '../tasks/score.ts';
import type { CompressGoal } from './goal.ts';
import type { ModelSizes } from './sizes.ts';

/*
 * What a compression keeps of itself in `compress.json`: what was asked for, how far it is, and in the end what came out.
 */

const scores = z.record(z.string(), z.number().nullable());
const sizes = z.object({
  parameters: z.number(),
  multiplyAdds: z.number(),
  bytes: z.number(),
  units: z.array(z.number()).readonly(),
});

const stageSchema = z.object({
  /** Share of the original that it was to have, by the goal's measure. */
  wanted: z.number(),
  /** Share that it has. */
  share: z.number(),
  layers: z.array(z.object({ name: z.string(), before: z.number(), after: z.number() })).readonly(),
  /** By what its units were ranked; absent in older records. */
  rank: z.string().optional(),
  compensation: z.string(),
  sizes,
  /** Scores on held-out data of the model as it was cut, and of the one that the stage ends with. */
  cut: scores,
  trained: scores,
  /** False where training made it no better, so that the stage ends with the model as it was cut. */
  isTrained: z.boolean(),
  epochs: z.number(),
  seconds: z.number(),
  /** False where it lost more than the budget allows. */
  accepted: z.boolean(),
});

const recordSchema = z.object({
  format: z.literal(1),
  /** What determines the result: a resumed compression must ask for the same. */
  request: z.unknown(),
  /** Epochs of each stage but the last one, and of that. */
  epochs: z.tuple([z.number(), z.number()]).optional(),
  /** What trials found behind the first cut; absent where somebody said it. */
  found: z.object({ learningRate: z.number().optional(), keep: z.number().optional() }).optional(),
  original: z.object({ sizes, scores }).optional(),
  stages: z.array(stageSchema),
});

/** A stage that is done. */
export type StageRecord = z.infer<typeof stageSchema>;
/** What is kept of a compression as it goes on. */
export type CompressRecord = z.infer<typeof recordSchema>;

/** Files of a compression's folder. */
export const compressFiles = {
  record: 'compress.json',
  /** The model as it came, for the values and sizes that were given. */
  original: 'original.onnx',
  model: 'model.onnx',
  report: 'report.html',
} as const;

/** Reads `compress.json`. Throws a UsageError for another one. */
export async function readRecord(path: string): Promise<CompressRecord> {
  const read = recordSchema.safeParse(await readJson(path));
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new UsageError(`${path} is not what compress wrote: ${issue!.path.join('.')}: ${issue!.message}`);
}

/** Writes it, whole or not at all. */
export function writeRecord(path: string, record: CompressRecord): Promise<void> {
  return writeJson(path, record);
}

/** Ways to store the result in fewer bits: those that need no calibration. */
export type CompressForm = Exclude<QuantizedForm, 'qdq'>;

/** The result in fewer bits. */
export interface QuantizedResult {
  readonly form: CompressForm;
  readonly file: string;
  readonly bytes: number;
  /** Scores on held-out data. */
  readonly scores: StageRecord['trained'];
}

/** What came of a compression. */
export interface CompressResult {
  readonly directory: string;
  readonly model: string;
  readonly goal: CompressGoal;
  /** What the figures mean; the first one decides. */
  readonly scores: readonly ScoreKind[];
  readonly original: { readonly sizes: ModelSizes; readonly scores: StageRecord['trained'] };
  readonly stages: readonly StageRecord[];
  /** The stage whose model it is. */
  readonly chosen: StageRecord;
  /** Where it was asked for in fewer bits. */
  readonly quantized?: QuantizedResult | undefined;
}
