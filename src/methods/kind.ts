import type { z } from 'zod';
import type { FieldName, Settings } from '../base/fields.ts';
import type { Graph } from '../graph/types.ts';
import type { Groups } from '../groups/groups.ts';
import type { FieldValues } from '../optimizers/kind.ts';
import type { MethodState, SparsityMethod } from './method.ts';

/*
 * A kind of sparsity method: its fields, how it is asked for, what is said of it, and how it is made. Each kind is one
 * file; registry.ts is the only list.
 */

/** A model as it is at some time. */
export interface CurrentModel {
  readonly graph: Graph;
  readonly groups: Groups;
}

/** What methods must know of the model that a run began with, whatever has left since. */
export interface FirstModel extends CurrentModel {
  /** Weights of each stored tensor. */
  readonly sizes: ReadonlyMap<string, number>;
  /** Names of the parameters that are trained. */
  readonly trained: ReadonlySet<string>;
}

/** What a method is made for: the model as it is now, and the run. */
export interface MethodContext extends CurrentModel {
  readonly first: FirstModel;
  /** τ of the configuration. */
  readonly threshold: number;
  readonly epochs: number;
  /** Updates in an epoch. */
  readonly updates: number;
  /** Share of the run's learning that is done before an update: Σ η so far / Σ η of the run. */
  readonly learned: (update: number) => number;
  /** Σ η of the run: how far steps in one direction would lead. */
  readonly totalRate: number;
  /** Seed of what the method draws by lot. */
  readonly seed: number;
  /** State of an earlier method of the same run. */
  readonly state?: MethodState | undefined;
}

/** What was asked for as a share of the first model, and what the last one has. */
export interface TargetOutcome {
  readonly what: 'units' | 'params';
  readonly asked: number;
  readonly reached: number;
}

/** A kind of method. What takes a configuration takes a section that has been checked against its fields. */
export interface MethodKind<Fields extends z.ZodRawShape = z.ZodRawShape> {
  /** Identifier, as configurations and results hold it. */
  readonly name: string;
  /** What tables call it. */
  readonly label: string;
  readonly fields: Fields;
  /** The field by which a user asks for it; undefined for training without any method. */
  readonly selector: string | undefined;
  /** The field of a penalty's strength λ, of which too much makes everything vanish. */
  readonly lambda?: string | undefined;
  /** Whether settings ask for this kind; the first kind of the registry that says so is taken. */
  isAskedFor(settings: Settings): boolean;
  /** Fields of which only one can be said, list by list: one that the user says takes the place of a preset's other one. */
  readonly alternatives?: readonly (readonly string[])[];
  /** Fields of a preset that are left out where the user asks for this kind by its selector, and does not say them. */
  readonly displaces?: readonly string[];
  /** Whether whole units become zero, so that the model can shrink; else single weights do. */
  readonly isStructural: boolean;
  /** Whether weights that are zero stay zero. */
  readonly keepsZeros: boolean;
  /** What it does, in a few words with its numbers. */
  describe(config: FieldValues<Fields>): string;
  /** Whether the columns of embeddings are units too. */
  groupsEmbeddings?(config: FieldValues<Fields>): boolean;
  /** Fields that contradict each other or the run, in words. */
  contradictions?(config: FieldValues<Fields>, run: { readonly epochs: number }, nameOf: FieldName): string[];
  /** Throws a UsageError when it cannot do with a model what it is asked for. */
  check?(config: FieldValues<Fields>, first: FirstModel): void;
  /** The method of a run for its model as it is now; undefined when there is nothing to do. */
  create(config: FieldValues<Fields>, context: MethodContext): SparsityMethod | undefined;
  /** How near a run came to what was asked for. */
  outcome?(config: FieldValues<Fields>, first: FirstModel, last: CurrentModel): TargetOutcome;
}

/** Types a kind by its fields. */
export function defineMethod<Fields extends z.ZodRawShape>(kind: MethodKind<Fields>): MethodKind<Fields> {
  return kind;
}
