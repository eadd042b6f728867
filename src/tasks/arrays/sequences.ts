import { UsageError } from '../../base/errors.ts';
import { lengthsBeforePadding } from '../../data/arrays/padding.ts';
import { withType } from '../../graph/convert.ts';
import { formatShape, isStatic } from '../../graph/dims.ts';
import type { Dim, Model, Tensor, ValueInfo } from '../../graph/types.ts';
import { type BatchAxis, batchAxes } from '../../slim/batchAxes.ts';
import type { Wiring } from './definition.ts';
import {
  arrayNamed,
  asFed,
  bindSizes,
  countOf,
  type Examples,
  fits,
  type InputExamples,
  missing,
  type NamedArrays,
  type StepInput,
  saidAxis,
  streamingStates,
  unclearAxis,
} from './examples.ts';

/*
 * Models of one step. Their examples are sequences: arrays [N, T, …] for inputs that take […] at each step. An array
 * without the axis of the steps holds what is the same at all of them, and for a state what it begins with.
 */

/** An input with its array, and how they meet. */
interface Placed {
  readonly info: ValueInfo;
  readonly from: string;
  readonly array: Tensor;
  readonly axis: BatchAxis;
  /** T; undefined where the array has no axis for steps. */
  readonly steps: number | undefined;
  /** Sizes at a step without the axis of the examples. */
  readonly own: readonly number[];
}

/**
 * The examples of a model of one step, where they are sequences; undefined where no array has an axis for steps that its
 * input lacks, or the model has no states. Throws UsageError where arrays do not fit.
 */
export function sequenceExamples(model: Model, data: NamedArrays, fields: Wiring): Examples | undefined {
  const { input: named = {}, zeros = [], batchAxis: said = {} } = fields;
  const states = streamingStates(model, fields);
  if (states.length === 0) return undefined;
  const { inputs } = model.graph;
  const stateNames = new Set(states.map((s) => s.input));
  const shown = batchAxes(model.graph);
  const arrayOf = ({ name }: ValueInfo) => named[name] ?? name;
  const isFed = (info: ValueInfo) =>
    !zeros.includes(info.name) && (!stateNames.has(info.name) || data.arrays.has(arrayOf(info)));
  if (!inputs.some((info) => isFed(info) && data.arrays.has(arrayOf(info)))) return undefined;
  const placed = inputs.filter(isFed).flatMap((info): Placed[] => {
    const from = arrayOf(info);
    if (!data.arrays.has(from)) return [];
    const axis = saidAxis(info, said) ?? shown.get(info.name)!;
    const array = data.arrays.get(from)!;
    return [
      { info, from, array, axis, ...placeSteps(info, axis, { ...data, array, from }, stateNames.has(info.name)) },
    ];
  });
  const steps = stepCount(placed, data.source);
  if (steps === undefined) return undefined;
  for (const info of inputs.filter(isFed)) arrayNamed(data, arrayOf(info), missing(info, arrayOf(info)));
  const rest = inputs.filter((info) => !isFed(info));
  const batch = batchOf(
    placed,
    inputs.filter((v) => stateNames.has(v.name)),
  );
  const sizes = new Map<string, { readonly size: number; readonly array: string }>();
  const fed = placed.map((p) => inputExamples(p, batch, data.source, sizes));
  const axisOf = (info: ValueInfo): number | undefined => {
    const axis = saidAxis(info, said) ?? shown.get(info.name);
    return typeof axis === 'number' && batch !== 'alone' ? axis : undefined;
  };
  const stepInputs = placed.map((p): [string, StepInput] => {
    if (batch !== 'alone') return [p.info.name, { batchAxis: axisOf(p.info), own: p.own }];
    return [p.info.name, { batchAxis: undefined, own: withBatchOfOne(p) }];
  });
  return {
    source: data.source,
    count: countOf(fed, data.source),
    inputs: fed,
    zeros: rest.map((info) => ({ name: info.name, batchAxis: axisOf(info) })),
    sizes: {
      ...Object.fromEntries([...sizes].map(([name, { size }]) => [name, size])),
      ...(batch === 'alone' ? onesFor(placed) : {}),
    },
    fixedBatch: typeof batch === 'number' ? batch : undefined,
    sequences: {
      steps,
      states,
      scanned: new Set(placed.filter((p) => p.steps !== undefined).map((p) => p.info.name)),
      isAlone: batch === 'alone',
      inputs: new Map(stepInputs),
    },
  };
}

/** Whether an array has an axis for steps behind that of the examples, and the sizes of a step. */
function placeSteps(
  info: ValueInfo,
  axis: BatchAxis,
  { source, array, from }: { readonly source: string; readonly array: Tensor; readonly from: string },
  isState: boolean,
): Pick<Placed, 'steps' | 'own'> {
  const [, ...dims] = array.dims;
  const wanted = stepShapes(info, axis);
  const plain = { steps: undefined, own: dims };
  if (isState || wanted.some((shape) => fits(shape, dims))) return plain;
  const [steps, ...rest] = dims;
  if (steps === undefined) return plain;
  if (wanted.some((shape) => fits(shape, rest))) return { steps, own: rest };
  // Axes of size 1 may be left out: frames [N, T, F] for an input [1, 1, F].
  const same = wanted.find((shape) => isStatic(shape) && withoutOnes(shape) === withoutOnes(rest));
  if (isStatic(same)) return { steps, own: same };
  // And a batch of one example may be spelled out: [N, T, 1, F] for an input [batch, F].
  const inner = rest.filter((size) => size !== 1);
  if (wanted.some((shape) => !isStatic(shape) && fits(shape, inner))) return { steps, own: inner };
  const [shape] = wanted;
  // Examples along another axis would be single steps, and that is what is said of them.
  const isTurned = (info.type.shape ?? []).some((_, i) => fits(info.type.shape!.toSpliced(i, 1), dims));
  if (shape === undefined || isTurned) return plain;
  const each = shape.join(', ');
  throw new UsageError(
    `${source}: array '${from}' is [${array.dims.join(', ')}], but input '${info.name}' takes ${formatShape(shape)} at each ` +
      `step: give [N, ${each}] for examples of one step, or [N, T, ${each}] for sequences of T steps`,
  );
}

/** What an input may take of one example at a step: its shape without the axis of the examples. */
function stepShapes({ type: { shape = [] } }: ValueInfo, axis: BatchAxis): (readonly Dim[])[] {
  if (axis === 'none') return [shape];
  if (typeof axis === 'number') return [shape.toSpliced(axis, 1)];
  return shape.flatMap((dim, i) => (dim === 1 ? [shape.toSpliced(i, 1)] : []));
}

function withoutOnes(dims: readonly Dim[]): string {
  return dims.filter((d) => d !== 1).join();
}

/** T, which all arrays with steps must agree on. */
function stepCount(placed: readonly Placed[], source: string): number | undefined {
  const [first, ...others] = placed.filter((p) => p.steps !== undefined);
  const other = others.find((p) => p.steps !== first?.steps);
  if (first === undefined || other === undefined) return first?.steps;
  throw new UsageError(
    `${source}: array '${first.from}' has ${first.steps} steps, '${other.from}' has ${other.steps}; ` +
      'the second axis of an array of sequences is the steps',
  );
}

/**
 * How many examples the model takes at once: any number, where all inputs leave it free; a number that they spell out;
 * else one alone.
 */
function batchOf(placed: readonly Placed[], states: readonly ValueInfo[]): 'free' | 'alone' | number {
  const sizes = placed.map(({ info, axis }) => {
    const { shape = [] } = info.type;
    if (typeof axis === 'object' && !isStatic(shape)) throw unclearAxis(info, axis.unclear);
    return typeof axis === 'number' ? shape[axis]! : 1;
  });
  const [size] = sizes;
  if (sizes.every((s) => typeof s === 'number' && s > 1 && s === size)) return Number(size);
  const isFree = sizes.every((s) => typeof s === 'string') && !states.some((v) => isStatic(v.type.shape));
  return isFree ? 'free' : 'alone';
}

/** Free batches of a model that takes one example at a time have size 1. */
function onesFor(placed: readonly Placed[]): Record<string, number> {
  const dims = placed.map(({ info, axis }) => (typeof axis === 'number' ? info.type.shape?.[axis] : undefined));
  return Object.fromEntries(dims.filter((dim) => typeof dim === 'string').map((dim) => [dim, 1]));
}

function withBatchOfOne({ info, axis, own }: Placed): readonly number[] {
  const { shape } = info.type;
  if (isStatic(shape)) return shape;
  return typeof axis === 'number' ? own.toSpliced(axis, 0, 1) : own;
}

function inputExamples(
  p: Placed,
  batch: 'free' | 'alone' | number,
  source: string,
  sizes: Map<string, { readonly size: number; readonly array: string }>,
): InputExamples {
  const { info, from, array, own, steps } = p;
  const axis = typeof p.axis === 'number' ? p.axis : undefined;
  const count = array.dims[0]!;
  if (typeof p.axis !== 'object') {
    bindSizes(info, axis, { name: from, array: { ...array, dims: [count, ...own] }, source }, sizes);
  }
  const each = batch === 'alone' ? withBatchOfOne(p) : own;
  const fed = withType(array, asFed(info), `array '${from}' of ${source}`);
  const lead = steps === undefined ? 0 : 1;
  return {
    name: info.name,
    array: { ...fed, dims: [count, ...(steps === undefined ? [] : [steps]), ...each] },
    batchAxis: batch === 'alone' ? lead : axis === undefined ? undefined : axis + lead,
    from,
    padded: lengthsBeforePadding(array),
  };
}
