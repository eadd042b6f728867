import type { Model, Tensor } from '../graph/types.ts';
import type { SparsityMethod } from '../methods/method.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import type { Sums } from '../tasks/score.ts';
import type { Batches } from '../tasks/task.ts';
import type { TrainingGraph } from './compile.ts';
import type { WeightMemory } from './memory.ts';
import type { TrainSetup } from './trainState.ts';
import type { UpdateResult } from './update.ts';

/*
 * Where weights lie in training, and what moves them. In an arena they are the machine's own, and kernels update them
 * (`arenaStore.ts`); on a device they stay in its memory, and the update is part of the graph (`deviceStore.ts`). Both do the
 * same: `weightStore.contract.test.ts`.
 */

/** A model in training, as a store steps it. */
export interface StoredTraining {
  readonly setup: TrainSetup;
  /** The model whose weights these are. */
  readonly structure: Model;
  /** Names of the weights that are trained. */
  readonly names: ReadonlySet<string>;
  readonly method: SparsityMethod | undefined;
  readonly optimizer: Optimizer;
  /** Weights and all that is kept of them in the machine's memory: the truth, or its copy as of the last `readBack`. */
  readonly memory: WeightMemory;
  /** States that go on from batch to batch, likewise. */
  readonly carried: Map<string, Tensor>;
}

/** What determines an update besides weights and data. */
export interface StepAt {
  readonly rate: number;
  /** Number of the update; with the seed it determines dropout. */
  readonly update: number;
}

/** What a step did. */
export interface StepResult extends UpdateResult {
  /** Sums of the batch; its count is 0 where nothing counts and nothing was learned. */
  readonly sums: Sums;
  /** Mean loss of an item. */
  readonly loss: number;
  /** Milliseconds in the update with penalty, clipping and threshold; 0 where it is part of the graph. */
  readonly updateTime: number;
}

/** Steps the weights of a model in training. */
export interface WeightStore {
  /**
   * Compiles the step of a batch unless there is one of its shape; `plan` is its graph, if it is made already. Returns the
   * inputs that nobody feeds.
   */
  prepare(batches: Batches, index: number, plan?: TrainingGraph): Promise<readonly string[]>;
  /** One update on batch `index`. Throws DivergedError on NaN or infinity, before any weight has changed. */
  step(batches: Batches, index: number, at: StepAt): Promise<StepResult>;
  /** Brings the training's memory up to date with what is stepped. */
  readBack(): Promise<void>;
  /** Says that others have changed the training's memory: what lies there is stepped from now on. */
  changed(): void;
  /** Says the same of the carried states alone. */
  statesChanged(): void;
  /** What a user should know of where the weights are; a device is asked, which takes a step. */
  notes(): Promise<readonly string[]>;
  /** Gives sessions and the device's memory back. */
  release(): Promise<void>;
}

/** What a batch in which nothing counts gives. */
export function nothingLearned(): StepResult {
  return { sums: { count: 0, totals: {} }, loss: 0, penalty: 0, gradientNorm: 0, updateTime: 0 };
}
