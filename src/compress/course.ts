import type { CompressGoal } from './goal.ts';
import type { StageRecord } from './record.ts';

/*
 * Which sizes a compression goes through, given how the stages before came out. Nothing else decides it, so that a
 * resumed compression takes the same course.
 */

/** Share of the last accepted size that the next stage tries, where only the loss is bounded. */
const STEP = 0.7;
/** How often it tries a size between the last accepted and one that lost too much. */
const REFINEMENTS = 2;
/** Sizes nearer to each other than this are not told apart. */
const NEAR = 0.95;

/** A stage to come. */
export interface NextStage {
  /** Share of the original. */
  readonly wanted: number;
  /** The stage whose model it begins with, from 0; -1 for the original. */
  readonly from: number;
  /** Whether it is trained long: the result may be its model. */
  readonly isLong: boolean;
}

/** What comes after some stages; undefined when the compression is at its end. */
export function nextStage(goal: CompressGoal, stages: readonly StageRecord[], inAll: number): NextStage | undefined {
  if (goal.kind === 'size') {
    const done = stages.length;
    if (done >= inAll) return undefined;
    return { wanted: goal.share ** ((done + 1) / inAll), from: done - 1, isLong: done + 1 === inAll };
  }
  const from = lastAccepted(stages);
  const accepted = from < 0 ? 1 : stages[from]!.share;
  const rejected = stages.filter((stage) => !stage.accepted);
  if (rejected.length === 0) return { wanted: accepted * STEP, from, isLong: true };
  const smallest = Math.max(...rejected.map((stage) => stage.share));
  if (rejected.length > REFINEMENTS || smallest > NEAR * accepted) return undefined;
  return { wanted: Math.sqrt(accepted * smallest), from, isLong: true };
}

/** The stage whose model is the smallest that is good enough, from 0; -1 where that is the original. */
export function lastAccepted(stages: readonly StageRecord[]): number {
  return stages.findLastIndex((stage) => stage.accepted);
}
