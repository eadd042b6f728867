import type { Environment } from '../base/environment.ts';
import type { ParameterSplit } from '../inspect/parameterSplit.ts';
import type { ScoreKind, ScoreValues } from '../tasks/score.ts';
import type { DataSummary, ScoreDetails, Split } from '../tasks/task.ts';
import type { EpochMetrics } from '../train/metrics.ts';

/*
 * What is known of a run from its directory: plain data for reports, for the server and for its pages. Each file has one
 * form, format 2; what version 0.1 wrote is converted to it when it is read (`version1.ts`).
 */

/** Format of the files that this version writes, as config.json and result.json say it. */
export const RUN_FORMAT = 2;

/** 'running' tells a live.json that is being kept up to date; 'stopped' has neither that nor a result. */
export type RunState = 'running' | 'stopped' | 'finished' | 'unreadable';

/** A part of a configuration: which kind of a thing was chosen, and that kind's own fields. */
export interface Choice {
  readonly kind: string;
  readonly [field: string]: unknown;
}

/** config.json: all that determines a run, and what its figures mean. Fields that are not named here are kept, too. */
export interface SavedConfig {
  /** `RUN_FORMAT`, or 1 for a run of version 0.1. */
  readonly format: number;
  /** 'language-model', 'arrays', 'text-classification', … */
  readonly task: Choice;
  /** 'lstm', 'gru', 'rnn', 'rhn', …; 'onnx' for an imported model, which has no sizes here. */
  readonly model: Choice & { readonly hidden?: readonly number[] | undefined };
  /** 'dense' or a sparsity method. */
  readonly method: Choice;
  readonly optimizer: Choice;
  readonly schedule: Choice;
  readonly epochs: number;
  /** τ: weights below it become 0. */
  readonly threshold?: number | undefined;
  readonly seed?: number | undefined;
  /** Paths of data and first weights by what they are ('data', 'valid', 'test', 'init'), as the user gave them. */
  readonly sources: Readonly<Record<string, string | null>>;
  /** What is counted: 'tokens', 'examples'. */
  readonly items: string;
  /** The first one decides. */
  readonly scores: readonly ScoreKind[];
  readonly [field: string]: unknown;
}

/** live.json: where a run is. */
export interface RunLive {
  /** Current epoch from 1, of `epochs`, and how much of it is done (0 to 1). */
  readonly epoch: number;
  readonly epochs: number;
  readonly share: number;
  /** A training score of this epoch so far. */
  readonly score: { readonly name: string; readonly value: number };
  /** Tokens or examples per second; absent before it is known. */
  readonly itemsPerSecond?: number | undefined;
  readonly secondsLeft?: number | undefined;
  readonly units: readonly number[];
  readonly alive: readonly number[];
  /** Milliseconds since 1970. */
  readonly updatedAt: number;
}

/** A model as result.json has it. */
export interface ResultModel {
  /** 'original' for an imported model as it came, 'trained', and 'slim' for the one without its dead units. */
  readonly name: string;
  /** Name of a file in the run directory; of an imported model the path that the user gave. */
  readonly file: string;
  readonly bytes: number;
  /** Units of each layer. */
  readonly hidden: readonly number[];
  readonly parameters: number;
  readonly split?: ParameterSplit | undefined;
  readonly multiplyAdds: number;
  readonly scores: ModelScores;
  /** Tables that come with the scores, of the last split that the model was scored on. */
  readonly details?: { readonly confusion?: Confusion | undefined } | undefined;
}

/** counts[i][j]: examples of class i that were taken for class j. */
export type Confusion = NonNullable<ScoreDetails['confusion']>;

/** A model's scores on each part of the data that it was scored on. */
export type ModelScores = { readonly [S in Split]?: ScoreValues | undefined };

/** How near a run with a target size came to it. */
export interface ReachedTarget {
  /** 'units' or 'params'. */
  readonly what: string;
  /** Shares of what the run began with. */
  readonly asked: number;
  readonly reached: number;
}

/** How far apart the outputs of two models were on the same inputs. */
export interface VerifiedDifference {
  readonly maxAbsDifference: number;
  readonly maxRelativeDifference: number;
  readonly batches: number;
}

/** What pages and reports read of result.json, which holds configuration and epochs once more. */
export interface RunResultRecord {
  readonly format: number;
  /** Data without a digest are those of a run of version 0.1. */
  readonly data?: (Omit<DataSummary, 'sha256'> & { readonly sha256?: string | undefined }) | undefined;
  readonly models: readonly ResultModel[];
  /** Between the trained model and the slim one. */
  readonly verify?: VerifiedDifference | undefined;
  readonly target?: ReachedTarget | undefined;
  readonly notes: readonly string[];
  /** Of training, scoring left out. */
  readonly seconds: number;
  readonly engine?: string | undefined;
  readonly environment?: Environment | undefined;
  /** Layers of the first model with their units. */
  readonly layers?: readonly { readonly name: string; readonly units: number }[] | undefined;
  /** Which of its first units each layer of the last model has. */
  readonly kept?: readonly (readonly number[])[] | undefined;
}

/** A line in the list of runs. */
export interface RunSummary {
  /** Path of the directory below the root, segments joined by '/'; empty for the root itself. */
  readonly id: string;
  /** Last segment of the path. */
  readonly name: string;
  readonly state: RunState;
  /** Kind of the task; 'unknown', as the kind of the method, where there is no configuration to be read. */
  readonly task: string;
  /** Kind of the sparsity method, and what people call it: 'group-lasso', 'group lasso'. */
  readonly method: string;
  readonly methodLabel: string;
  /** What is counted: 'tokens', 'examples'. */
  readonly items: string;
  /** Scores of the task; the first one decides. */
  readonly scores: readonly ScoreKind[];
  readonly epochs: { readonly done: number; readonly all: number | undefined };
  /** The last epoch. */
  readonly last?: EpochMetrics | undefined;
  /** Units alive in all layers together, epoch by epoch. */
  readonly alive: readonly number[];
  /** Parameters and bytes of the final model, or of the last epoch's. */
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
