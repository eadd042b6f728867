import { sizeOf } from '../graph/dims.ts';
import { numbersOf, tensorOfNumbers } from '../graph/numbers.ts';
import { useCounts } from '../graph/rewrite.ts';
import { SparseTensor } from '../graph/sparseTensor.ts';
import { mapStored, storedHere } from '../graph/stored.ts';
import { stridesOf } from '../graph/tensors.ts';
import type { Tensor } from '../graph/types.ts';
import type { TracedModel } from '../groups/traceModel.ts';
import { constantPerUse } from '../passes/constantPerUse.ts';
import { type Activity, activityKey, type Moments } from './activity.ts';
import { type OwnBias, ownBiases } from './ownBiases.ts';
import { type UnitReader, unitReaders } from './readers.ts';
import { ridgeRegression } from './ridge.ts';
import { type Removal, removes } from './slice.ts';

/** The ways to make up for removed units. */
export const compensationKinds = ['mean', 'least-squares'] as const;

/**
 * What a product W x + b that reads removed units x_S and kept ones x_K becomes. `mean`: b + W_S E[x_S].
 * `least-squares`, with the ridge regression x_S ≈ A x_K + c: W_K + W_S A, and b + W_S c.
 */
export type CompensationKind = (typeof compensationKinds)[number];

/** A model that makes up for a removal which is still to come. */
export interface CompensatedModel extends TracedModel {
  /** Products that read removed units and make up for them. */
  readonly compensated: number;
  /** Weights that read removed units and stay as they are: inside loops and branches, or with a bias that is no vector. */
  readonly left: number;
}

/**
 * λ of the regression, as a share of the mean variance of the units that stay. Of 0.0001 to 1 this measured best or
 * near it on voice models with a few hundred steps of inputs, where less loses more than no compensation.
 */
const RIDGE = 0.1;

/**
 * Changes the weights of a traced model so that the removal of components that follows (`shrinkModel`) loses less; a bias
 * is made where a product has none. `activity` says what is read (`measureActivity`). The model is for that removal
 * alone. Of a GRU without `linear_before_reset` the recurrent weights of the gates make up for removed units, those of
 * the candidate do not: they read r ∘ h, which is no output. A weight that several products use gets no least squares. `ridge` is λ of the
 * regression, as a share of the mean variance of the units that stay.
 */
export function compensate(
  { prepared, groups }: TracedModel,
  remove: Removal,
  activity: Activity,
  kind: CompensationKind,
  ridge = RIDGE,
): CompensatedModel {
  const goes = removes(remove);
  const reading = ({ components }: { readonly components: Int32Array }) => components.some(goes);
  const own = constantPerUse(prepared.graph);
  const found = unitReaders(own, groups);
  const readers = found.readers.filter((reader) => reading(reader) && activity.has(activityKey(reader)));
  const { biases, ...made } = ownBiases(own, groups, readers);
  const stored = storedHere(made.graph);
  const uses = useCounts(made.graph);
  const values = new Map<string, Float64Array>();
  /** New values of a stored tensor. */
  const valuesOf = (name: string) => {
    const known = values.get(name) ?? Float64Array.from(numbersOf(stored.get(name)!)!);
    values.set(name, known);
    return known;
  };
  for (const [reader, bias] of biases) {
    const weight = stored.get(reader.weight)!;
    const whole = bias.size === weight.dims[reader.makes];
    const alone = uses.get(reader.weight) === 1 && !(weight instanceof SparseTensor);
    const isSquares = kind === 'least-squares' && whole && alone;
    const estimate = estimateOf(
      activity.get(activityKey(reader))!,
      reader.components,
      goes,
      isSquares ? ridge : undefined,
    );
    const lines = linesOf(weight, reader);
    const before = isSquares ? valuesOf(reader.weight) : numbersOf(weight)!;
    addShift(valuesOf(bias.tensor), bias, lines, before, estimate);
    if (isSquares) addEstimates(valuesOf(reader.weight), lines, estimate);
  }
  const graph = mapStored(made.graph, (tensor, name) => withValues(tensor, values.get(name)));
  const all = found.readers.filter(reading).length + found.others.filter(reading).length;
  const compensated = biases.size;
  return { prepared: { ...prepared, graph }, groups: made.groups, compensated, left: all - compensated };
}

/** A tensor with other values, where there are any. */
export function withValues(tensor: Tensor, values: Float64Array | undefined): Tensor {
  return (values && tensorOfNumbers(tensor.elementType, tensor.dims, values)) ?? tensor;
}

/** Removed channels by those that stay: x_S ≈ A x_K + c. */
interface Estimate {
  readonly removed: readonly number[];
  readonly kept: readonly number[];
  /** A [S, K]; none where the mean alone is used. */
  readonly coefficients: readonly Float64Array[];
  /** c [S] */
  readonly offsets: readonly number[];
}

function estimateOf(
  moments: Moments,
  components: Int32Array,
  goes: (k: number) => boolean,
  ridge: number | undefined,
): Estimate {
  const all = [...components.keys()];
  const removed = all.filter((i) => goes(components[i]!));
  const kept = all.filter((i) => !goes(components[i]!));
  if (ridge === undefined) return { removed, kept, coefficients: [], offsets: removed.map((i) => moments.mean[i]!) };
  return { removed, kept, ...ridgeRegression(moments, removed, kept, ridge) };
}

/** The lines of a weight along the axis that reads: where each begins, what it makes, and how far its entries are apart. */
interface Lines {
  readonly starts: readonly { readonly at: number; readonly makes: number }[];
  readonly step: number;
}

function linesOf({ dims }: Tensor, { reads, makes }: UnitReader): Lines {
  const strides = stridesOf(dims);
  const step = strides[reads]!;
  const starts = Array.from({ length: sizeOf(dims) / dims[reads]! }, (_, line) => {
    const at = Math.floor(line / step) * step * dims[reads]! + (line % step);
    return { at, makes: Math.floor(at / strides[makes]!) % dims[makes]! };
  });
  return { starts, step };
}

/** b + W_S c; a Conv adds up what all its taps see. */
function addShift(
  bias: Float64Array,
  { at, size, scale }: OwnBias,
  { starts, step }: Lines,
  weight: ArrayLike<number>,
  { removed, offsets }: Estimate,
): void {
  for (const line of starts) {
    if (line.makes >= size) continue;
    let shift = 0;
    for (const [s, index] of removed.entries()) shift += weight[line.at + index * step]! * offsets[s]!;
    bias[at + line.makes]! += scale * shift;
  }
}

/** W_K + W_S A, line by line. */
function addEstimates(weight: Float64Array, { starts, step }: Lines, { removed, kept, coefficients }: Estimate): void {
  for (const { at } of starts) {
    for (const [s, row] of coefficients.entries()) {
      const lost = weight[at + removed[s]! * step]!;
      if (lost === 0) continue;
      for (let k = 0; k < row.length; k++) weight[at + kept[k]! * step]! += lost * row[k]!;
    }
  }
}
