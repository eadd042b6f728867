import { z } from 'zod';
import { logHistogramSchema } from '../groups/logHistogram.ts';
import type { ScoreDetails } from '../tasks/task.ts';
import { type EpochMetrics, epochMetricsSchema, scoreKindSchema, scoreValuesSchema } from '../train/metrics.ts';

/*
 * What is known of a run from its directory: plain data for reports, for the server and for its pages. Anyone may have
 * written the files: more than the schemas name is ignored, less is refused. Each file has one form, format 2; what
 * version 0.1 wrote is converted to it when it is read (`version1.ts`).
 */

/** Format of the files that this version writes, as config.json and result.json say it. */
export const RUN_FORMAT = 2;

const MOST_LAYERS = 256;
const MOST_SCORES = 32;
const MOST_CLASSES = 1000;

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** A number for each layer. */
const layers = z.array(z.number()).max(MOST_LAYERS);
const scores = scoreValuesSchema.refine((values) => Object.keys(values).length <= MOST_SCORES);

export const epochSchema: z.ZodType<EpochMetrics> = epochMetricsSchema.extend({
  train: scores,
  valid: scores.optional(),
  units: layers,
  alive: layers,
  groupNorms: z
    .array(logHistogramSchema.refine(({ counts }) => counts.length <= 1000))
    .max(MOST_LAYERS)
    .optional(),
  densities: z
    .record(z.string(), layers)
    .refine((found) => Object.keys(found).length <= MOST_LAYERS)
    .optional(),
});

/** A part of a configuration: which kind of a thing was chosen, and that kind's own fields. */
const choice = z.looseObject({ kind: z.string() });

/** config.json: all that determines a run, and what its figures mean. Other fields are kept, too. */
const savedConfigSchema = z.looseObject({
  /** `RUN_FORMAT`, or 1 for a run of version 0.1. */
  format: z.number(),
  task: choice,
  /** 'onnx' for an imported model, which has no sizes here. */
  model: choice.extend({ hidden: layers.optional() }),
  method: choice,
  optimizer: choice,
  schedule: choice,
  epochs: z.number(),
  /** τ: weights below it become 0. */
  threshold: z.number().optional(),
  seed: z.number().optional(),
  /** Paths of data and first weights by what they are ('data', 'valid', 'test', 'init', 'teacher'), as the user gave them. */
  sources: z.record(z.string(), z.string().nullable()),
  /** What is counted: 'tokens', 'examples'. */
  items: z.string(),
  /** The first one decides. */
  scores: z.array(scoreKindSchema).min(1).max(MOST_SCORES),
});
export type SavedConfig = DeepReadonly<z.infer<typeof savedConfigSchema>>;

/** config.json of a format. */
export const configSchema = (format: number) => savedConfigSchema.extend({ format: z.literal(format) });

/** live.json: where a run is. */
export const liveSchema = z.object({
  /** Current epoch from 1, of `epochs`, and how much of it is done (0 to 1). */
  epoch: z.number(),
  epochs: z.number(),
  share: z.number(),
  /** A training score of this epoch so far. */
  score: z.object({ name: z.string(), value: z.number() }),
  /** Tokens or examples per second; absent before it is known. */
  itemsPerSecond: z.number().optional(),
  secondsLeft: z.number().optional(),
  units: layers,
  alive: layers,
  /** Milliseconds since 1970. */
  updatedAt: z.number(),
});
export type RunLive = DeepReadonly<z.infer<typeof liveSchema>>;

const count = z.object({ stored: z.number(), nonzero: z.number() });

/** Fields of a model that both formats of result.json have. */
export const modelFields = {
  /** 'original' for an imported model as it came, 'trained', and 'slim' for the one without its dead units. */
  name: z.string(),
  /** Name of a file in the run directory; earlier versions had the path that the user gave for an imported model. */
  file: z.string(),
  bytes: z.number(),
  /** Units of each layer. */
  hidden: layers,
  parameters: z.number(),
  multiplyAdds: z.number(),
  split: z.object({ embedding: count, recurrent: count, output: count }).optional(),
};

/** What a figure depends on besides the code (`Environment`). */
export const environmentSchema = z.object({
  command: z.string(),
  slimrnn: z.string(),
  node: z.string(),
  processes: z.number().optional(),
  machine: z.object({ cpu: z.string(), cores: z.number(), memoryGigabytes: z.number() }),
});

/** Fields of result.json that both formats have. */
export const resultFields = {
  /** Of training, scoring left out. */
  seconds: z.number(),
  /** How far apart the outputs of the trained model and the slim one were on the same inputs. */
  verify: z.object({ maxAbsDifference: z.number(), maxRelativeDifference: z.number(), batches: z.number() }).optional(),
  /** How near a run came to a size: of 'units' or 'params', as shares of what the run began with. */
  target: z.object({ what: z.string(), asked: z.number(), reached: z.number() }).optional(),
  engine: z.string().optional(),
  environment: environmentSchema.optional(),
  /** Layers of the first model with their units. */
  layers: z
    .array(z.object({ name: z.string(), units: z.number(), isFixed: z.boolean().optional() }))
    .max(MOST_LAYERS)
    .optional(),
  /** Which of its first units each layer of the last model has. */
  kept: z.array(z.array(z.int().nonnegative())).max(MOST_LAYERS).optional(),
};

/** counts[i][j]: examples of class i that were taken for class j. */
export type Confusion = NonNullable<ScoreDetails['confusion']>;

const confusion = z
  .object({ classes: z.array(z.string()).max(MOST_CLASSES), counts: z.array(z.array(z.number())) })
  .refine(({ classes, counts }) => [counts, ...counts].every(({ length }) => length === classes.length));

/** What pages and reports read of result.json, which holds configuration and epochs once more. */
const resultRecordSchema = z.object({
  ...resultFields,
  format: z.number(),
  /** Data without a digest are those of a run of version 0.1. */
  data: z
    .object({
      name: z.string(),
      source: z.string(),
      sha256: z.string().optional(),
      facts: z.record(z.string(), z.number()),
    })
    .optional(),
  models: z.array(
    z.object({
      ...modelFields,
      scores: z.object({ train: scores.optional(), valid: scores.optional(), test: scores.optional() }),
      /** Tables that come with the scores, of the last split that the model was scored on. */
      details: z.object({ confusion: confusion.optional() }).optional(),
    }),
  ),
  notes: z.array(z.string()),
});
export type RunResultRecord = DeepReadonly<z.infer<typeof resultRecordSchema>>;

export const resultSchema = resultRecordSchema.extend({ format: z.literal(RUN_FORMAT) });

/** A model as result.json has it. */
export type ResultModel = RunResultRecord['models'][number];

/** A model's scores on each part of the data that it was scored on. */
export type ModelScores = ResultModel['scores'];

/** 'running' tells a live.json that is being kept up to date; 'stopped' has neither that nor a result. */
export type RunState = 'running' | 'stopped' | 'finished' | 'unreadable';

/** A line in the list of runs. */
export interface RunSummary extends Pick<SavedConfig, 'items' | 'scores'> {
  /** Path of the directory below the root, segments joined by '/'; empty for the root itself. */
  readonly id: string;
  readonly name: string;
  readonly state: RunState;
  /** Kind of the task; 'unknown', as the kind of the method, where there is no configuration to be read. */
  readonly task: string;
  /** Kind of the sparsity method, and what people call it: 'group-lasso', 'group lasso'. */
  readonly method: string;
  readonly methodLabel: string;
  readonly epochs: { readonly done: number; readonly all: number | undefined };
  readonly last?: EpochMetrics | undefined;
  /** Units alive in all layers together, epoch by epoch. */
  readonly alive: readonly number[];
  /** Units of each layer of the final model; a layer keeps its last unit even when nothing reads it any more. */
  readonly hidden?: readonly number[] | undefined;
  /** Of the final model, or of the last epoch's. */
  readonly parameters?: number | undefined;
  readonly bytes?: number | undefined;
  /** Milliseconds since 1970. */
  readonly modifiedAt: number;
  /** Names of the files that can be had. */
  readonly files: readonly string[];
  readonly hasReport: boolean;
  /** The nearest folder above the run that has a report of the runs in it: its path below the root, as of a run. */
  readonly folderReport?: string | undefined;
}

/** All that a page shows of a run. */
export interface RunRecord {
  readonly summary: RunSummary;
  /** Undefined where it cannot be read. */
  readonly config: SavedConfig | undefined;
  readonly epochs: readonly EpochMetrics[];
  /** Whether there are more epochs than were read. */
  readonly truncated: boolean;
  readonly live?: RunLive | undefined;
  readonly result?: RunResultRecord | undefined;
  /** What could not be read, in words. */
  readonly problems: readonly string[];
}
