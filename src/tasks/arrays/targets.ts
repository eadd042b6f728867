import { UsageError } from '../../base/errors.ts';
import { lengthsBeforePadding } from '../../data/arrays/padding.ts';
import { withType } from '../../graph/convert.ts';
import { sizeOf } from '../../graph/dims.ts';
import { isFloat } from '../../graph/elementTypes.ts';
import type { Model, Tensor } from '../../graph/types.ts';
import type { ArraysFields } from './definition.ts';
import { arrayNamed, type Examples, type NamedArrays } from './examples.ts';
import { losses } from './losses.ts';
import type { Scored } from './scoring.ts';

/** The targets of all examples, place by place. */
export interface Targets {
  /** [N · places], class indices (0 where a place does not count) or real numbers. */
  readonly values: BigInt64Array | Float32Array;
  /** [N · places], 1 for places that count, else 0. */
  readonly counts: Uint8Array;
  /** Places of one example. */
  readonly places: number;
}

/** An array beside those of the inputs, and what messages call it. */
interface BesideArray {
  readonly name: string;
  readonly array: Tensor;
  readonly what: string;
}

/** The array of that name, which must have as many examples as the inputs. */
export function besideArray(
  data: NamedArrays,
  { count, source, inputs }: Examples,
  name: string,
  flag: '--target' | '--lengths' | '--mask',
): BesideArray {
  const array = arrayNamed(data, name, `for ${flag}`);
  if (array.dims[0] === count) return { name, array, what: `array '${name}' of ${source}` };
  throw new UsageError(
    `${source}: array '${name}' is [${array.dims.join(', ')}], but there are ${count} examples of '${inputs[0]!.name}'; ` +
      'the first axis of every array is the examples',
  );
}

/**
 * Checks the targets and finds which places count: not those that the reader of the file padded, not those of the class
 * index `ignore`, not those beyond an example's length, not those that the mask has 0 for. Throws UsageError for targets that the loss cannot take, and where nothing
 * counts.
 */
export function targetsOf(
  model: Model,
  data: NamedArrays,
  examples: Examples,
  scored: Scored,
  config: Pick<ArraysFields, 'loss' | 'targetArray' | 'ignore' | 'lengths' | 'mask'>,
): Targets {
  const beside = (name: string, flag: '--target' | '--lengths' | '--mask') => besideArray(data, examples, name, flag);
  const { array, what } = beside(config.targetArray, '--target');
  const counts = new Uint8Array(sizeOf(array.dims)).fill(1);
  const padded = lengthsBeforePadding(array);
  if (padded !== undefined) applyLengths(model, { name: config.targetArray, array: padded, what }, array.dims, counts);
  if (config.lengths !== undefined) applyLengths(model, beside(config.lengths, '--lengths'), array.dims, counts);
  if (config.mask !== undefined) applyMask(beside(config.mask, '--mask'), array.dims, counts);
  const values = losses[config.loss].classes
    ? classIndices(array, counts, scored.classes!.count, what, config.ignore)
    : realTargets(array, counts, what, config.loss);
  if (!counts.includes(1))
    throw new UsageError(`${data.source}: no target of '${config.targetArray}' counts: all are left out`);
  return { values, counts, places: sizeOf(scored.places) };
}

function classIndices(array: Tensor, counts: Uint8Array, classes: number, what: string, ignore: number): BigInt64Array {
  if (isFloat(array.elementType)) {
    throw new UsageError(
      `${what} is ${array.elementType}; --loss cross-entropy wants whole numbers, the indices of classes`,
    );
  }
  const values = (withType(array, 'int64', what).data as BigInt64Array).slice();
  for (let i = 0; i < values.length; i++) {
    const value = Number(values[i]);
    if (value === ignore) counts[i] = 0;
    if (counts[i] === 0) values[i] = 0n;
    else if (value < 0 || value >= classes) {
      throw new UsageError(
        `${what} has the class ${value} at position ${i}, but the model has the classes 0 to ${classes - 1}` +
          '; --ignore CLASS says which targets do not count',
      );
    }
  }
  return values;
}

function realTargets(array: Tensor, counts: Uint8Array, what: string, loss: ArraysFields['loss']): Float32Array {
  const values = (withType(array, 'float32', what).data as Float32Array).slice();
  values.forEach((value, i) => {
    if (counts[i] === 0) values[i] = 0;
    else if (!Number.isFinite(value) || (loss === 'bce' && (value < 0 || value > 1))) {
      const wanted = loss === 'bce' ? 'probabilities from 0 to 1' : 'finite numbers';
      throw new UsageError(`${what} has the value ${value} at position ${i}; --loss ${loss} wants ${wanted}`);
    }
  });
  return values;
}

/** Places beyond the length of their example do not count; the steps are the first axis after the examples. */
function applyLengths(
  model: Model,
  { name, array, what }: BesideArray,
  dims: readonly number[],
  counts: Uint8Array,
): void {
  if (sizeOf(array.dims) !== array.dims[0]) {
    throw new UsageError(`${what} is [${array.dims.join(', ')}]; lengths are one number for each example`);
  }
  const lengths = withType(array, 'int64', what).data as BigInt64Array;
  if (dims.length < 2) {
    if (model.graph.inputs.some((v) => v.name === name)) return;
    throw new UsageError(
      `--lengths ${name} has no effect: there is one target for each example, and the model has no input '${name}'; ` +
        'if its input for lengths has another name, use --input INPUT=' +
        name,
    );
  }
  const [, time] = dims as readonly [number, number];
  const inner = sizeOf(dims.slice(2));
  lengths.forEach((value, n) => {
    const length = Number(value);
    if (length < 0 || length > time) {
      throw new UsageError(`${what} has the length ${length} for example ${n}; the targets have ${time} steps`);
    }
    counts.fill(0, (n * time + length) * inner, (n + 1) * time * inner);
  });
}

/** Places where the mask is 0 do not count; a mask of fewer axes covers the others whole. */
function applyMask({ array, what }: BesideArray, dims: readonly number[], counts: Uint8Array): void {
  if (array.dims.length > dims.length || array.dims.some((d, i) => d !== dims[i])) {
    throw new UsageError(`${what} is [${array.dims.join(', ')}]; it must begin like the targets, [${dims.join(', ')}]`);
  }
  const inner = sizeOf(dims.slice(array.dims.length));
  const mask = withType(array, 'float32', what).data as Float32Array;
  mask.forEach((value, i) => {
    if (value !== 0 && value !== 1) throw new UsageError(`${what} has the value ${value}; a mask is 0 or 1 everywhere`);
    if (value === 0) counts.fill(0, i * inner, (i + 1) * inner);
  });
}
