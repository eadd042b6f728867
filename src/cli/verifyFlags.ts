import type { Command } from 'commander';
import type { Difference } from '../verify/difference.ts';
import { number } from './flags.ts';
import { VERIFY_SECONDS } from './guarded.ts';
import { percent, rounded } from './output.ts';

/** Flags of commands that verify what they write. */
export interface VerifyFlags {
  readonly tolerance?: number;
  readonly unverifiedBranches?: boolean;
  readonly verifySeconds: number;
}

/** Adds the flags that say what a verification may leave open. */
export function addVerifyFlags(command: Command): void {
  command.option(
    '--tolerance <number>',
    'relative difference of outputs that is permitted (default: what rounding does to the model)',
    number('--tolerance', 'a positive number', (value) => value > 0 && Number.isFinite(value)),
  );
  addEffortFlags(command);
}

/** Adds the same without the difference that is permitted. */
export function addEffortFlags(command: Command): void {
  command
    .option('--unverified-branches', 'write the model though some branch of an If was never taken while comparing')
    .option(
      '--verify-seconds <number>',
      'how long the verification may take before it is stopped',
      number('--verify-seconds', 'a number from 1 to 1 000 000', (value) => value >= 1 && value <= 1e6),
      VERIFY_SECONDS,
    );
}

/** The same as options of `assertEqual` and its like. */
export function verifyOptionsFrom({ tolerance, unverifiedBranches = false }: Omit<VerifyFlags, 'verifySeconds'>) {
  return { ...(tolerance !== undefined && { tolerance }), unverifiedBranches };
}

/** What a reader must know of a verification besides its figures. */
export function remarksOn({ noise, untaken = [] }: Difference): string[] {
  const measured =
    noise === undefined
      ? []
      : [`rounding itself moves the outputs of this model by up to ${noise.toExponential(1)} (relative)`];
  return [...measured, ...untaken.map((branch) => `not verified: ${branch}, which no input took`)];
}

/** How far the outputs of two models are apart; `largest` says what belongs to the largest difference. */
export function differenceLines(difference: Difference, largest: string): string[] {
  const { maxAbsDifference, meanAbsDifference, meanRelativeDifference, agreement } = difference;
  return [
    `  mean difference ${rounded(meanAbsDifference)}, ${percent(meanRelativeDifference)} relative`,
    `  largest         ${rounded(maxAbsDifference)}${largest}`,
    ...(agreement === undefined ? [] : [`  ${percent(agreement)} of the elements that are not real numbers are equal`]),
  ];
}
