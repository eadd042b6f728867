import { SlimError } from '../base/errors.ts';
import { float, floats, isIntegers } from './attributes.ts';
import type { AttributeValues, GraphBuilder, Value } from './builder.ts';
import { isStatic } from './dims.ts';
import { elementTypeNumbers } from './elementTypes.ts';
import type { Op } from './operators.ts';
import type { ElementType, Graph } from './types.ts';

/*
 * ONNX operators as functions on values, so that a model reads like its equations:
 * `mul(o, tanh(add(mul(f, c), mul(i, u))))`. A plain number stands for a float32 scalar.
 */

/** A value, or a number that becomes a float32 scalar. */
export type Operand = Value | number;

/** Appends one operator with one output. */
export function apply(op: string, inputs: readonly (Operand | undefined)[], attributes: AttributeValues = {}): Value {
  const b = builderOf(inputs);
  const values = inputs.map((x) => (typeof x === 'number' ? b.float(x) : x));
  return b.node(op, values, attributes)[0]!;
}

/** The innermost builder among the operands: an operator inside a loop's body may use values from outside. */
function builderOf(inputs: readonly (Operand | undefined)[]): GraphBuilder {
  let found: GraphBuilder | undefined;
  for (const x of inputs) {
    if (typeof x === 'object' && (found === undefined || x.builder.isInside(found))) found = x.builder;
  }
  if (found === undefined) throw new SlimError('an operator needs at least one value among its operands');
  return found;
}

const unary = (op: Op) => (x: Value) => apply(op, [x]);
const binary = (op: Op) => (a: Operand, b: Operand) => apply(op, [a, b]);

export const add = binary('Add');
export const sub = binary('Sub');
export const mul = binary('Mul');
export const div = binary('Div');
export const pow = binary('Pow');
export const max = binary('Max');
export const min = binary('Min');
export const equal = binary('Equal');
export const greater = binary('Greater');
export const less = binary('Less');
export const neg = unary('Neg');
export const exp = unary('Exp');
export const log = unary('Log');
export const sqrt = unary('Sqrt');
export const abs = unary('Abs');
export const sin = unary('Sin');
export const cos = unary('Cos');
export const sign = unary('Sign');
export const relu = unary('Relu');
export const sigmoid = unary('Sigmoid');
export const tanh = unary('Tanh');
export const identity = unary('Identity');
export const not = unary('Not');
/** Shape of a value at run time, an int64 vector. */
export const shapeOf = unary('Shape');

/** Elementwise `condition ? a : b`. */
export function where(condition: Value, a: Operand, b: Operand): Value {
  return apply('Where', [condition, a, b]);
}

export function cast(x: Value, to: ElementType): Value {
  return apply('Cast', [x], { to: elementTypeNumbers[to] });
}

/** numpy matmul: [..., M, K] · [..., K, N] → [..., M, N]. */
export const matmul: (a: Value, b: Value) => Value = binary('MatMul');

/** alpha · op(A) · op(B) + C on matrices. */
export function gemm(
  a: Value,
  b: Value,
  c?: Value,
  options: { transA?: boolean; transB?: boolean; alpha?: number } = {},
): Value {
  return apply('Gemm', [a, b, c], {
    transA: options.transA ? 1 : undefined,
    transB: options.transB ? 1 : undefined,
    alpha: options.alpha === undefined ? undefined : float(options.alpha),
  });
}

export function transpose(x: Value, perm: readonly number[]): Value {
  return apply('Transpose', [x], { perm });
}

/** Reshape to a shape known now (0 copies an axis, -1 is what is left) or computed at run time. */
export function reshape(x: Value, shape: readonly number[] | Value): Value {
  return apply('Reshape', [x, isIntegers(shape) ? x.builder.ints(shape) : shape]);
}

export function squeeze(x: Value, axes: readonly number[]): Value {
  return withList('Squeeze', x, { axes })[0]!;
}

export function unsqueeze(x: Value, axes: readonly number[]): Value {
  return withList('Unsqueeze', x, { axes })[0]!;
}

/** Operators that take a list as their second input since operator set 13, and before as an attribute. */
function withList(
  op: string,
  x: Value,
  list: Record<string, readonly number[]>,
  attributes: AttributeValues = {},
  outputs = 1,
): Value[] {
  const { builder: b } = x;
  if (b.opset < 13) return b.node(op, [x], { ...attributes, ...list }, outputs);
  return b.node(op, [x, ...Object.values(list).map((values) => b.ints(values))], attributes, outputs);
}

/** `[d0·…·d(axis-1), d(axis)·…]`: a matrix from any tensor, whatever its sizes. */
export function flatten(x: Value, axis: number): Value {
  return apply('Flatten', [x], { axis });
}

export function expand(x: Value, shape: readonly number[] | Value): Value {
  return apply('Expand', [x, isIntegers(shape) ? x.builder.ints(shape) : shape]);
}

export function concat(xs: readonly Value[], axis: number): Value {
  return xs.length === 1 ? xs[0]! : apply('Concat', xs, { axis });
}

/** Equal parts by number, or parts of given sizes. */
export function split(x: Value, parts: number | readonly number[], axis: number): Value[] {
  if (typeof parts !== 'number') return withList('Split', x, { split: parts }, { axis }, parts.length);
  return parts === 1 ? [x] : x.builder.node('Split', [x], { axis }, parts);
}

/** `x[start:end:step]` along each listed axis. */
export function slice(
  x: Value,
  starts: readonly number[],
  ends: readonly number[],
  axes: readonly number[],
  steps: readonly number[] = axes.map(() => 1),
): Value {
  const b = x.builder;
  return apply('Slice', [x, b.ints(starts), b.ints(ends), b.ints(axes), b.ints(steps)]);
}

/** Entries of `x` along `axis`: an embedding lookup when axis is 0. */
export function gather(x: Value, indices: Value, axis = 0): Value {
  return apply('Gather', [x, indices], { axis });
}

export function gatherElements(x: Value, indices: Value, axis: number): Value {
  return apply('GatherElements', [x, indices], { axis });
}

/** `x` with `updates` added at `indices` along `axis`. */
export function scatterAdd(x: Value, indices: Value, updates: Value, axis: number): Value {
  return apply('ScatterElements', [x, indices, updates], { axis, reduction: 'add' });
}

/** Sum over axes (all when left out). */
export function reduceSum(x: Value, axes?: readonly number[], keep = false): Value {
  const keepdims = keep ? 1 : 0;
  return axes === undefined
    ? apply('ReduceSum', [x], { keepdims })
    : withList('ReduceSum', x, { axes }, { keepdims })[0]!;
}

/** Reductions whose axes (all when left out) are an attribute until operator set 18. */
const reduction =
  (op: Op) =>
  (x: Value, axes?: readonly number[], keep = false): Value =>
    apply(op, [x], { axes, keepdims: keep ? 1 : 0 });
export const reduceMean = reduction('ReduceMean');
export const reduceMax = reduction('ReduceMax');

/** Which steps of x [T, B, …] lie within the lengths of the sequences, int32 [B]: bool [T, B]. */
export function withinLengths(x: Value, lengths: Value): Value {
  const b = x.builder;
  const index = (value: number) => squeeze(b.ints([value]), [0]);
  const steps = apply('Range', [index(0), gather(shapeOf(x), index(0)), index(1)]);
  return less(unsqueeze(steps, [1]), cast(lengths, 'int64'));
}

export function softmax(x: Value, axis = -1): Value {
  return apply('Softmax', [x], { axis });
}

export function logSoftmax(x: Value, axis = -1): Value {
  return apply('LogSoftmax', [x], { axis });
}

/** Dropout at training time; removed from the saved model. `ratio` is the part that is dropped. */
export function dropout(x: Value, ratio: number): Value {
  return ratio === 0 ? x : apply('Dropout', [x, ratio]);
}

/** Total cross entropy in nats over all rows: logits [N, C], labels [N] → scalar. */
export function crossEntropy(logits: Value, labels: Value): Value {
  return apply('SoftmaxCrossEntropyLoss', [logits, labels], { reduction: 'sum' });
}

/** A tensor of one value in the shape of `x`, whatever its free dimensions. */
export function fullLike(x: Value, value: number): Value {
  const shape = x.type.shape;
  const size = isStatic(shape) ? x.builder.ints(shape) : shapeOf(x);
  return apply('ConstantOfShape', [size], { value: { type: 'tensor', value: floats([1], [value]) } });
}

interface ScanOptions {
  readonly reverseInputs?: readonly boolean[];
  readonly reverseOutputs?: readonly boolean[];
  /** Names of the outputs. */
  readonly outputs?: readonly string[];
  /** Name of the node. */
  readonly label?: string;
}

/** A loop over the first axis of `inputs`: N states in, N final states and the stacked outputs out. */
export function scan(
  states: readonly Value[],
  inputs: readonly Value[],
  body: Graph,
  options: ScanOptions = {},
): Value[] {
  const b = builderOf([...states, ...inputs]);
  const directions = (flags: readonly boolean[] | undefined) =>
    flags?.some(Boolean) ? flags.map((f) => (f ? 1 : 0)) : undefined;
  return b.node(
    'Scan',
    [...states, ...inputs],
    {
      body: { type: 'graph', value: body },
      num_scan_inputs: inputs.length,
      scan_input_directions: directions(options.reverseInputs),
      scan_output_directions: directions(options.reverseOutputs),
    },
    options.outputs ?? body.outputs.length,
    '',
    options.label,
  );
}

/** What one of two graphs without inputs gives, by a condition that is one truth value. */
export function choose(condition: Value, taken: Graph, otherwise: Graph, label?: string): Value[] {
  const bodies = {
    then_branch: { type: 'graph', value: taken },
    else_branch: { type: 'graph', value: otherwise },
  } as const;
  return condition.builder.node('If', [condition], bodies, taken.outputs.length, '', label);
}
