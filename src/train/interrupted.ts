import { SlimError } from '../base/errors.ts';

/** The run was stopped from outside; its checkpoint is written. */
export class InterruptedError extends SlimError {
  override readonly name: string = 'InterruptedError';
}
