import { int64s, intAttribute, integers, intsAttribute } from '../attributes.ts';
import { addDims, divideDims, isStatic, multiplyDims, sizeOf } from '../dims.ts';
import { elementTypeOf, isFloat } from '../elementTypes.ts';
import { elementwiseValues } from '../evaluate/elementwise.ts';
import { evaluate, shapePart } from '../evaluate/evaluate.ts';
import { movementValues } from '../evaluate/movement.ts';
import { tensorOfNumbers } from '../numbers.ts';
import { type Rules, ruleFor } from '../rules.ts';
import type { Dim, Tensor, TensorType } from '../types.ts';
import type { InferContext } from './context.ts';

/** What is known of a small integer vector (booleans are 0 and 1): its elements, some of which may be free. */
export type Integers = readonly Dim[] | undefined;

/** What a rule sees of a node; `outputs` are the types of its outputs. */
type IntegerContext = InferContext & { readonly outputs: readonly TensorType[] };

/** Longer vectors are data, not shapes, and are not followed. */
export const LONGEST_SHAPE = 64;

/**
 * Follows small integer vectors through a graph (Shape → Gather → Concat → Reshape), so that shapes computed at run
 * time are known before it. Returns the elements of each output, or undefined where they are not known.
 */
export function inferIntegers(c: IntegerContext): readonly Integers[] {
  // Most values of a network are no numbers to follow.
  if (c.outputs.every(({ elementType }) => isFloat(elementType))) return [];
  const found =
    computed(c) ??
    ruleFor(rules, c.node)?.(c) ??
    (ruleFor(movementValues, c.node) ? moved(c) : undefined) ??
    (ruleFor(elementwiseValues, c.node) ? partly(c) : undefined) ??
    [];
  return found.map((values) => (values && values.length > LONGEST_SHAPE ? undefined : values));
}

type IntegerRule = (c: IntegerContext) => readonly Integers[] | undefined;

/** Integers as a tensor of a value's type; the shape counts where it is known. */
function tensorOf(values: readonly number[], type: TensorType | undefined): Tensor | undefined {
  const { elementType = 'int64', shape } = type ?? {};
  const fits = isStatic(shape) && sizeOf(shape) === values.length;
  const dims = fits ? shape : values.length === 1 ? [] : [values.length];
  return elementType === 'int64' ? int64s(dims, values) : tensorOfNumbers(elementType, dims, values);
}

function integersOf(tensor: Tensor): readonly number[] | undefined {
  return tensor.elementType === 'bool' ? Array.from(tensor.data, Number) : integers(tensor);
}

/** The inputs as tensors; undefined unless all that are given are known numbers. */
function knownInputs(c: IntegerContext, instead: (input: number) => Tensor | undefined = () => undefined) {
  const given = c.inputs.map((type, i): Tensor | undefined | null => {
    if (type === undefined) return undefined;
    const known = c.ints(i);
    return instead(i) ?? (isStatic(known) ? tensorOf(known, type) : undefined) ?? null;
  });
  return given.every((x) => x !== null) ? given : undefined;
}

/** All elements are known. */
const computed: IntegerRule = (c) => {
  const inputs = knownInputs(c);
  const results = inputs && inputs.length > 0 ? evaluate(c.node, inputs, c.outputs) : undefined;
  const found = results?.map(integersOf);
  return found?.every((values) => values !== undefined) ? found : undefined;
};

/** Elements of the first input, some of them free, that an operator puts elsewhere: their places are moved for them. */
const moved: IntegerRule = (c) => {
  const from = c.ints(0);
  if (from === undefined) return undefined;
  const places = tensorOf([...from.keys()], c.inputs[0] && { ...c.inputs[0], elementType: 'int64' });
  const inputs = knownInputs(c, (input) => (input === 0 ? places : undefined));
  const results = inputs && evaluate(c.node, inputs, c.outputs);
  return results?.map((result) => integers(result)?.map((place) => from[place]!));
};

/** Known operands by their elements, one for each of the result or one for all, and how many the result has. */
function operandsOf({ inputs, ints }: IntegerContext) {
  const operands = inputs.map((_, i) => ints(i));
  if (!operands.every((o) => o !== undefined)) return undefined;
  const length = Math.max(...operands.map((o) => o.length));
  return operands.every((o) => o.length === length || o.length === 1) ? { operands, length } : undefined;
}

/** Elements that are known where those of all operands are. */
const partly: IntegerRule = (c) => {
  const found = operandsOf(c);
  if (found === undefined) return undefined;
  const { operands, length } = found;
  // A free element is any number.
  const numbers = operands.map((o) => o.map((d) => (typeof d === 'number' ? d : 1)));
  const inputs = knownInputs(c, (input) => tensorOf(numbers[input]!, c.inputs[input]));
  const [result] = (inputs && evaluate(c.node, inputs, c.outputs)) ?? [];
  const values = result && integersOf(result);
  const isKnown = (i: number) => operands.every((o) => typeof o[o.length === 1 ? 0 : i] === 'number');
  if (values?.length !== length || !values.some((_, i) => isKnown(i))) return undefined;
  return [values.map((value, i) => (isKnown(i) ? value : c.freshDim()))];
};

/** The elements of an input vector; free ones of its known length when nothing is known of them. */
function elements({ inputs, ints, freshDim }: IntegerContext, input: number): Integers {
  const known = ints(input);
  const type = inputs[input];
  if (known !== undefined || (type?.elementType !== 'int64' && type?.elementType !== 'int32')) return known;
  const length = type.shape?.length === 1 ? type.shape[0] : undefined;
  if (typeof length !== 'number' || length > LONGEST_SHAPE) return undefined;
  return Array.from({ length }, freshDim);
}

const same: IntegerRule = ({ ints }) => [ints(0)];

/** Vectors of one length, or one element for all. */
const elementwise =
  (combine: (...operands: Dim[]) => Dim | undefined): IntegerRule =>
  (c) => {
    const found = operandsOf(c);
    if (found?.operands.length !== combine.length) return [undefined];
    const at = (i: number) => found.operands.map((o) => o[o.length === 1 ? 0 : i]!);
    const values = Array.from({ length: found.length }, (_, i) => combine(...at(i)));
    return [values.some((d) => d !== undefined) ? values.map((d) => d ?? c.freshDim()) : undefined];
  };

/** Whether equal dimensions are equal is known, whatever their size; no dimension is negative. */
const equal = elementwise((a, b) => {
  if (a === b) return 1;
  const isSize = (d: Dim) => typeof d === 'string' && !d.startsWith('?');
  const isNegative = (d: Dim) => typeof d === 'number' && d < 0;
  const known = typeof a === 'number' && typeof b === 'number';
  return known || (isSize(a) && isNegative(b)) || (isSize(b) && isNegative(a)) ? 0 : undefined;
});

const rules: Rules<IntegerRule> = {
  Shape: ({ node, inputs }) => [shapePart(node, inputs[0]?.shape)],
  Size: ({ inputs }) => [inputs[0]?.shape && [multiplyDims(inputs[0].shape)]],
  Identity: same,
  Squeeze: same,
  Unsqueeze: same,
  /** Between integers, or between truth values. */
  Cast: ({ node, inputs, ints }) => {
    const to = elementTypeOf(intAttribute(node, 'to', 0));
    return [to === 'int64' || to === 'int32' || to === inputs[0]?.elementType ? ints(0) : undefined];
  },
  Reshape: same,
  Concat: (c) => {
    const parts = c.inputs.map((t, i) => (t?.shape?.length === 1 ? elements(c, i) : undefined));
    const known = c.inputs.some((_, i) => c.ints(i) !== undefined);
    return [known && parts.every((p) => p !== undefined) ? parts.flat() : undefined];
  },
  Add: elementwise((a, b) => addDims([a, b])),
  Sub: elementwise((a, b) => (a === b ? 0 : addDims([a, multiplyDims([b, -1])]))),
  Mul: elementwise((a, b) => multiplyDims([a, b])),
  Div: elementwise((a, b) => divideDims(a, b)),
  Equal: equal,
  Neg: elementwise((a) => multiplyDims([a, -1])),
  Where: elementwise((condition, a, b) => (condition === 1 ? a : condition === 0 ? b : a === b ? a : undefined)),
  ReduceProd: ({ node, ints }) => {
    const factors = ints(0);
    if (factors === undefined || intsAttribute(node, 'axes')?.length === 0) return [undefined];
    return [[multiplyDims(factors)]];
  },
};
