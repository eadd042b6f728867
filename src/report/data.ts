import type { Environment } from '../base/environment.ts';
import type { ResultModel, RunRecord, RunResultRecord, RunSummary } from '../runs/record.ts';
import type { TopologyComparison } from '../topology/compare.ts';
import type { WordConnections } from '../topology/words.ts';

// What a report shows, as plain data: collected in Node, embedded into the page, drawn there.

/** Everything in a report. */
export interface ReportData {
  readonly title: string;
  /** When it was made, ISO 8601. */
  readonly madeAt: string;
  /** Of the report: where latencies were measured. */
  readonly environment: Environment;
  readonly runs: readonly ReportRun[];
  /** Time steps of a run that was timed; undefined when none was. */
  readonly timedSteps: number | undefined;
  /** How far the sparse models of the runs are apart. */
  readonly topologies?: DistanceMap | undefined;
  /** What could not be read or done, in words. */
  readonly problems: readonly string[];
}

/** One run; its environment is that of the training. */
export interface ReportRun
  extends Pick<RunSummary, 'state' | 'task' | 'items' | 'scores' | 'method' | 'methodLabel'>,
    Pick<RunRecord, 'config' | 'epochs'>,
    Pick<RunResultRecord, 'environment' | 'notes' | 'verify'> {
  readonly id: string;
  readonly name: string;
  readonly data: string | undefined;
  readonly dataDigest: string | undefined;
  readonly layers: readonly string[];
  /** Units of each layer at the beginning, where the configuration says so. */
  readonly began: readonly number[] | undefined;
  /** Which of them each layer of the final model has. */
  readonly kept?: RunResultRecord['kept'];
  /** The model as it began, after training and, with a sparsity method, without its dead units. */
  readonly models: readonly ReportModel[];
  readonly maps: readonly WeightMapData[];
  /** Which words keep connections, where only these are stored. */
  readonly words?: WordConnections | undefined;
  /** How far the models are apart that the run kept of its epochs. */
  readonly epochDistances?: DistanceMap | undefined;
}

/** Distances of topologies from each other (`compareTopologies`). */
export type DistanceMap = Pick<TopologyComparison, 'names' | 'distances'>;

/** A model of a run and its figures; its name is 'as it began', 'trained', 'slim' or, of an imported one, 'original'. */
export interface ReportModel extends Omit<ResultModel, 'file'> {
  readonly latencies: readonly ReportLatency[];
}

/** Median milliseconds of a run of `timedSteps` steps. */
export interface ReportLatency {
  readonly runtime: string;
  readonly batch: number;
  readonly median: number;
}

/** A weight matrix as pictures: as it began with what was removed, and as it is. */
export interface WeightMapData {
  readonly name: string;
  /** Its rows, from top to bottom. */
  readonly down: DrawnAxis;
  /** Its columns, from left to right. */
  readonly across: DrawnAxis;
  readonly before: Picture;
  readonly after: Picture;
}

/** An axis of a weight map. */
export interface DrawnAxis {
  /** Gates and layers along the axis, in indices of the model as it began. */
  readonly segments: readonly DrawnSegment[];
  readonly before: number;
  /** Indices that are left, as runs [first, length]. */
  readonly kept: readonly (readonly [first: number, length: number])[];
}

/** Indices of a weight map that belong together: the units of one layer for one gate, or what always stays. */
export interface DrawnSegment {
  /** Which of the run's layers it is; absent for indices that always stay. */
  readonly layer?: number;
  /** Name of the layer; empty without one. */
  readonly name: string;
  /** Of a layer that has several stretches of this axis: 'forget gate', 'block 2'. */
  readonly gate?: string;
  readonly length: number;
}

/** A PNG in base64. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly png: string;
}
