import type { Command } from 'commander';
import type { Model } from '../graph/types.ts';
import { loadModelFiles } from '../onnx/file.ts';
import { traceNotes } from '../onnx/traces.ts';
import { isNothing } from '../passes/given.ts';
import { type GivenText, readGiven } from '../passes/givenText.ts';
import { openConditions } from '../passes/openConditions.ts';
import { specialize } from '../passes/specialize.ts';
import { collect } from './flags.ts';
import { note } from './output.ts';

/** What the user says about a model's inputs before it runs. */
export type GivenFlags = GivenText;

/** Adds the flags that give inputs values and dimensions sizes. */
export function addGivenFlags(command: Command): void {
  command
    .option(
      '--set <input=value>',
      'give an input this value for good: a number, true, or a list [1,2] (repeatable)',
      collect,
    )
    .option('--size <name=number>', 'fix a free dimension, by its name or as INPUT.AXIS=NUMBER (repeatable)', collect);
}

/** A model as a command takes it. */
export interface OpenedModel {
  /** What the command works on: with `--set` and `--size` the model for these, simplified. */
  readonly model: Model;
  /** What it must compute the same as: the model of the file, with the given values and sizes. */
  readonly original: Model;
  /** What is given, in words, with a comma before it; empty for nothing. */
  readonly forGiven: string;
  /** Bytes of its files, those of weights included. */
  readonly bytes: number;
}

/** What to say where sizes that nobody fixed leave conditions undecided; no line where there are none. */
export function sizeHints(model: Model): string[] {
  const open = openConditions(model);
  if (open === undefined) return [];
  const [first, ...more] = open.names;
  const others = more.length === 0 ? '' : ` and ${more.length} more`;
  const flags = open.dims.map((dim) => (dim.startsWith('?') ? 'INPUT.AXIS' : dim)).map((dim) => `--size ${dim}=NUMBER`);
  return [
    `If '${first}'${others}: decided by the sizes of inputs, which are free; with ${[...new Set(flags)].join(' or ')} ` +
      'one branch takes its place, and more can be followed',
  ];
}

/** Loads a model for the values and sizes that are given. Throws what `specialize` throws. */
export async function openModel(path: string, { set = [], size = [] }: GivenFlags): Promise<OpenedModel> {
  const { model, bytes } = await loadModelFiles(path);
  traceNotes(model, path).forEach(note);
  const given = readGiven(model.graph, { set, size });
  if (isNothing(given)) return { model, original: model, forGiven: '', bytes };
  const specialized = specialize(model, given);
  const forGiven = `, the model for ${[...set, ...size].join(', ')} alone`;
  return { model: specialized.model, original: specialized.given, forGiven, bytes };
}
