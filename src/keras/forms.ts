import type { ElementType } from '../graph/types.ts';
import { refuse } from '../python/expression.ts';
import type { Forms } from '../python/forms.ts';
import { list, quoted, tuple } from '../python/python.ts';
import type { Operands } from '../python/scope.ts';

/** `"float32"`; undefined for an element type that Keras lacks. */
export function dtypeOf(elementType: ElementType): string | undefined {
  return elementType === 'string' ? undefined : quoted(elementType);
}

/** `, keepdims=True` */
const keepdims = (keeps: boolean) => (keeps ? ', keepdims=True' : '');

/** `1` for one axis, `(0, 2)` for several. */
const axesOf = (axes: readonly number[]) => (axes.length === 1 ? String(axes[0]) : tuple(axes));

const REDUCTIONS = { amax: 'max', amin: 'min', logsumexp: 'logsumexp', mean: 'mean', sum: 'sum' } as const;

const pairs = (pads: readonly (readonly [number, number])[]) => list(pads.map((pad) => list(pad)));

/** `ops.take_along_axis` broadcasts where ONNX takes a part: its sizes must agree along the other axes. */
function takeAlong(c: Operands, x: string, index: string, axis: number): string {
  const [data, places] = [0, 1].map((i) => c.type(i)?.shape);
  const from = data && axis < 0 ? axis + data.length : axis;
  const areAlike = data?.length === places?.length && data?.every((dim, i) => i === from || dim === places?.[i]);
  if (!areAlike) refuse(c, 'has indices of other sizes than its data');
  return `ops.take_along_axis(${x}, ${index}, axis=${axis})`;
}

/** The expressions of Keras 3, which run on each of its backends. */
export const kerasForms: Forms = {
  functions: {
    Abs: 'ops.abs',
    Acos: 'ops.arccos',
    Acosh: 'ops.arccosh',
    Asin: 'ops.arcsin',
    Asinh: 'ops.arcsinh',
    Atan: 'ops.arctan',
    Atanh: 'ops.arctanh',
    Ceil: 'ops.ceil',
    Cos: 'ops.cos',
    Cosh: 'ops.cosh',
    Erf: 'ops.erf',
    Exp: 'ops.exp',
    Floor: 'ops.floor',
    HardSwish: 'ops.hard_silu',
    IsNaN: 'ops.isnan',
    Log: 'ops.log',
    Max: 'ops.maximum',
    Min: 'ops.minimum',
    Not: 'ops.logical_not',
    Pow: 'ops.power',
    Reciprocal: 'ops.reciprocal',
    Relu: 'ops.relu',
    Round: 'ops.round',
    Selu: 'ops.selu',
    Sigmoid: 'ops.sigmoid',
    Sign: 'ops.sign',
    Sin: 'ops.sin',
    Sinh: 'ops.sinh',
    Softplus: 'ops.softplus',
    Softsign: 'ops.softsign',
    Sqrt: 'ops.sqrt',
    Tan: 'ops.tan',
    Tanh: 'ops.tanh',
  },
  literalTypes: ['float32', 'bool'],
  dtype: dtypeOf,
  integers: (elements, elementType) => `ops.convert_to_tensor(${elements}, dtype=${dtypeOf(elementType)})`,
  cast: (x, dtype) => `ops.cast(${x}, ${dtype})`,

  celu: (x, alpha) => `ops.celu(${x}, ${alpha})`,
  elu: (x, alpha) => `ops.elu(${x}, ${alpha})`,
  leakyRelu: (x, alpha) => `ops.leaky_relu(${x}, ${alpha})`,
  threshold: (x, alpha) => `ops.where(${x} > ${alpha}, ${x}, 0.0)`,
  clamp: (x, min, max) => {
    if (min !== undefined && max !== undefined) return `ops.clip(${x}, ${min}, ${max})`;
    return min === undefined ? `ops.minimum(${x}, ${max})` : `ops.maximum(${x}, ${min})`;
  },
  absolute: (x) => `ops.abs(${x})`,
  square: (x) => `ops.square(${x})`,
  root: (x) => `ops.sqrt(${x})`,
  logarithm: (x) => `ops.log(${x})`,
  where: (condition, a, b) => `ops.where(${condition}, ${a}, ${b})`,
  truncatedQuotient: (c, a, b) => `${c.helper('truncated_quotient')}(${a}, ${b})`,

  softmax: (x, axis) => `ops.softmax(${x}, axis=${axis})`,
  logSoftmax: (x, axis) => `ops.log_softmax(${x}, axis=${axis})`,
  reduce: (name, x, axes, keeps) => `ops.${REDUCTIONS[name]}(${x}, axis=${axesOf(axes)}${keepdims(keeps)})`,
  product: (x, axis, keeps) => `ops.prod(${x}, axis=${axis}${keepdims(keeps)})`,
  place: (name, x, axis, keeps) => `ops.cast(ops.${name}(${x}, axis=${axis}${keepdims(keeps)}), "int64")`,
  runningSum: (x, axis) => `ops.cumsum(${x}, axis=${axis})`,

  matmul: (a, b) => `ops.matmul(${a}, ${b})`,
  transposed: (x) => `ops.transpose(${x})`,
  einsum: (equation, inputs) => `ops.einsum(${equation}, ${inputs.join(', ')})`,
  layerNormalization: (c, { x, dims, scale, bias, epsilon }) => {
    const axes = dims.map((_, i) => i - dims.length);
    return `${c.helper('layer_norm')}(${x}, ${tuple(axes)}, ${epsilon}) * ${scale}${bias === undefined ? '' : ` + ${bias}`}`;
  },
  batchNormalization: ({ x, scale, bias, mean, variance, epsilon }) =>
    `ops.batch_normalization(${x}, ${mean}, ${variance}, 1, ${bias}, ${scale}, ${epsilon})`,
  convolution: (c, { x, kernel, bias, strides, padding, dilations, groups }) => {
    const amounts = padding === 'same' ? '"same"' : pairs(padding);
    const options = { strides: tuple(strides), padding: amounts, dilations: tuple(dilations), groups };
    const named = Object.entries(options).map(([name, value]) => `${name}=${value}`);
    return `${c.helper('conv')}(${[x, kernel, bias ?? 'None', ...named].join(', ')})`;
  },

  size: (x, axis) => `ops.shape(${x})[${axis}]`,
  shape: (x, cut) => `ops.convert_to_tensor(ops.shape(${x})${cut === undefined ? '' : `[${cut}]`}, dtype="int64")`,
  count: (x) => `ops.prod(ops.convert_to_tensor(ops.shape(${x}), dtype="int64"))`,
  sizesFrom: (_, x) => `ops.convert_to_numpy(${x}).tolist()`,
  item: (x) => `ops.convert_to_numpy(${x}).item()`,
  permute: (x, perm) => `ops.transpose(${x}, ${tuple(perm)})`,
  swapFirst: (x) => `ops.swapaxes(${x}, 0, 1)`,
  reshape: (x, sizes) => `ops.reshape(${x}, ${typeof sizes === 'string' ? sizes : tuple(sizes)})`,
  flatten: (x, axis, sizes) => {
    if (sizes === undefined && axis !== 1) return undefined;
    return `ops.reshape(${x}, ${tuple(sizes ?? [`ops.shape(${x})[0]`, -1])})`;
  },
  squeeze: (x, axes) => `ops.squeeze(${x}${axes === undefined ? '' : `, axis=${axesOf(axes)}`})`,
  unsqueeze: (x, axis) => `ops.expand_dims(${x}, ${axis})`,
  concat: (parts, axis) => `ops.concatenate(${list(parts)}, axis=${axis})`,
  chunk: (x, count, axis) => `ops.split(${x}, ${count}, axis=${axis})`,
  // Keras takes the places of the cuts, of which one part has none.
  split: (x, sizes, axis) => {
    const cuts = sizes.slice(0, -1).map((_, i) => sizes.slice(0, i + 1).reduce((sum, size) => sum + size, 0));
    return cuts.length === 0 ? list([x]) : `ops.split(${x}, ${list(cuts)}, axis=${axis})`;
  },
  flip: (x, axes) => `ops.flip(${x}, axis=${axesOf(axes)})`,
  take: (x, index, axis, isNumber) =>
    isNumber
      ? `${x}${list([...Array.from({ length: axis }, () => ':'), index])}`
      : `ops.take(${x}, ${index}, axis=${axis})`,
  takeAlong,
  expand: (c, x, sizes) => `${c.helper('expand')}(${x}, ${sizes})`,
  tile: (x, counts) => `ops.tile(${x}, ${counts})`,
  pad: (c, x, pads, value) => {
    if (pads.flat().some((amount) => amount < 0)) refuse(c, 'cuts where it pads');
    return `ops.pad(${x}, ${pairs(pads)}${value === undefined ? '' : `, constant_values=${value}`})`;
  },
  full: (sizes, value, dtype) => `ops.full(${sizes}, ${value}, dtype=${dtype})`,
  range: (limits, dtype) => `ops.arange(${limits.join(', ')}, dtype=${dtype})`,
};
