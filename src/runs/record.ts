import type { Environment } from '../base/environment.ts';
import type { LogHistogram } from '../groups/logHistogram.ts';
import type { ParameterSplit } from '../inspect/parameterSplit.ts';
import type { LiveProgress } from './live.ts';

/*
 * What is known of a run from its directory: plain data for reports, for the server and for its pages.
 */

/** 'running' tells a live.json that is being kept up to date; 'stopped' has neither that nor a result. */
export type RunState = 'running' | 'stopped' | 'finished' | 'unreadable';

/** A line of metrics.jsonl, of a language model or of a model that is fine-tuned. */
export interface EpochRow {
  readonly epoch: number;
  readonly learningRate: number;
  readonly trainPerplexity?: number | undefined;
  readonly validPerplexity?: number | undefined;
  readonly tokensPerSecond?: number | undefined;
  readonly trainLoss?: number | undefined;
  readonly validLoss?: number | undefined;
  readonly trainAccuracy?: number | undefined;
  readonly validAccuracy?: number | undefined;
  readonly examplesPerSecond?: number | undefined;
  /** Units of each layer in the graph, and those that something still reads. */
  readonly units: readonly number[];
  readonly alive: readonly number[];
  readonly parameters: number;
  readonly penalty: number;
  readonly seconds: number;
  readonly groupNorms?: readonly LogHistogram[] | undefined;
}

/** live.json: where a run is, and when that was written (milliseconds since 1970). */
export interface RunLive extends LiveProgress {
  readonly updatedAt: number;
}

/** A line in the list of runs. */
export interface RunSummary {
  /** Path of the directory below the root, segments joined by '/'; empty for the root itself. */
  readonly id: string;
  /** Last segment of the path. */
  readonly name: string;
  readonly kind: 'language model' | 'fine-tuned';
  readonly state: RunState;
  /** The sparsity method: 'dense', 'group lasso', … */
  readonly method: string;
  readonly epochs: { readonly done: number; readonly all: number | undefined };
  /** Epoch rows' last one. */
  readonly last?: EpochRow | undefined;
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

/** A model as result.json has it. */
export interface ResultModel {
  readonly name: string;
  readonly file: string;
  readonly bytes: number;
  readonly hidden: readonly number[];
  readonly parameters: number;
  readonly multiplyAdds: number;
  readonly split?: ParameterSplit | undefined;
  readonly validPerplexity?: number | undefined;
  readonly testPerplexity?: number | undefined;
}

/** How a model does on held-out examples. */
export interface HeldOutScore {
  readonly validLoss: number;
  readonly validAccuracy?: number | undefined;
}

/** What pages and reports read of result.json. */
export interface RunResultRecord {
  readonly models: readonly ResultModel[];
  readonly seconds: number;
  readonly verify?:
    | { readonly maxAbsDifference: number; readonly maxRelativeDifference: number; readonly batches: number }
    | undefined;
  readonly data?:
    | {
        readonly name: string;
        readonly source: string;
        readonly sha256?: string | undefined;
        readonly vocabulary: number;
      }
    | undefined;
  readonly environment?: Environment | undefined;
  /** Scores of a fine-tuned model on the held-out examples, as it came and after the last epoch. */
  readonly before?: HeldOutScore | undefined;
  readonly after?: HeldOutScore | undefined;
  /** Which of its first units each layer of the last model has. */
  readonly kept?: readonly (readonly number[])[] | undefined;
}

/** All that a page shows of a run. */
export interface RunRecord {
  readonly summary: RunSummary;
  readonly config: Readonly<Record<string, unknown>>;
  readonly epochs: readonly EpochRow[];
  /** Whether there are more epochs than were read. */
  readonly truncated: boolean;
  readonly live?: RunLive | undefined;
  readonly result?: RunResultRecord | undefined;
  /** What could not be read, in words. */
  readonly problems: readonly string[];
}
