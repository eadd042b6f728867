import { intAttribute, integers, intsAttribute } from '../attributes.ts';
import { normalizeAxis, sizeOf } from '../dims.ts';
import { isFloat } from '../elementTypes.ts';
import { exactNumbers, tensorOfNumbers } from '../numbers.ts';
import { stridesOf } from '../tensors.ts';
import type { EvaluateRule } from './movement.ts';

/** Integers over axes, all where none are given; sums of reals depend on the order in which an engine adds them. */
const reduced =
  (combine: (a: number, b: number) => number): EvaluateRule =>
  ({ node, inputs: [x, given], dims: [dims] }) => {
    const values = x && !isFloat(x.elementType) && x.elementType !== 'bool' ? exactNumbers(x) : undefined;
    if (x === undefined || values === undefined || x.data.length === 0) return undefined;
    const listed = given ? integers(given) : intsAttribute(node, 'axes');
    const all = (listed ?? []).length === 0 && intAttribute(node, 'noop_with_empty_axes', 0) === 0;
    const axes = all ? [...x.dims.keys()] : (listed ?? []).map((axis) => normalizeAxis(axis, x.dims.length));
    const strides = stridesOf(x.dims);
    const kept = x.dims.map((size, axis) => (axes.includes(axis) ? 1 : size));
    const places = stridesOf(kept);
    const results = new Float64Array(sizeOf(dims!));
    const met = new Uint8Array(results.length);
    for (let i = 0; i < values.length; i++) {
      let at = 0;
      for (const [axis, size] of kept.entries())
        at += ((Math.floor(i / strides[axis]!) % x.dims[axis]!) % size) * places[axis]!;
      results[at] = met[at] === 1 ? combine(results[at]!, values[i]!) : values[i]!;
      met[at] = 1;
    }
    const tensor = tensorOfNumbers(x.elementType, dims!, results);
    return tensor && [tensor];
  };

/** Reductions of integers: sizes of several axes, the longest of several lengths. */
export const reducedValues = {
  ReduceSum: reduced((a, b) => a + b),
  ReduceProd: reduced((a, b) => a * b),
  ReduceMax: reduced((a, b) => Math.max(a, b)),
  ReduceMin: reduced((a, b) => Math.min(a, b)),
} as const satisfies Record<string, EvaluateRule>;
