import type { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import type { CutTarget } from '../slim/cut.ts';

/** How much the user wants to be left, as typed. */
export interface CutFlags {
  readonly keep?: string;
  readonly params?: string;
  readonly below?: string;
  readonly units?: string;
}

/** Adds the flags of a lossy cut. */
export function addCutFlags(command: Command): void {
  command
    .option('--keep <fraction>', 'keep this fraction of the units of each layer, those with the largest group norms')
    .option(
      '--params <fraction>',
      'keep at most this fraction of the parameters; units of all layers are ranked by norm relative to their layer',
    )
    .option('--below <norm>', 'remove the units whose group norm is below this')
    .option('--units <list>', 'keep so many units per layer, for example lstm_0=373,lstm_1=315');
}

/** The cut that the flags ask for, or none; throws a UsageError for a bad value and for two cuts at once. */
export function cutTargetFrom(flags: CutFlags): CutTarget | undefined {
  const given = (['keep', 'params', 'below', 'units'] as const).filter((name) => flags[name] !== undefined);
  if (given.length > 1) {
    throw new UsageError(`${given.map((name) => `--${name}`).join(' and ')} exclude each other; give one of them`);
  }
  const [kind] = given;
  if (kind === undefined) return undefined;
  const text = flags[kind]!;
  switch (kind) {
    case 'keep':
    case 'params':
      return { kind, fraction: parseFraction(kind, text) };
    case 'below':
      return { kind, norm: parseNorm(text) };
    case 'units':
      return { kind, units: parseUnits(text) };
  }
}

function parseFraction(flag: string, text: string): number {
  const value = parseNumber(text);
  if (value > 0 && value <= 1) return value;
  throw new UsageError(`--${flag} takes a fraction above 0 and up to 1, for example 0.5, got '${text}'`);
}

function parseNorm(text: string): number {
  const value = parseNumber(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new UsageError(`--below takes a norm above 0, for example 1e-3 (inspect shows the norms), got '${text}'`);
}

function parseUnits(text: string): Map<string, number> {
  const units = new Map<string, number>();
  for (const part of text.split(',')) {
    const at = part.lastIndexOf('=');
    const [name, count] = [part.slice(0, at).trim(), parseNumber(part.slice(at + 1))];
    if (at <= 0 || name === '' || !Number.isInteger(count) || count < 1) {
      throw new UsageError(
        `--units takes layers and whole numbers from 1, for example lstm_0=373,lstm_1=315, got '${text}'`,
      );
    }
    if (units.has(name)) throw new UsageError(`--units names '${name}' twice`);
    units.set(name, count);
  }
  return units;
}

/** NaN for what is no number, and for nothing. */
function parseNumber(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text);
}
