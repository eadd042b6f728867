import type { z } from 'zod';
import type { FieldName, Section, Settings } from '../base/fields.ts';
import type { StatePair } from '../graph/states.ts';
import type { Graph, Model, Tensor } from '../graph/types.ts';
import type { Tensors } from '../runtime/runtime.ts';
import type { Score, Sums } from './score.ts';

/*
 * What the trainer knows of a task. A task reads data, makes a model, adds a loss to its graph and cuts the data into
 * batches; it never trains.
 */

/** A part of the data. */
export type Split = 'train' | 'valid' | 'test';

/** Words for a split, for messages. */
export const splitLabels: Readonly<Record<Split, string>> = { train: 'training', valid: 'validation', test: 'test' };

/** Output of a loss graph that is made small. */
export const LOSS = 'loss';
/** Input of a loss graph that takes the targets. */
export const TARGETS = 'targets';

/** Sizes of a batch that a training step is compiled for, by the names of the model's free dimensions. */
export type BatchShape = Readonly<Record<string, number>>;

/** Text that is equal for equal sizes, in whatever order they are named. */
export function shapeKey(shape: BatchShape): string {
  return JSON.stringify(Object.entries(shape).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A model's graph with a loss. */
export interface LossGraph {
  /**
   * Float32, recurrent operators lowered. Its outputs are `LOSS`, a scalar, then sums for the scores, and the next
   * states where they are carried from batch to batch.
   */
  readonly graph: Graph;
  /** The outputs that are summed over batches besides the loss, each a sum over the items of a batch or their mean. */
  readonly sums: Readonly<Record<string, 'sum' | 'mean'>>;
  /** Outputs from which the task computes sums outside the graph, after the other sums, and what those are called. */
  readonly judged?: { readonly outputs: readonly string[]; readonly sums: readonly string[] } | undefined;
  /** Whether the loss is the sum over the items that count, or their mean. */
  readonly reduction: 'sum' | 'mean';
  /** The gradient of the loss times this is what is followed. */
  readonly gradientScale: number;
  /** Inputs of word numbers (int32, none negative) by which embeddings are looked up outside the graph. */
  readonly lookups: readonly string[];
  /** What a user should know about the loss. */
  readonly notes?: readonly string[] | undefined;
}

/** The batches of a split, in the order of an epoch. */
export interface Batches {
  /** The same for all processes that share the work; one that has no items left has batches in which nothing counts. */
  readonly count: number;
  /** Items in all batches, where that is known before. */
  readonly items: number;
  /** Sizes of a batch; batches of equal sizes share a compiled step. */
  shapeOf(batch: number): BatchShape;
  /** Tensors for the inputs and targets of batches of these sizes, to be filled again and again. */
  feeds(shape: BatchShape): Readonly<Record<string, Tensor>>;
  /** Puts a batch into the feeds of its shape; returns how many items count. Where none counts nothing is learned. */
  fill(batch: number, feeds: Readonly<Record<string, Tensor>>): number;
  /** The sums over the items of a batch that a loss graph's judged outputs give; there where it has some. */
  judge?(batch: number, outputs: Tensors): Readonly<Record<string, number>>;
}

/** Which part of the data is asked for, and in what order. */
export interface BatchOrder {
  /** Epoch from 0: examples come in another order in each. */
  readonly epoch: number;
  readonly seed: number;
  /** This process among those that share the work; each gets batches of its own. */
  readonly rank: number;
  readonly ranks: number;
}

/** A task with its data: what the trainer trains on. */
export interface Problem {
  /** What is counted: 'tokens', 'examples'. */
  readonly items: string;
  /** The first one decides. */
  readonly scores: readonly Score[];
  /** Splits that the data have; 'train' always. */
  readonly splits: readonly Split[];
  /** Identifies the data: a checkpoint goes on only with the same. */
  readonly digest: string;
  /** States of the model that go on from one batch to the next, as in text in windows; else none. */
  readonly carriesState: boolean;
  /** Whether a loss graph can be scored with batches of any sizes; else there is a session for each shape. */
  readonly scoresAnyShape: boolean;
  /** Mean loss of an item from which no training comes back. */
  readonly hopeless: number;
  /** Adds the loss to a model's graph for batches of these sizes; without sizes for any, if `scoresAnyShape`. */
  lossGraph(model: Model, shape?: BatchShape): LossGraph;
  batches(split: Split, order: BatchOrder): Batches;
  /** Inputs on which two forms of a model are compared. */
  samples(model: Model): Tensors[];
  /** Runs of consecutive windows of training inputs, on which is measured what units do; by default `samples` alone. */
  calibration?(model: Model): Tensors[][];
  /** Tables that come with a model's scores, such as a confusion matrix. */
  details?(sums: Sums): ScoreDetails;
}

/** What a report shows of a model besides its scores. */
export interface ScoreDetails {
  /** counts[i][j]: examples of class i that were taken for class j. */
  readonly confusion?: { readonly classes: readonly string[]; readonly counts: readonly (readonly number[])[] };
}

/** Where a run's data and first weights come from, as config.json keeps it. */
export interface Sources {
  /** File or folder; undefined for what the task brings along. */
  readonly data?: string | undefined;
  /** Held-out data, where they lie apart. */
  readonly valid?: string | undefined;
  readonly test?: string | undefined;
  /** ONNX file (or run directory) with the first weights; undefined for fresh ones. */
  readonly init?: string | undefined;
  /** ONNX file of a model that is followed; undefined where there is none. */
  readonly teacher?: string | undefined;
}

/** What is known of loaded data. */
export interface DataSummary {
  readonly name: string;
  /** Where they come from, in words for a report. */
  readonly source: string;
  readonly sha256: string;
  /** Sizes in words: vocabulary, classes, examples of each split. */
  readonly facts: Readonly<Record<string, number>>;
}

/** A task whose data are loaded: everything has been checked. */
export interface LoadedTask {
  readonly problem: Problem;
  /** The same with so many sequences or examples side by side; without it processes cannot share the batches. */
  withBatch?(batch: number): Problem;
  readonly data: DataSummary;
  /** The first model, untrained or with the weights that the sources name. */
  model(): Model;
  /** Streaming states that are zero at the start of an example; by default those that the model names. */
  readonly states?: readonly StatePair[] | undefined;
  /** Set for a model that others made: it is scored before training, and verified whenever it shrinks. */
  readonly isImported?: boolean | undefined;
  /** What to tell the user before training, line by line. */
  readonly notes: readonly string[];
  /** Text files that belong beside the model in a run directory, such as its vocabulary. */
  readonly files: Readonly<Record<string, string>>;
}

/** The part of a configuration that a task sees. */
export interface TaskConfig {
  /** Values of the task's own fields. */
  readonly task: Section;
  /** Kind of the model and the values of its fields. */
  readonly model: Section;
  /** Kind of the sparsity method and the values of its fields. */
  readonly method: Section;
  /** Sequences or examples side by side. */
  readonly batch: number;
  readonly seed: number;
  /** Threads of the engine; undefined for one per core. */
  readonly threads?: number | undefined;
}

/** A kind of model that a task can train, with its fields. */
export interface ModelKind {
  /** Value of the field `cell`: 'lstm', 'gru', 'rnn', 'rhn'; 'onnx' for an imported one. */
  readonly name: string;
  readonly fields: z.ZodRawShape;
}

/** What a task's configuration consists of; free of Node, for pages too. */
export interface TaskDefinition {
  /** Identifier: 'language-model', 'arrays', 'text-classification'. */
  readonly name: string;
  /** One line for the help. */
  readonly about: string;
  /** Its own fields: they check configuration files, make flags and document themselves. */
  readonly fields: z.ZodRawShape;
  /** Kinds of models; the first is the default. */
  readonly models: readonly ModelKind[];
  /** Values that fields of the whole configuration have when nobody says anything, given those that are said. */
  defaults(given: Settings): Settings;
  /** Named configurations. */
  readonly presets: Readonly<Record<string, Settings>>;
  /** Fields whose values contradict each other, in words; `nameOf` says how the user writes a field. */
  contradictions?(config: TaskConfig, nameOf: FieldName): string[];
}

/** One way of using recurrent networks. */
export interface Task extends TaskDefinition {
  /** Reads and checks the data. Throws UsageError for whatever cannot serve, before anything is written. */
  load(config: TaskConfig, sources: Sources): Promise<LoadedTask>;
  /** An untrained model of a configuration, given the sizes of its data (`DataSummary.facts`). */
  untrained?(config: TaskConfig, facts: Readonly<Record<string, number>>): Model | undefined;
  /** Fields that a first model determines, such as its sizes. Throws UsageError for a model of another kind. */
  settingsOf?(init: string): Promise<Settings>;
}
