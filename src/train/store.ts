import type { Checkpoint } from '../runs/checkpoint.ts';

/** Where a run leaves what it needs to go on: files in Node (`fileStore`); a run without a store leaves nothing. */
export interface RunStore {
  /** The last checkpoint, with the states of the run that has this digest; undefined when there is none yet. */
  load(digest: string): Promise<Checkpoint | undefined>;
  /** Replaces the last checkpoint; throws SlimError and keeps the last one when that fails. */
  save(checkpoint: Checkpoint): Promise<void>;
  /** Where the last checkpoint is, for messages; undefined when there is none yet. */
  place(): string | undefined;
}
