import { type Command, Option } from 'commander';
import { UsageError } from '../base/errors.ts';
import { type RankingName, rankings } from '../slim/ranking.ts';

/** How a cut chooses units, and makes up for them. */
export interface RankFlags {
  readonly rank?: RankingName;
  /** False with `--no-compensate`. */
  readonly compensate: boolean;
}

/** Adds the flags of a cut that knows what units do on inputs. */
export function addRankFlags(command: Command): void {
  const titles = Object.entries(rankings).map(([name, { title }]) => `${name} (${title})`);
  command
    .addOption(
      new Option(
        '--rank <name>',
        `which units of a cut go first, the least by ${titles.join(', ')} (default: activity with --inputs, else norm)`,
      ).choices(Object.keys(rankings)),
    )
    .option('--no-compensate', 'with --inputs: leave the weights as they are that read what a cut removes');
}

/** The ranking that is asked for; throws a UsageError where there is no cut, or no inputs where a flag needs them. */
export function rankingFrom({ rank, compensate }: RankFlags, isCut: boolean, hasInputs: boolean): RankingName {
  if (rank !== undefined && !isCut) {
    throw new UsageError('--rank says which units a cut removes; give --keep, --params or --units, too');
  }
  if (rank !== undefined && rankings[rank].needsInputs && !hasInputs) {
    throw new UsageError(`--rank ${rank} looks at what units do on inputs; give some (--inputs FILE)`);
  }
  if (!compensate && !hasInputs) {
    throw new UsageError('--no-compensate is for cuts that look at inputs; give some (--inputs FILE), or leave it out');
  }
  return rank ?? (hasInputs && isCut ? 'activity' : 'norm');
}
