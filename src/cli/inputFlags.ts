import type { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import { number } from './flags.ts';

/** Flags that say on which inputs two models are compared. */
export interface InputFlags {
  readonly inputs?: string;
  readonly seed?: number;
}

/** Adds the flags for given inputs and for random ones. */
export function addInputFlags(command: Command): void {
  command
    .option('--inputs <file>', 'compare both models on these arrays (.npz, .safetensors, .jsonl), named as the inputs')
    .option(
      '--seed <number>',
      'seed of the random inputs that both models are compared on without --inputs (default: 1)',
      number('--seed', 'a whole number', (v) => Number.isSafeInteger(v) && v >= 0),
    );
}

/** Throws a UsageError where both given and random inputs are asked for. */
export function requireOneKindOfInputs({ inputs, seed }: InputFlags): void {
  if (seed === undefined || inputs === undefined) return;
  throw new UsageError('--seed makes random inputs and --inputs gives others; give one of them');
}
