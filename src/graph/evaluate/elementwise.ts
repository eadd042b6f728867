import { intAttribute } from '../attributes.ts';
import { elementTypeOf, isFloat } from '../elementTypes.ts';
import { exactNumbers, type Numbers, tensorOfNumbers } from '../numbers.ts';
import { emptyData, KINDS } from '../tensors.ts';
import type { ElementType, Tensor } from '../types.ts';
import { broadcastTo, type EvaluateContext, type EvaluateRule } from './movement.ts';

/** A function of single elements; undefined where its result is not defined. */
type ElementFunction = (...operands: number[]) => number | boolean | undefined;

/** The operands' elements in the shape of the output. */
function operands({ inputs, dims }: EvaluateContext): Numbers[] | undefined {
  const all = inputs.map((x) => exactNumbers(broadcastTo(x!, dims[0]!)));
  return all.every((values) => values !== undefined) ? all : undefined;
}

/** Applies a function element by element; the result has the type of the operands, or the given one. */
function each(c: EvaluateContext, f: ElementFunction, to: ElementType = c.inputs[0]!.elementType) {
  const values = operands(c);
  if (values === undefined) return undefined;
  const [a, b, ...more] = values as [Numbers, ...Numbers[]];
  const results = new Float64Array(a.length);
  for (let i = 0; i < results.length; i++) {
    const result = b === undefined ? f(a[i]!) : f(a[i]!, b[i]!, ...more.map((v) => v[i]!));
    if (result === undefined) return undefined;
    results[i] = Number(result);
  }
  const tensor = tensorOfNumbers(to, c.dims[0]!, results);
  return tensor && [tensor];
}

const arithmetic =
  (f: ElementFunction, to?: ElementType): EvaluateRule =>
  (c) =>
    each(c, f, to);

const test = (f: ElementFunction) => arithmetic(f, 'bool');

/** Zeros of both signs and NaN make these differ from engine to engine, so that they are known for integers alone. */
const ofIntegers =
  (rule: EvaluateRule): EvaluateRule =>
  (c) =>
    isFloat(c.inputs[0]!.elementType) ? undefined : rule(c);

/** A number without its fraction; undefined where the type does not have it, of 64 bits as far as numbers hold them. */
function wholeOf(value: number, elementType: ElementType): number | undefined {
  const whole = Math.trunc(value);
  if (elementType === 'string' || !Number.isSafeInteger(whole)) return undefined;
  const count = 2 ** (8 * KINDS[elementType].BYTES_PER_ELEMENT);
  const least = elementType.startsWith('u') ? 0 : -count / 2;
  return whole >= least && whole < least + count ? whole : undefined;
}

/** The rest has the sign of the divisor, with `fmod` that of the dividend. */
const mod: EvaluateRule = (c) => {
  const ofDividend = intAttribute(c.node, 'fmod', 0) === 1;
  return each(c, (a, b) => (b === 0 ? undefined : ofDividend ? a % b : a - b * Math.floor(a / b)));
};

/** Elements of either value, whatever their type. */
const where: EvaluateRule = ({ inputs, dims: [dims] }) => {
  const [condition, a, b] = inputs.map((x) => broadcastTo(x!, dims!).data);
  const { elementType } = inputs[1]!;
  const data = emptyData(elementType, condition!.length);
  for (let i = 0; i < data.length; i++) data[i] = (condition![i] ? a : b)![i]!;
  return [{ elementType, dims: dims!, data }];
};

/** Reals lose their fraction; what becomes of one that does not fit depends on who computes it. */
const castTo = (c: EvaluateContext, to: ElementType): readonly Tensor[] | undefined => {
  const { elementType, dims, data } = c.inputs[0]!;
  if (to === elementType) return [{ elementType, dims, data }];
  const one = { ...c, inputs: [c.inputs[0]] };
  if (!isFloat(elementType) || isFloat(to) || to === 'bool') return each(one, (x) => x, to);
  return each(one, (x) => wholeOf(x, to), to);
};

/** Operators that combine elements at the same place, under numpy's broadcasting. */
export const elementwiseValues = {
  Add: arithmetic((a, b) => a + b),
  Sub: arithmetic((a, b) => a - b),
  Mul: arithmetic((a, b) => a * b),
  /** Integers are divided towards zero; the smallest one divided by −1 does not fit. */
  Div: (c) => {
    const { elementType } = c.inputs[0]!;
    return isFloat(elementType) ? each(c, (a, b) => a / b) : each(c, (a, b) => wholeOf(a / b, elementType));
  },
  Neg: arithmetic((a) => -a),
  Abs: arithmetic((a) => Math.abs(a)),
  Floor: arithmetic((a) => Math.floor(a)),
  Ceil: arithmetic((a) => Math.ceil(a)),
  /** Correctly rounded everywhere, as IEEE 754 has it. */
  Sqrt: arithmetic((a) => Math.sqrt(a)),
  Mod: ofIntegers(mod),
  Max: ofIntegers(arithmetic((...values) => Math.max(...values))),
  Min: ofIntegers(arithmetic((...values) => Math.min(...values))),
  Equal: test((a, b) => a === b),
  Less: test((a, b) => a < b),
  LessOrEqual: test((a, b) => a <= b),
  Greater: test((a, b) => a > b),
  GreaterOrEqual: test((a, b) => a >= b),
  And: test((a, b) => a !== 0 && b !== 0),
  Or: test((a, b) => a !== 0 || b !== 0),
  Xor: test((a, b) => (a !== 0) !== (b !== 0)),
  Not: test((a) => a === 0),
  Where: where,
  Cast: (c) => {
    const to = elementTypeOf(intAttribute(c.node, 'to', 0));
    return to && castTo(c, to);
  },
  CastLike: (c) => (c.inputs[1] ? castTo(c, c.inputs[1].elementType) : undefined),
} as const satisfies Record<string, EvaluateRule>;
