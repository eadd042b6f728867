import type { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import { didYouMean } from '../base/suggest.ts';
import { withType } from '../graph/convert.ts';
import { bindDim, formatShape, isStatic, sizeOf } from '../graph/dims.ts';
import { emptyData } from '../graph/tensors.ts';
import type { Graph, Model, Tensor, ValueInfo } from '../graph/types.ts';
import { loadModel } from '../onnx/file.ts';
import { type Given, isNothing } from '../passes/given.ts';
import { type Specialized, specialize } from '../passes/specialize.ts';
import { collect, whole } from './flags.ts';
import { note } from './output.ts';

/** What the user says about a model's inputs before it runs. */
export interface GivenFlags {
  readonly set?: readonly string[];
  readonly size?: readonly string[];
}

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
  readonly specialized: Specialized | undefined;
}

/** Loads a model, its functions inlined, for the values and sizes that are given. Throws what `specialize` throws. */
export async function openModel(path: string, flags: GivenFlags): Promise<OpenedModel> {
  const model = await loadModel(path);
  const given = givenFrom(model.graph, flags);
  if (isNothing(given)) return { model, original: model, specialized: undefined };
  const specialized = specialize(model, given);
  note(`${path} ${saysGiven(flags)}`);
  return { model: specialized.model, original: specialized.given, specialized };
}

/** In words what is fixed. */
function saysGiven({ set = [], size = [] }: GivenFlags): string {
  return `is taken for ${[...set, ...size].join(', ')}: what is written is the model for these`;
}

/** The flags as values and sizes. Throws a UsageError for text that is none, and for inputs that are not there. */
export function givenFrom(graph: Graph, { set = [], size = [] }: GivenFlags): Given {
  const sizes: Record<string, number> = {};
  for (const text of size) {
    const at = text.lastIndexOf('=');
    if (at <= 0) throw new UsageError(`--size takes name=number, got '${text}'`);
    const name = text.slice(0, at);
    if (Object.hasOwn(sizes, name)) throw new UsageError(`--size ${name} is given twice`);
    sizes[name] = whole('--size')(text.slice(at + 1));
  }
  const values = new Map<string, Tensor>();
  for (const text of set) {
    const { info, value } = parseSet(text, graph);
    if (values.has(info.name)) throw new UsageError(`--set ${info.name} is given twice`);
    values.set(info.name, tensorFor(info, value, sizes));
  }
  return { values, sizes };
}

/** The input and its value; names may hold '=' themselves, so every one is tried. */
function parseSet(text: string, { inputs }: Graph): { info: ValueInfo; value: string } {
  for (let at = text.indexOf('='); at >= 0; at = text.indexOf('=', at + 1)) {
    const info = inputs.find((each) => each.name === text.slice(0, at));
    if (info) return { info, value: text.slice(at + 1) };
  }
  const [name = '', ...rest] = text.split('=');
  if (rest.length === 0) throw new UsageError(`--set takes input=value, for example sr=16000, got '${text}'`);
  const names = inputs.map((each) => each.name);
  const listed = names.map((each) => `'${each}'`).join(', ') || 'none';
  throw new UsageError(`--set ${text}: the model has no input '${name}'${didYouMean(name, names)}; it has ${listed}`);
}

/** A value as a tensor of an input's type; a single number fills an input of fixed size. */
function tensorFor(info: ValueInfo, text: string, sizes: Readonly<Record<string, number>>): Tensor {
  const what = `--set ${info.name}`;
  const { elementType } = info.type;
  const { dims, values } = parsed(text, what);
  const shape = info.type.shape?.map((dim) => bindDim(dim, sizes));
  const wanted = shape !== undefined && isStatic(shape) ? shape : undefined;
  if (elementType === 'string') throw new UsageError(`${what}: the input takes text, which cannot be set`);
  if (dims.length === 0 && shape !== undefined && wanted === undefined) {
    throw new UsageError(`${what}: the input is ${formatShape(shape)}; say the sizes with --size, or give a list`);
  }
  const isFill = values.length === 1 && dims.length === 0;
  if (wanted && !isFill && sizeOf(wanted) !== values.length) {
    throw new UsageError(`${what}: the input is ${formatShape(wanted)}, the list has ${values.length} values`);
  }
  const own = wanted ?? dims;
  const data = emptyData('float64', sizeOf(own));
  for (let i = 0; i < data.length; i++) data[i] = isFill ? values[0]! : values[i]!;
  return withType({ elementType: 'float64', dims: own, data }, elementType, what);
}

/** A number, a truth value, or a list of lists of equal lengths. */
function parsed(text: string, what: string): { dims: number[]; values: number[] } {
  const wrong = () => new UsageError(`${what} takes a number, true, false or a list like [1,2], got '${text}'`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw wrong();
  }
  const dims: number[] = [];
  const values: number[] = [];
  const visit = (value: unknown, depth: number): void => {
    if (Array.isArray(value)) {
      dims[depth] ??= value.length;
      if (value.length === 0 || dims[depth] !== value.length || (values.length > 0 && depth >= dims.length))
        throw wrong();
      for (const each of value) visit(each, depth + 1);
    } else if (depth === dims.length && (typeof value === 'number' || typeof value === 'boolean'))
      values.push(Number(value));
    else throw wrong();
  };
  visit(json, 0);
  return { dims, values };
}
