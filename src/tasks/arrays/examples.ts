import { UsageError } from '../../base/errors.ts';
import { didYouMean } from '../../base/suggest.ts';
import { lengthsBeforePadding } from '../../data/arrays/padding.ts';
import { requireNumbers } from '../../data/arrays/requireNumbers.ts';
import { withType } from '../../graph/convert.ts';
import { formatShape, sizeOf } from '../../graph/dims.ts';
import { type StatePair, statesOf } from '../../graph/states.ts';
import type { Dim, Graph, Model, Tensor, ValueInfo } from '../../graph/types.ts';
import { detectStates } from '../../passes/detectStates.ts';
import { type BatchAxis, batchAxes } from '../../slim/batchAxes.ts';
import { useOfInput } from '../../verify/inputUses.ts';
import type { Wiring } from './definition.ts';

/** Named arrays, the first axis of each being the examples, and what to call them in messages. */
export interface NamedArrays {
  readonly source: string;
  readonly arrays: ReadonlyMap<string, Tensor>;
}

/** An input that is fed zeros, a state at the start of a sequence; its shape is the model's, which may shrink. */
interface ZeroInput {
  readonly name: string;
  /** Axis of the examples; undefined for an input that takes one example, or what is the same in all. */
  readonly batchAxis: number | undefined;
}

/** The examples of one input, and how they are laid into a batch. */
export interface InputExamples extends ZeroInput {
  /** [N, …] in the element type that the input wants. */
  readonly array: Tensor;
  /** Name of that array in the file. */
  readonly from: string;
  /** Lengths of the examples, where the reader of the file padded them. */
  readonly padded: Tensor | undefined;
}

/** How a model of one step runs over examples that are sequences. */
export interface Sequences {
  /** T */
  readonly steps: number;
  readonly states: readonly StatePair[];
  /** Inputs that differ from step to step. */
  readonly scanned: ReadonlySet<string>;
  /** True for a model that takes one example at a time: a batch of them stands side by side, along a new axis. */
  readonly isAlone: boolean;
  /** What an input takes at a step: its sizes, without the axis of the examples where it has one. */
  readonly inputs: ReadonlyMap<string, StepInput>;
}

/** What one input takes at a step. */
export interface StepInput {
  readonly batchAxis: number | undefined;
  readonly own: readonly number[];
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
  /** Size of the examples' axis where the model spells it out; 1 where it takes one example at a time. */
  readonly fixedBatch: number | undefined;
  /** How the model runs over sequences, where it is one of a step and they are its examples. */
  readonly sequences?: Sequences | undefined;
}

/**
 * The streaming states of a model: those that are said, else those that its metadata names, else those that its graph
 * shows. Throws UsageError for ends that the graph does not have.
 */
export function streamingStates(model: Model, { state }: Pick<Wiring, 'state'> = {}): StatePair[] {
  if (state !== undefined) {
    const pairs = Object.entries(state).map(([input, output]) => ({ input, output }));
    for (const pair of pairs) checkState(model, pair);
    return pairs;
  }
  const named = statesOf(model);
  return named.length > 0 ? named : detectStates(model.graph);
}

function checkState({ graph }: Model, pair: StatePair): void {
  for (const end of ['input', 'output'] as const) {
    const known = graph[`${end}s`].map((v) => v.name);
    if (known.includes(pair[end])) continue;
    throw new UsageError(
      `--state ${pair.input}=${pair.output}: the model has no ${end} '${pair[end]}'${didYouMean(pair[end], known)}; ` +
        `it has ${known.join(', ')}`,
    );
  }
}

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
export function examplesOf(
  model: Model,
  data: NamedArrays,
  wiring: Pick<Wiring, 'input' | 'zeros' | 'batchAxis' | 'state'>,
): Examples {
  const { input: named = {}, zeros = [], batchAxis: axes = {} } = wiring;
  const states = new Set(streamingStates(model, wiring).map((s) => s.input));
  const isZero = ({ name }: ValueInfo) =>
    zeros.includes(name) || (states.has(name) && !data.arrays.has(named[name] ?? name));
  const { inputs } = model.graph;
  for (const name of [...zeros, ...Object.keys(named)]) checkInput(model, name);
  const shown = batchAxes(model.graph);
  const batchAxisOf = (info: ValueInfo) => batchAxis(info, shown.get(info.name)!, axes);
  const sizes = new Map<string, { readonly size: number; readonly array: string }>();
  const fed = inputs
    .filter((v) => !isZero(v))
    .map((info) => {
      const name = named[info.name] ?? lengthsFor(model, info, data, named) ?? info.name;
      const array = arrayNamed(data, name, missing(info, name));
      const axis = batchAxisOf(info);
      bindSizes(info, axis, { name, array, source: data.source }, sizes);
      const what = `array '${name}' of ${data.source}`;
      const fed = withType(array, asFed(info), what);
      requireNumbers(fed, what);
      return { name: info.name, array: fed, batchAxis: axis, from: name, padded: lengthsBeforePadding(array) };
    });
  const count = countOf(fed, data.source);
  const fedZeros = zeroInputs(inputs.filter(isZero), fed, model.graph, batchAxisOf);
  return {
    source: data.source,
    count,
    inputs: fed,
    zeros: fedZeros,
    sizes: Object.fromEntries([...sizes].map(([name, { size }]) => [name, size])),
    fixedBatch: fixedBatchOf(inputs, fed, fedZeros),
  };
}

/** Inputs that are fed zeros; beside data for one example at a time, states may hold other sizes where the batch is. */
function zeroInputs(
  infos: readonly ValueInfo[],
  fed: readonly InputExamples[],
  { inputs }: Graph,
  batchAxisOf: (info: ValueInfo) => number | undefined,
): ZeroInput[] {
  const sizeAt = ({ type }: ValueInfo, axis: number | undefined) => type.shape?.[axis ?? -1];
  const axes = new Map(fed.map((v) => [v.name, v.batchAxis]));
  const isSingle = inputs.some((info) => axes.has(info.name) && sizeAt(info, axes.get(info.name)) === 1);
  return infos.map((info) => {
    const axis = batchAxisOf(info);
    const size = sizeAt(info, axis);
    const isOwn = isSingle && typeof size === 'number' && size !== 1;
    return { name: info.name, batchAxis: isOwn ? undefined : axis };
  });
}

/**
 * The array that the reader made of the lengths of another input's examples, for an input that takes lengths and has no
 * array of its own; undefined where there is none, or more than one.
 */
function lengthsFor({ graph }: Model, { name }: ValueInfo, { arrays }: NamedArrays, named: Wiring['input'] = {}) {
  if (arrays.has(name) || useOfInput(graph, name, {}).kind !== 'length') return undefined;
  const own = graph.inputs.map((v) => named[v.name] ?? v.name);
  const padded = own.filter((from) => arrays.has(from) && lengthsBeforePadding(arrays.get(from)!));
  return padded.length === 1 ? `${padded[0]}_length` : undefined;
}

/** Number of examples; throws UsageError where the arrays do not agree on it. */
export function countOf(fed: readonly { readonly array: Tensor; readonly from: string }[], source: string): number {
  const [first] = fed;
  if (first === undefined) throw new UsageError('the model has no input that takes data');
  const count = first.array.dims[0]!;
  for (const { array, from } of fed) {
    if (array.dims[0] === count) continue;
    throw new UsageError(
      `${source}: array '${from}' has ${array.dims[0]} examples, '${first.from}' has ${count}; ` +
        'the first axis of every array is the examples',
    );
  }
  if (count === 0) throw new UsageError(`${source}: array '${first.from}' has no examples`);
  return count;
}

/** The number of examples that a model runs on at a time, where it is not free. */
function fixedBatchOf(
  inputs: readonly ValueInfo[],
  fed: readonly InputExamples[],
  zeros: readonly ZeroInput[],
): number | undefined {
  const axisIn = new Map([...fed, ...zeros].map((v) => [v.name, v.batchAxis]));
  const batches = inputs.map(({ name, type }) => type.shape![axisIn.get(name) ?? -1]);
  const fixed = new Set(batches.filter((size) => typeof size === 'number'));
  // What differs between examples but has no axis for them is fed for one at a time.
  const isAlone =
    fed.every((v) => v.batchAxis === undefined) || fed.some((v) => v.batchAxis === undefined && varies(v));
  if (isAlone) fixed.add(1);
  if (fixed.size > 1) throw new UsageError(`the inputs fix their batch at different sizes: ${[...fixed].join(', ')}`);
  return [...fixed][0];
}

/** True where not all examples are the same. */
function varies({ array: { dims, data } }: InputExamples): boolean {
  const each = sizeOf(dims.slice(1));
  return data.some((value: number | bigint | string, i: number) => value !== data[i % each]);
}

/** The axis that is said, else the one that the graph shows; throws UsageError where there is none or nothing tells. */
function batchAxis(info: ValueInfo, shown: BatchAxis, given: Readonly<Record<string, number>>): number | undefined {
  const axis = saidAxis(info, given) ?? shown;
  if (typeof axis === 'number') return axis;
  if (axis === 'none') return undefined;
  throw unclearAxis(info, axis.unclear);
}

/** The axis of the examples that is said of an input or output; throws UsageError where it does not exist. */
export function saidAxis({ name, type }: ValueInfo, given: Readonly<Record<string, number>>): number | undefined {
  const said = Object.hasOwn(given, name) ? given[name]! : undefined;
  const rank = type.shape?.length;
  if (said === undefined || rank === undefined || said < rank) return said;
  const axes = rank === 0 ? 'no axes' : `the axes 0 to ${rank - 1}`;
  throw new UsageError(`--batch-axis ${name}=${said}: '${name}' has ${axes}`);
}

/** The error for an input or output whose axis of examples nothing tells. */
export function unclearAxis({ name, type }: ValueInfo, why: string): UsageError {
  return new UsageError(
    `which axis of '${name}' ${formatShape(type.shape)} holds the examples? Say it with --batch-axis ${name}=AXIS (${why})`,
  );
}

/** Half precision is fed as float32, because that is what is trained. */
export function asFed({ name, type }: ValueInfo): Tensor['elementType'] {
  if (type.elementType === 'string') {
    throw new UsageError(`input '${name}' takes text; cut the model behind the step that turns text into numbers`);
  }
  return type.elementType === 'float16' ? 'float32' : type.elementType;
}

function checkInput({ graph }: Model, name: string): void {
  const known = graph.inputs.map((v) => v.name);
  if (known.includes(name)) return;
  throw new UsageError(`the model has no input '${name}'${didYouMean(name, known)}; it has ${known.join(', ')}`);
}

export function missing({ name, type }: ValueInfo, array: string): string {
  const input = `for the model's input '${name}' ${formatShape(type.shape)}`;
  return name === array ? `${input} (--input ${name}=ARRAY takes another, --zeros ${name} feeds zeros)` : input;
}

/** Takes the sizes of an input's free dimensions from its examples. */
export function bindSizes(
  { name, type }: ValueInfo,
  batchAxis: number | undefined,
  given: { readonly name: string; readonly array: Tensor; readonly source: string },
  sizes: Map<string, { size: number; array: string }>,
): void {
  const shape = type.shape!;
  const wanted: Dim[] = batchAxis === undefined ? [...shape] : shape.toSpliced(batchAxis, 1);
  const got = given.array.dims.slice(1);
  // Only with another axis of the examples would it fit.
  const fitting = shape.findIndex((_, axis) => axis !== batchAxis && fits(shape.toSpliced(axis, 1), got));
  const other = fitting < 0 ? '' : `; or its examples lie along another axis (--batch-axis ${name}=${fitting})`;
  const isSequence = got.length === wanted.length + 1 && fits(wanted, got.slice(1));
  const steps = isSequence
    ? '; a model of one step runs over sequences where its states are named (--state in=out)'
    : '';
  const misfit = (why: string) =>
    new UsageError(
      `${given.source}: array '${given.name}' is [${given.array.dims.join(', ')}], examples first, but input '${name}' ` +
        `takes ${formatShape(wanted)} for each example${why}${other}${steps}`,
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

export function fits(wanted: readonly Dim[], got: readonly number[]): boolean {
  return wanted.length === got.length && wanted.every((dim, i) => typeof dim === 'string' || dim === got[i]);
}
