import type { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import type { CutTarget } from '../slim/cut.ts';
import { number, whole } from './flags.ts';

/** How much the user wants to be left. */
export type CutFlags = Readonly<Partial<Record<CutTarget['kind'], CutTarget>>> & {
  /** Layers keep a multiple of so many units. */
  readonly round?: number | undefined;
};

/** Adds the flags of a lossy cut. */
export function addCutFlags(command: Command): void {
  const fraction = (kind: 'keep' | 'params') => {
    const parse = number(`--${kind}`, 'a fraction above 0 and up to 1, for example 0.5', (v) => v > 0 && v <= 1);
    return (text: string): CutTarget => ({ kind, fraction: parse(text) });
  };
  const isNorm = (value: number) => value > 0 && Number.isFinite(value);
  const norm = number('--below', 'a norm above 0, for example 1e-3 (inspect shows the norms)', isNorm);
  command
    .option(
      '--keep <fraction>',
      'keep this fraction of the units of each layer, those with the largest group norms (but see --rank)',
      fraction('keep'),
    )
    .option(
      '--params <fraction>',
      'keep at most this fraction of the parameters; units of all layers are ranked by norm relative to their layer (but see --rank)',
      fraction('params'),
    )
    .option(
      '--below <norm>',
      'remove the units whose group norm is below this',
      (text): CutTarget => ({ kind: 'below', norm: norm(text) }),
    )
    .option('--units <list>', 'keep so many units per layer, for example lstm_0=373,lstm_1=315', unitsPerLayer)
    .option(
      '--round <n>',
      'keep a few units more, so that each layer has a multiple of n: 8 or 16, as some engines count',
      whole('--round'),
    );
}

/** The cut that the flags ask for, or none; throws a UsageError for two cuts at once. */
export function cutTargetFrom({ keep, params, below, units, round }: CutFlags): CutTarget | undefined {
  const given = [keep, params, below, units].filter((target) => target !== undefined);
  if (units && round !== undefined) throw new UsageError('--units says exactly how many: leave out --round');
  if (given.length < 2) return given[0];
  throw new UsageError(`${given.map(({ kind }) => `--${kind}`).join(' and ')} exclude each other; give one of them`);
}

function unitsPerLayer(text: string): CutTarget {
  const units = new Map<string, number>();
  for (const part of text.split(',')) {
    const at = part.lastIndexOf('=');
    const [name, count] = [part.slice(0, at).trim(), Number(part.slice(at + 1))];
    if (at <= 0 || name === '' || !Number.isInteger(count) || count < 1) {
      throw new UsageError(
        `--units takes layers and whole numbers from 1, for example lstm_0=373,lstm_1=315, got '${text}'`,
      );
    }
    if (units.has(name)) throw new UsageError(`--units names '${name}' twice`);
    units.set(name, count);
  }
  return { kind: 'units', units };
}
