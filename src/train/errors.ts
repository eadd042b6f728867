import { SlimError } from '../base/errors.ts';

/** The run was stopped from outside; its checkpoint is written. */
export class InterruptedError extends SlimError {
  override readonly name: string = 'InterruptedError';
}

/** Throws InterruptedError where work was asked to stop that leaves all that it needs to go on. */
export function throwIfStopped(signal: AbortSignal | undefined, message = 'stopped; --resume goes on from here'): void {
  if (signal?.aborted) throw new InterruptedError(message);
}

/** Training left the numbers: NaN or infinity in the loss or the gradient. */
export class DivergedError extends SlimError {
  override readonly name: string = 'DivergedError';
}

/** Training came to where there is no way back. */
export abstract class HopelessError extends SlimError {
  abstract readonly kind: 'diverged' | 'collapsed';
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

/** Training came to numbers from which there is no way back. */
export class TrainingDivergedError extends HopelessError {
  override readonly name: string = 'TrainingDivergedError';
  readonly kind = 'diverged';
}

/** A penalty has taken (nearly) all units of every layer. */
export class TrainingCollapsedError extends HopelessError {
  override readonly name: string = 'TrainingCollapsedError';
  readonly kind = 'collapsed';
}
