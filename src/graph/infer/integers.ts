import { intAttribute, integers, intsAttribute } from '../attributes.ts';
import { addDims, divideDims, multiplyDims, normalizeAxis } from '../dims.ts';
import { elementTypeOf } from '../elementTypes.ts';
import { type Rules, ruleFor } from '../rules.ts';
import type { Dim, Node, TensorType } from '../types.ts';

/** What is known of a small integer vector (booleans are 0 and 1): its elements, some of which may be free. */
export type Integers = readonly Dim[] | undefined;

/** What a rule sees: the node, types and known integers of its inputs, and names for elements that are not known. */
interface IntegerContext {
  readonly node: Node;
  readonly types: readonly (TensorType | undefined)[];
  readonly ints: (input: number) => Integers;
  readonly fresh: () => string;
}

/** Longer vectors are data, not shapes, and are not followed. */
export const LONGEST_SHAPE = 64;

/**
 * Follows small integer vectors through a graph (Shape → Gather → Concat → Reshape), so that shapes computed at run
 * time are known before it. Returns the elements of each output, or undefined where they are not known.
 */
export function inferIntegers(c: IntegerContext): readonly Integers[] {
  const rule = ruleFor(rules, c.node);
  if (rule === undefined) return [];
  const [first, ...more] = rule(c);
  return [first, ...more].map((values) => (values && values.length > LONGEST_SHAPE ? undefined : values));
}

type IntegerRule = (c: IntegerContext) => readonly Integers[];

/** The dimensions that a Shape node gives out. */
export function shapePart(node: Node, shape: readonly Dim[] | undefined): readonly Dim[] | undefined {
  return shape?.slice(intAttribute(node, 'start', 0), intAttribute(node, 'end', shape.length));
}

/** The elements of an input vector; free ones of its known length when nothing is known of them. */
export function elements({ types, ints, fresh }: IntegerContext, input: number): Integers {
  const known = ints(input);
  const type = types[input];
  if (known !== undefined || (type?.elementType !== 'int64' && type?.elementType !== 'int32')) return known;
  const length = type.shape?.length === 1 ? type.shape[0] : undefined;
  if (typeof length !== 'number' || length > LONGEST_SHAPE) return undefined;
  return Array.from({ length }, fresh);
}

const isVector = (type: TensorType | undefined) => type?.shape?.length === 1;

const same: IntegerRule = ({ ints }) => [ints(0)];

/** Between integers, or between truth values. */
const cast: IntegerRule = ({ node, types, ints }) => {
  const to = elementTypeOf(intAttribute(node, 'to', 0));
  return [to === 'int64' || to === 'int32' || to === types[0]?.elementType ? ints(0) : undefined];
};

const concat: IntegerRule = (c) => {
  const parts = c.types.map((t, i) => (isVector(t) ? elements(c, i) : undefined));
  const known = c.types.some((_, i) => c.ints(i) !== undefined);
  return [known && parts.every((p) => p !== undefined) ? parts.flat() : undefined];
};

const gather: IntegerRule = ({ types, ints }) => {
  const [from, at] = [ints(0), ints(1)];
  if (from === undefined || at === undefined || !isVector(types[0])) return [undefined];
  return [all(at.map((i) => (typeof i === 'number' ? from[normalizeAxis(i, from.length) ?? -1] : undefined)))];
};

const slice: IntegerRule = ({ node, types, ints }) => {
  const from = isVector(types[0]) ? ints(0) : undefined;
  const start = (intsAttribute(node, 'starts') ?? ints(1))?.[0];
  const end = (intsAttribute(node, 'ends') ?? ints(2))?.[0];
  const step = types[4] ? ints(4)?.[0] : 1;
  if (from === undefined || typeof start !== 'number' || typeof end !== 'number' || step !== 1) return [undefined];
  return [from.slice(start, end)];
};

const split: IntegerRule = ({ node, types, ints }) => {
  const from = isVector(types[0]) ? ints(0) : undefined;
  const count = node.outputs.length;
  const sizes = intsAttribute(node, 'split') ?? ints(1);
  if (from === undefined || (sizes === undefined && types[1] !== undefined)) return [];
  const each = Math.ceil(from.length / count);
  let at = 0;
  return node.outputs.map((_, i) => {
    const size = sizes === undefined ? each : sizes[i];
    if (typeof size !== 'number') return undefined;
    at += size;
    return from.slice(at - size, at);
  });
};

/** Vectors of one length, or one element for all. */
const elementwise =
  (combine: (...operands: Dim[]) => Dim | undefined): IntegerRule =>
  ({ node, ints, fresh }) => {
    const operands = node.inputs.map((_, i) => ints(i));
    if (operands.length !== combine.length || !operands.every((o) => o !== undefined)) return [undefined];
    const length = Math.max(...operands.map((o) => o.length));
    if (operands.some((o) => o.length !== length && o.length !== 1)) return [undefined];
    const values = Array.from({ length }, (_, i) => combine(...operands.map((o) => o[o.length === 1 ? 0 : i]!)));
    return [values.some((d) => d !== undefined) ? values.map((d) => d ?? fresh()) : undefined];
  };

const numeric = (combine: (a: number, b: number) => number | boolean) =>
  elementwise((a, b) => (typeof a === 'number' && typeof b === 'number' ? Number(combine(a, b)) : undefined));

/** Whether equal dimensions are equal is known, whatever their size; no dimension is negative. */
const equal = elementwise((a, b) => {
  if (a === b) return 1;
  const isSize = (d: Dim) => typeof d === 'string' && !d.startsWith('?');
  const isNegative = (d: Dim) => typeof d === 'number' && d < 0;
  const known = typeof a === 'number' && typeof b === 'number';
  return known || (isSize(a) && isNegative(b)) || (isSize(b) && isNegative(a)) ? 0 : undefined;
});

const product: IntegerRule = ({ node, ints }) => {
  const factors = ints(0);
  if (factors === undefined || intsAttribute(node, 'axes')?.length === 0) return [undefined];
  return [[multiplyDims(factors)]];
};

const constantOfShape: IntegerRule = ({ node, ints }) => {
  const [length, ...more] = ints(0) ?? [];
  const value = node.attributes.value;
  const [element] = (value?.type === 'tensor' && integers(value.value)) || [];
  if (element === undefined || typeof length !== 'number' || more.length > 0) return [];
  return length >= 0 && length <= LONGEST_SHAPE ? [new Array<Dim>(length).fill(element)] : [];
};

const range: IntegerRule = ({ ints }) => {
  const [start, limit, delta] = [ints(0)?.[0], ints(1)?.[0], ints(2)?.[0]];
  if (typeof start !== 'number' || typeof limit !== 'number' || typeof delta !== 'number' || delta === 0) return [];
  const length = Math.max(0, Math.ceil((limit - start) / delta));
  return length > LONGEST_SHAPE ? [] : [Array.from({ length }, (_, i) => start + i * delta)];
};

const expand: IntegerRule = ({ ints }) => {
  const [values, shape] = [ints(0), ints(1)];
  const [length] = shape ?? [];
  if (values?.length !== 1 || shape?.length !== 1 || typeof length !== 'number' || !(length <= LONGEST_SHAPE))
    return [];
  return [new Array<Dim>(Math.max(1, length)).fill(values[0]!)];
};

function all(values: readonly (Dim | undefined)[]): Integers {
  return values.every((d) => d !== undefined) ? values : undefined;
}

const rules: Rules<IntegerRule> = {
  Shape: ({ node, types }) => [shapePart(node, types[0]?.shape)],
  Size: ({ types }) => [types[0]?.shape && [multiplyDims(types[0].shape)]],
  Identity: same,
  Squeeze: same,
  Unsqueeze: same,
  Cast: cast,
  Reshape: same,
  Concat: concat,
  Gather: gather,
  Slice: slice,
  Split: split,
  Add: elementwise((a, b) => addDims([a, b])),
  Sub: elementwise((a, b) => (a === b ? 0 : addDims([a, multiplyDims([b, -1])]))),
  Mul: elementwise((a, b) => multiplyDims([a, b])),
  // Integers are divided towards zero.
  Div: elementwise((a, b) =>
    typeof a === 'number' && typeof b === 'number' && b !== 0 ? Math.trunc(a / b) : divideDims(a, b),
  ),
  Mod: numeric((a, b) => (b === 0 ? 0 : a - b * Math.floor(a / b))),
  Max: numeric(Math.max),
  Min: numeric(Math.min),
  Equal: equal,
  Less: numeric((a, b) => a < b),
  LessOrEqual: numeric((a, b) => a <= b),
  Greater: numeric((a, b) => a > b),
  GreaterOrEqual: numeric((a, b) => a >= b),
  And: numeric((a, b) => a !== 0 && b !== 0),
  Or: numeric((a, b) => a !== 0 || b !== 0),
  Not: elementwise((a) => (typeof a === 'number' ? Number(a === 0) : undefined)),
  Neg: elementwise((a) => multiplyDims([a, -1])),
  Where: elementwise((condition, a, b) => (condition === 1 ? a : condition === 0 ? b : a === b ? a : undefined)),
  ReduceProd: product,
  ConstantOfShape: constantOfShape,
  Range: range,
  Expand: expand,
};
