import type { Environment } from '../base/environment.ts';
import type { ResultModel, RunResultRecord, SavedConfig } from '../runs/record.ts';
import type { ScoreKind } from '../tasks/score.ts';
import type { EpochMetrics } from '../train/metrics.ts';

/*
 * What a report shows, as plain data: collected in Node, embedded into the page, drawn there.
 */

/** Everything in a report. */
export interface ReportData {
  readonly title: string;
  /** When it was made, ISO 8601. */
  readonly madeAt: string;
  /** Of the report: where latencies were measured. */
  readonly environment: Environment;
  readonly runs: readonly ReportRun[];
  /** How latencies were measured; undefined when they were not. */
  readonly timing: Timing | undefined;
  /** What could not be read or done, in words. */
  readonly problems: readonly string[];
}

/** How models were timed: in turn, in one process, medians. */
export interface Timing {
  readonly steps: number;
  readonly batches: readonly number[];
  readonly runtimes: readonly string[];
  readonly threads: number | undefined;
}

/** One run. */
export interface ReportRun {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  /** Kind of the task: 'language-model', … */
  readonly task: string;
  /** What is counted: 'tokens', 'examples'. */
  readonly items: string;
  /** Scores of the task; the first one decides. */
  readonly scores: readonly ScoreKind[];
  /** Kind of the sparsity method, and what people call it: 'group-lasso', 'group lasso'. */
  readonly method: string;
  readonly methodLabel: string;
  readonly config: SavedConfig | undefined;
  readonly data: string | undefined;
  readonly dataDigest: string | undefined;
  /** The command, machine and versions of the training. */
  readonly environment: Environment | undefined;
  readonly seconds: number | undefined;
  readonly epochs: readonly EpochMetrics[];
  readonly layers: readonly string[];
  /** Units of each layer at the beginning, where the configuration says so. */
  readonly began: readonly number[] | undefined;
  /** The model as it began, after training and, with a sparsity method, without its dead units. */
  readonly models: readonly ReportModel[];
  /** What the user was told before the training. */
  readonly notes: readonly string[];
  /** How well the slim model agrees with the trained one. */
  readonly verify: RunResultRecord['verify'];
  readonly maps: readonly WeightMapData[];
}

/** A model of a run and its figures; its name is 'as it began', 'trained', 'slim' or, of an imported one, 'original'. */
export interface ReportModel extends Omit<ResultModel, 'file'> {
  readonly latencies: readonly ReportLatency[];
}

/** Median milliseconds of a run of the timing's steps. */
export interface ReportLatency {
  readonly runtime: string;
  readonly batch: number;
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** A weight matrix as pictures: as it began with what was removed, and as it is. */
export interface WeightMapData {
  readonly name: string;
  /** Whether the matrix's rows run from left to right in the pictures. */
  readonly isTurned: boolean;
  readonly down: DrawnAxis;
  readonly across: DrawnAxis;
  readonly before: Picture;
  readonly after: Picture;
}

/** An axis of a weight map. */
export interface DrawnAxis {
  /** Gates and layers along the axis, in indices of the model as it began. */
  readonly segments: readonly { readonly name: string; readonly length: number }[];
  readonly before: number;
  /** Indices that are left, as runs [first, length]. */
  readonly kept: readonly (readonly [first: number, length: number])[];
}

/** A PNG in base64. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly png: string;
}
