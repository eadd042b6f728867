import { SlimError } from '../base/errors.ts';

/** The run was stopped from outside; its checkpoint is written. */
export class InterruptedError extends SlimError {
  override readonly name: string = 'InterruptedError';
}

/** Training left the numbers: NaN or infinity in the loss or the gradient. */
export class DivergedError extends SlimError {
  override readonly name: string = 'DivergedError';
}

/** Training came to numbers from which there is no way back. */
export class TrainingDivergedError extends SlimError {
  override readonly name: string = 'TrainingDivergedError';
  /** What happened and where, without what is left on disk. */
  readonly reason: string;
  /** The epoch in which it happened, from 1. */
  readonly epoch: number;

  constructor(reason: string, epoch: number, advice: string) {
    super(`${reason}. ${advice}`);
    this.reason = reason;
    this.epoch = epoch;
  }
}
