import type { Model, Tensor } from '../graph/types.ts';
import type { Progress } from './progress.ts';

/** All that a run needs to go on. */
export interface Checkpoint {
  /** The model as it is trained, in the element types that it stores. */
  readonly model: Model;
  /** What goes with it, by kind and name (`state/…`, `slot/…`, `mask/…`, `master/…`). */
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly progress: Progress;
}

/** Where a run leaves what it needs to go on: files in Node (`fileStore`); a run without a store leaves nothing. */
export interface RunStore {
  /** The last checkpoint of the run that has this digest; undefined when there is none yet. */
  load(digest: string): Promise<Checkpoint | undefined>;
  /** Replaces the last checkpoint; throws SlimError and keeps the last one when that fails. */
  save(checkpoint: Checkpoint): Promise<void>;
  /** Where the last checkpoint is, for messages; undefined when there is none yet. */
  place(): string | undefined;
}
