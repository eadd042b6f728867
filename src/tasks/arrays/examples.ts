import { UsageError } from '../../base/errors.ts';
import { didYouMean } from '../../base/suggest.ts';
import { withType } from '../../graph/convert.ts';
import { formatShape, sizeOf } from '../../graph/dims.ts';
import { type StatePair, statesOf } from '../../graph/states.ts';
import type { Dim, Model, Tensor, ValueInfo } from '../../graph/types.ts';
import { detectStates } from '../../passes/detectStates.ts';
import type { ArraysFields } from './definition.ts';

/** Names that exporters and people give to the dimension of the examples. */
const BATCH_NAME = /batch|^(n|b|bs|examples?|samples?)$/i;

/** Named arrays, the first axis of each being the examples, and what to call them in messages. */
export interface NamedArrays {
  readonly source: string;
  readonly arrays: ReadonlyMap<string, Tensor>;
}

/** An input that is fed zeros, a state at the start of a sequence; its shape is the model's, which may shrink. */
interface ZeroInput {
  readonly name: string;
  readonly batchAxis: number;
}

/** The examples of one input, and how they are laid into a batch. */
export interface InputExamples extends ZeroInput {
  /** [N, …] in the element type that the input wants. */
  readonly array: Tensor;
}

/** All that the inputs of a model take from a file of arrays. */
export interface Examples {
  readonly source: string;
  /** N */
  readonly count: number;
  readonly inputs: readonly InputExamples[];
  readonly zeros: readonly ZeroInput[];
  /** Sizes of the free dimensions but that of the examples. */
  readonly sizes: Readonly<Record<string, number>>;
  /** Size of the examples' axis where the model spells it out. */
  readonly fixedBatch: number | undefined;
}

/** The streaming states of a model: those that its metadata names, else those that its graph shows. */
export function streamingStates(model: Model): StatePair[] {
  const named = statesOf(model);
  return named.length > 0 ? named : detectStates(model.graph);
}

type Wiring = Pick<ArraysFields, 'input' | 'zeros' | 'batchAxis'>;

/** The array of that name; throws UsageError that lists what there is. */
export function arrayNamed({ source, arrays }: NamedArrays, name: string, what: string): Tensor {
  const found = arrays.get(name);
  if (found !== undefined) return found;
  const known = [...arrays.keys()];
  throw new UsageError(
    `${source} has no array '${name}'${didYouMean(name, known)} ${what}; it has ${known.join(', ')}`,
  );
}

/** Finds the examples of each input of a model. Throws UsageError where one is missing or does not fit. */
export function examplesOf(model: Model, data: NamedArrays, wiring: Wiring): Examples {
  const { input: named = {}, zeros = [], batchAxis: axes = {} } = wiring;
  const states = new Set(streamingStates(model).map((s) => s.input));
  const isZero = ({ name }: ValueInfo) =>
    zeros.includes(name) || (states.has(name) && !data.arrays.has(named[name] ?? name));
  const { inputs } = model.graph;
  for (const name of [...zeros, ...Object.keys(named)]) checkInput(model, name);
  const sizes = new Map<string, { readonly size: number; readonly array: string }>();
  const fed = inputs
    .filter((v) => !isZero(v))
    .map((info) => {
      const name = named[info.name] ?? info.name;
      const array = arrayNamed(data, name, missing(info, name));
      const batchAxis = batchAxisOf(info, axes);
      bindSizes(info, batchAxis, { name, array, source: data.source }, sizes);
      const what = `array '${name}' of ${data.source}`;
      const fed = withType(array, asFed(info), what);
      requireNumbers(fed, what);
      return { name: info.name, array: fed, batchAxis, from: name };
    });
  const [first] = fed;
  if (first === undefined) throw new UsageError('the model has no input that takes data');
  const count = first.array.dims[0]!;
  for (const { array, from } of fed) {
    if (array.dims[0] === count) continue;
    throw new UsageError(
      `${data.source}: array '${from}' has ${array.dims[0]} examples, '${first.from}' has ${count}; ` +
        'the first axis of every array is the examples',
    );
  }
  if (count === 0) throw new UsageError(`${data.source}: array '${first.from}' has no examples`);
  const fedZeros = inputs.filter(isZero).map((info) => ({ name: info.name, batchAxis: batchAxisOf(info, axes) }));
  const axisIn = new Map([...fed, ...fedZeros].map((v) => [v.name, v.batchAxis]));
  const batches = inputs.map(({ name, type }) => type.shape![axisIn.get(name)!]);
  const fixed = [...new Set(batches.filter((size) => typeof size === 'number'))];
  if (fixed.length > 1) throw new UsageError(`the inputs fix their batch at different sizes: ${fixed.join(', ')}`);
  return {
    source: data.source,
    count,
    inputs: fed.map(({ name, array, batchAxis }) => ({ name, array, batchAxis })),
    zeros: fedZeros,
    sizes: Object.fromEntries([...sizes].map(([name, { size }]) => [name, size])),
    fixedBatch: fixed[0],
  };
}

/**
 * Axis of the examples of an input: the one that is said in `given`, else the one with a name that says so ("batch",
 * "N", …), else the first that is free (of several free ones it must be the very first), else the first. Throws
 * UsageError where the axis does not exist, and where nothing tells which one it is.
 */
export function batchAxisOf({ name, type }: ValueInfo, given: Readonly<Record<string, number>>): number {
  const { shape } = type;
  const said = Object.hasOwn(given, name) ? given[name]! : undefined;
  if (shape === undefined || shape.length === 0) {
    throw new UsageError(`input '${name}' has no axis for examples: its shape is ${formatShape(shape)}`);
  }
  if (said !== undefined) {
    if (said < shape.length) return said;
    throw new UsageError(`--batch-axis ${name}=${said}: '${name}' has the axes 0 to ${shape.length - 1}`);
  }
  const named = shape.findIndex((d) => typeof d === 'string' && BATCH_NAME.test(d));
  if (named >= 0) return named;
  const free = shape.flatMap((d, i) => (typeof d === 'string' ? [i] : []));
  if (free.length === 0 || free[0] === 0) return 0;
  if (free.length === 1) return free[0]!;
  throw new UsageError(
    `which axis of '${name}' ${formatShape(shape)} holds the examples? Say it with --batch-axis ${name}=AXIS`,
  );
}

/** Half precision is fed as float32, because that is what is trained. */
function asFed({ name, type }: ValueInfo): Tensor['elementType'] {
  if (type.elementType === 'string') {
    throw new UsageError(`input '${name}' takes text; cut the model behind the step that turns text into numbers`);
  }
  return type.elementType === 'float16' ? 'float32' : type.elementType;
}

/** Throws UsageError for NaN and infinity. Minus infinity may mean something: a mask that is added before a softmax. */
function requireNumbers({ data }: Tensor, what: string): void {
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return;
  const at = data.findIndex((value) => Number.isNaN(value) || value === Number.POSITIVE_INFINITY);
  if (at >= 0)
    throw new UsageError(`${what} has the value ${data[at]} at position ${at}; inputs must be finite numbers`);
}

function checkInput({ graph }: Model, name: string): void {
  const known = graph.inputs.map((v) => v.name);
  if (known.includes(name)) return;
  throw new UsageError(`the model has no input '${name}'${didYouMean(name, known)}; it has ${known.join(', ')}`);
}

function missing({ name, type }: ValueInfo, array: string): string {
  const input = `for the model's input '${name}' ${formatShape(type.shape)}`;
  return name === array ? `${input} (--input ${name}=ARRAY takes another, --zeros ${name} feeds zeros)` : input;
}

/** Takes the sizes of an input's free dimensions from its examples. */
function bindSizes(
  { name, type }: ValueInfo,
  batchAxis: number,
  given: { readonly name: string; readonly array: Tensor; readonly source: string },
  sizes: Map<string, { size: number; array: string }>,
): void {
  const wanted: Dim[] = type.shape!.toSpliced(batchAxis, 1);
  const got = given.array.dims.slice(1);
  const misfit = (why: string) =>
    new UsageError(
      `${given.source}: array '${given.name}' is [${given.array.dims.join(', ')}], examples first, but input '${name}' ` +
        `takes ${formatShape(wanted)} for each example${why}`,
    );
  if (got.length !== wanted.length) throw misfit('');
  if (sizeOf(got) === 0) throw misfit('; an empty array tells nothing');
  wanted.forEach((dim, i) => {
    const size = got[i]!;
    if (typeof dim === 'number') {
      if (dim !== size) throw misfit('');
      return;
    }
    const known = sizes.get(dim);
    if (known === undefined) sizes.set(dim, { size, array: given.name });
    else if (known.size !== size) throw misfit(`, and '${dim}' is ${known.size} in array '${known.array}'`);
  });
}
