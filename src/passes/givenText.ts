import { UsageError } from '../base/errors.ts';
import { didYouMean } from '../base/suggest.ts';
import { withType } from '../graph/convert.ts';
import { bindDim, formatShape, isStatic, sizeOf } from '../graph/dims.ts';
import { emptyData } from '../graph/tensors.ts';
import type { Graph, Tensor, ValueInfo } from '../graph/types.ts';
import type { Given } from './given.ts';

/** Values of inputs and sizes as a person writes them. */
export interface GivenText {
  /** `input=value`: a number, true, false, or a list of lists of equal lengths. */
  readonly set?: readonly string[] | undefined;
  /** `name=number`, or `input.axis=number`. */
  readonly size?: readonly string[] | undefined;
}

/** Reads values and sizes. Throws a UsageError for text that is none, and for inputs that are not there. */
export function readGiven(graph: Graph, { set = [], size = [] }: GivenText): Given {
  const sizes: Record<string, number> = {};
  for (const text of size) {
    const at = text.lastIndexOf('=');
    if (at <= 0) throw new UsageError(`--size takes name=number, got '${text}'`);
    const name = text.slice(0, at);
    if (Object.hasOwn(sizes, name)) throw new UsageError(`--size ${name} is given twice`);
    sizes[name] = sizeIn(text.slice(at + 1), name);
  }
  const values = new Map<string, Tensor>();
  for (const text of set) {
    const { info, value } = parseSet(text, graph);
    if (values.has(info.name)) throw new UsageError(`--set ${info.name} is given twice`);
    values.set(info.name, tensorFor(info, value, sizes));
  }
  return { values, sizes };
}

function sizeIn(text: string, name: string): number {
  const size = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(size) && size > 0) return size;
  throw new UsageError(`--size ${name} takes a positive whole number, got '${text}'`);
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
      // Lists begin before the first number, and all of one depth are as long.
      if (dims[depth] === undefined && values.length > 0) throw wrong();
      dims[depth] ??= value.length;
      if (value.length === 0 || dims[depth] !== value.length) throw wrong();
      for (const each of value) visit(each, depth + 1);
    } else if (depth === dims.length && (typeof value === 'number' || typeof value === 'boolean'))
      values.push(Number(value));
    else throw wrong();
  };
  visit(json, 0);
  return { dims, values };
}
