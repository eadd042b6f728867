import { UsageError } from '../../base/errors.ts';
import { withType } from '../../graph/convert.ts';
import { sizeOf } from '../../graph/dims.ts';
import type { Examples, NamedArrays } from '../arrays/examples.ts';
import { besideArray } from '../arrays/targets.ts';
import type { DistillationFields } from './definition.ts';
import type { Taught } from './taught.ts';

/**
 * Which places of an output count [N · places], 1 or 0: not the steps beyond an example's length, where the first axis of
 * its places is that of the steps. Lengths are those of the array that is named, else those that the reader of the file
 * padded an input to. Throws UsageError for lengths that do not fit.
 */
export function placesThatCount(
  data: NamedArrays,
  examples: Examples,
  { name, places }: Taught,
  { lengths }: Pick<DistillationFields, 'lengths'>,
): Uint8Array {
  const each = sizeOf(places);
  const counts = new Uint8Array(examples.count * each).fill(1);
  const [steps] = places;
  if (steps === undefined) return counts;
  const said = lengths === undefined ? undefined : besideArray(data, examples, lengths, '--lengths');
  const padded = examples.inputs.find((v) => v.padded !== undefined && v.array.dims[1] === steps);
  const array = said?.array ?? padded?.padded;
  if (array === undefined) return counts;
  const what = said?.what ?? `lengths of array '${padded!.from}'`;
  if (sizeOf(array.dims) !== examples.count) {
    throw new UsageError(`${what} is [${array.dims.join(', ')}]; lengths are one number for each example`);
  }
  const inner = each / steps;
  (withType(array, 'int64', what).data as BigInt64Array).forEach((value, n) => {
    const length = Number(value);
    if (length < 0 || length > steps) {
      throw new UsageError(`${what} has the length ${length} for example ${n}; output '${name}' has ${steps} steps`);
    }
    counts.fill(0, n * each + length * inner, (n + 1) * each);
  });
  return counts;
}
