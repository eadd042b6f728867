import { z } from 'zod';
import type { StatePair } from '../graph/states.ts';
import type { Model } from '../graph/types.ts';
import type { FirstModel, MethodContext } from '../methods/kind.ts';
import type { SparsityMethod } from '../methods/method.ts';
import type { Optimizer, OptimizerState } from '../optimizers/optimizer.ts';
import type { RunLength, Schedule } from '../optimizers/schedules/schedule.ts';
import { deviceNames } from '../runtime/deviceNames.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Problem } from '../tasks/task.ts';
import type { Collective } from './collective.ts';
import type { EpochMetrics } from './metrics.ts';
import type { RunStore } from './store.ts';

/** Where a run is, for a progress display. */
export interface BatchProgress {
  /** Current epoch from 1, of `epochs`. */
  readonly epoch: number;
  readonly epochs: number;
  /** Batches of this epoch that are done, of `batches`. */
  readonly batch: number;
  readonly batches: number;
  /** The deciding score of the training data in this epoch so far. */
  readonly score: { readonly name: string; readonly value: number };
  /** Tokens or examples per second. */
  readonly itemsPerSecond: number;
  /** Seconds until training ends at the present speed. */
  readonly secondsLeft: number;
  readonly units: readonly number[];
  readonly alive: readonly number[];
}

/** What an epoch tells, and how it is stopped. */
export interface EpochListeners {
  readonly onBatch?: ((p: BatchProgress) => void) | undefined;
  readonly onShrink?: ((from: readonly number[], to: readonly number[]) => void) | undefined;
  /** Called with a line on layers that have (nearly) no unit left, after the epoch in which they lost them. */
  readonly onCollapse?: ((text: string) => void) | undefined;
  /** Aborting writes a checkpoint and throws InterruptedError. */
  readonly signal?: AbortSignal | undefined;
}

const positive = z.int().positive();
const name = z.string().min(1);

/** Fields of every run: what the trainer goes by, whatever is trained and how. */
export const commonFields = {
  epochs: positive.describe('epochs in all'),
  batch: positive.describe('sequences or examples side by side'),
  clip: z.number().positive().optional().describe('bound on the norm of the whole gradient (default: none)'),
  threshold: z
    .number()
    .nonnegative()
    .describe(
      'τ: with a sparsity method, weights below it become 0 after every update (default: 0.0001; for some tasks the ' +
        'learning rate, where the optimizer moves every weight by about as much)',
    ),
  shrink: z.boolean().describe('slice dead units away while training'),
  shrinkEvery: z
    .int()
    .nonnegative()
    .describe('look for dead units every so many updates and after each epoch (0: only between epochs)'),
  patience: positive.optional().describe('stop after so many epochs without a better score on the held-out data'),
  trainCollapsed: z.boolean().optional().describe('go on where λ has taken (nearly) all units of every layer'),
  freeze: z.array(name).optional().describe('weights that stay as they are; * stands for any part of a name'),
  fix: z.array(name).optional().describe('layers that keep all their units'),
  seed: z.int().nonnegative().describe('seed of initial weights, order of examples and dropout'),
  device: z
    .enum(deviceNames)
    .optional()
    .describe(
      'where it is trained: cpu, wasm, or a GPU by webgpu or cuda; weights stay on a GPU where they can (default: cpu)',
    ),
  threads: positive.optional().describe('threads of the engine (default: one per core)'),
  checkpointEvery: positive.describe('write a checkpoint every so many updates, besides the end of each epoch'),
  keepModels: z.boolean().optional().describe('keep the model of every epoch, in the folder epochs of the run'),
  keepBest: z
    .boolean()
    .optional()
    .describe(
      'end with the model of the epoch that scored best on the held-out data, not with that of the last one; epochs ' +
        'before a target or a pruning is done do not count',
    ),
} as const;

/** Values of the fields of every run. */
export type TrainSettings = z.infer<z.ZodObject<typeof commonFields>>;

/** The strength of a penalty. */
export interface Pressure {
  /** The flag that sets it. */
  readonly flag: string;
  readonly lambda: number;
  /** Whether whole units become zero, so that they can be sliced away. */
  readonly isStructural: boolean;
}

/** A choice of method, optimizer and schedule, with all that a run goes by. */
export interface TrainParts {
  readonly settings: TrainSettings;
  /** Digest of all that determines the run besides data and first model. */
  readonly digest: string;
  readonly method: {
    /** True when nothing is to vanish. */
    readonly isDense: boolean;
    /** Whether columns of embeddings are units too. */
    readonly embeddings: boolean;
    /** What takes units away, as a user lowers it: too much of it leaves none. */
    readonly pressure?: Pressure | undefined;
    /** Throws a UsageError when the method cannot do with a model what it is asked for. */
    check(first: FirstModel): void;
    create(context: MethodContext): SparsityMethod | undefined;
  };
  createOptimizer(state?: OptimizerState): Optimizer;
  readonly schedule: Schedule;
  /** What goes by scores on held-out data, as a user asks for it; it is refused where there are no such data. */
  readonly needsScores?: readonly string[] | undefined;
  /** What a user should know of these choices in a run of this length. */
  notes?(run: RunLength): readonly string[];
}

/** What a training run needs. */
export interface TrainOptions extends TrainParts, EpochListeners {
  readonly problem: Problem;
  /** The model to start from, with Dropout where training wants it. */
  readonly model: Model;
  readonly runtime: Runtime;
  /** Streaming states that are zero at the start of an example; by default those that the model names. */
  readonly states?: readonly StatePair[] | undefined;
  /** Verifies after each shrink that the smaller model computes the same: for graphs that others made. */
  readonly verifiesShrinks?: boolean | undefined;
  /** Where checkpoints go; without it nothing is left. */
  readonly store?: RunStore | undefined;
  /** Go on from the checkpoint in the store, if there is one. */
  readonly resume?: boolean | undefined;
  /** Stop after this epoch, with a checkpoint that goes on to the same end; by default all epochs are trained. */
  readonly untilEpoch?: number | undefined;
  readonly collective?: Collective | undefined;
  /** Called once when model, data and configuration fit together, before the first update. */
  readonly onReady?: ((start: TrainStart) => void | Promise<void>) | undefined;
  readonly onEpoch?: ((m: EpochMetrics) => void) | undefined;
  /** Called with the model after each epoch and before its checkpoint: a run that is resumed misses none. */
  readonly onEpochModel?: ((model: Model, at: EpochModel) => void | Promise<void>) | undefined;
}

/** What is known of the model after an epoch. */
export interface EpochModel extends Pick<TrainedModel, 'kept'> {
  /** From 1. */
  readonly epoch: number;
  /** Whether no epoch before it scored as well on the held-out data. */
  readonly isBest: boolean;
}

/** What a run is about to do. */
export interface TrainStart {
  /** Weights that are trained. */
  readonly parameters: number;
  /** Layers with their units; empty where they cannot be traced. `isFixed`: none of its units can leave. */
  readonly layers: readonly { readonly name: string; readonly units: number; readonly isFixed?: boolean | undefined }[];
  /** What a user should know: activations that the loss took apart, layers that keep their units. */
  readonly notes: readonly string[];
}

/** A trained model with its history. */
export interface TrainedModel {
  /** With the averaged weights where the optimizer keeps an average. */
  readonly model: Model;
  readonly history: readonly EpochMetrics[];
  /** Which of its first units each layer still has; undefined where units cannot be traced. */
  readonly kept: readonly (readonly number[])[] | undefined;
  readonly start: TrainStart;
}
