import type { ElementType } from '../graph/types.ts';
import type { Convolution, Forms } from '../python/forms.ts';
import { list, tuple } from '../python/python.ts';

/** `torch.float32`; undefined for an element type that PyTorch's tensors lack. */
export function dtypeOf(elementType: ElementType): string | undefined {
  return elementType === 'string' ? undefined : `torch.${elementType}`;
}

/** `, keepdim=True` */
const keepdim = (keeps: boolean) => (keeps ? ', keepdim=True' : '');

/** `, dtype=torch.int32`: what keeps a sum or a product of such integers from becoming one of 64 bits. */
const sameType = (elementType: ElementType | undefined) => (elementType === 'int32' ? ', dtype=torch.int32' : '');

function convolution({ axes, x, kernel, bias = 'None', strides, padding, dilations, groups }: Convolution): string {
  // PyTorch's convolution pads both ends alike: where they differ, the data are padded before.
  const isEven = padding === 'same' || padding.every(([before, after]) => before === after);
  const before = isEven ? x : padded(x, padding);
  const amounts = padding === 'same' ? '"same"' : tuple(padding.map(([first]) => (isEven ? first : 0)));
  const options = { stride: tuple(strides), padding: amounts, dilation: tuple(dilations), groups };
  const named = Object.entries(options).map(([name, value]) => `${name}=${value}`);
  return `nn.functional.conv${axes}d(${[before, kernel, bias, ...named].join(', ')})`;
}

/** PyTorch lists the last axis first. */
function padded(x: string, pads: readonly (readonly [number, number])[], value?: string): string {
  return `nn.functional.pad(${x}, ${tuple(pads.toReversed().flat())}${value === undefined ? '' : `, value=${value}`})`;
}

/** The expressions of PyTorch. */
export const torchForms: Forms = {
  functions: {
    Abs: 'torch.abs',
    Acos: 'torch.acos',
    Acosh: 'torch.acosh',
    Asin: 'torch.asin',
    Asinh: 'torch.asinh',
    Atan: 'torch.atan',
    Atanh: 'torch.atanh',
    Ceil: 'torch.ceil',
    Cos: 'torch.cos',
    Cosh: 'torch.cosh',
    Erf: 'torch.erf',
    Exp: 'torch.exp',
    Floor: 'torch.floor',
    HardSwish: 'nn.functional.hardswish',
    IsNaN: 'torch.isnan',
    Log: 'torch.log',
    Max: 'torch.maximum',
    Min: 'torch.minimum',
    Not: 'torch.logical_not',
    Pow: 'torch.pow',
    Reciprocal: 'torch.reciprocal',
    Relu: 'torch.relu',
    Round: 'torch.round',
    Selu: 'nn.functional.selu',
    Sigmoid: 'torch.sigmoid',
    Sign: 'torch.sign',
    Sin: 'torch.sin',
    Sinh: 'torch.sinh',
    Softplus: 'nn.functional.softplus',
    Softsign: 'nn.functional.softsign',
    Sqrt: 'torch.sqrt',
    Tan: 'torch.tan',
    Tanh: 'torch.tanh',
  },
  literalTypes: ['float32', 'int64', 'bool'],
  dtype: dtypeOf,
  integers: (elements, elementType) => {
    const isUsual = elementType !== 'int32' && elements !== '[]';
    return `torch.tensor(${elements}${isUsual ? '' : `, dtype=${dtypeOf(elementType)}`})`;
  },
  cast: (x, dtype) => `${x}.to(${dtype})`,

  celu: (x, alpha) => `nn.functional.celu(${x}, ${alpha})`,
  elu: (x, alpha) => `nn.functional.elu(${x}, ${alpha})`,
  leakyRelu: (x, alpha) => `nn.functional.leaky_relu(${x}, ${alpha})`,
  threshold: (x, alpha) => `nn.functional.threshold(${x}, ${alpha}, 0.0)`,
  clamp: (x, min, max) => {
    const limits = Object.entries({ min, max }).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}=${value}`],
    );
    return `${x}.clamp(${limits.join(', ')})`;
  },
  absolute: (x) => `${x}.abs()`,
  square: (x) => `${x}.square()`,
  root: (x) => `${x}.sqrt()`,
  logarithm: (x) => `${x}.log()`,
  where: (condition, a, b) => `torch.where(${condition}, ${a}, ${b})`,
  truncatedQuotient: (_, a, b) => `torch.div(${a}, ${b}, rounding_mode="trunc")`,

  softmax: (x, axis) => `${x}.softmax(${axis})`,
  logSoftmax: (x, axis) => `${x}.log_softmax(${axis})`,
  reduce: (name, x, axes, keeps, elementType) =>
    `${x}.${name}(${list(axes)}${keepdim(keeps)}${name === 'sum' ? sameType(elementType) : ''})`,
  product: (x, axis, keeps, elementType) => `${x}.prod(${axis}${keepdim(keeps)}${sameType(elementType)})`,
  place: (name, x, axis, keeps) => `${x}.${name}(${axis}${keepdim(keeps)})`,
  runningSum: (x, axis, elementType) => `${x}.cumsum(${axis}${sameType(elementType)})`,

  matmul: (a, b) => `${a} @ ${b}`,
  transposed: (x) => `${x}.T`,
  einsum: (equation, inputs) => `torch.einsum(${equation}, ${inputs.join(', ')})`,
  layerNormalization: (_, { x, dims, scale, bias = 'None', epsilon }) =>
    `nn.functional.layer_norm(${x}, ${list(dims)}, ${scale}, ${bias}, ${epsilon})`,
  batchNormalization: ({ x, scale, bias, mean, variance, epsilon }) =>
    `nn.functional.batch_norm(${x}, ${mean}, ${variance}, ${scale}, ${bias}, eps=${epsilon})`,
  convolution: (_, parts) => convolution(parts),

  size: (x, axis) => `${x}.shape[${axis}]`,
  shape: (x, cut, isEmpty) =>
    `torch.tensor(${x}.shape${cut === undefined ? '' : `[${cut}]`}${isEmpty ? ', dtype=torch.int64' : ''})`,
  count: (x) => `torch.tensor(${x}.numel())`,
  sizesFrom: (_, x) => `${x}.tolist()`,
  item: (x) => `${x}.item()`,
  permute: (x, perm) => `${x}.permute(${perm.join(', ')})`,
  swapFirst: (x) => `${x}.transpose(0, 1)`,
  reshape: (x, sizes) => `${x}.reshape(${typeof sizes === 'string' ? sizes : tuple(sizes)})`,
  flatten: (x, axis) => (axis === 1 ? `${x}.flatten(1)` : `${x}.flatten(0, ${axis - 1}).flatten(1)`),
  squeeze: (x, axes) => `${x}.squeeze(${axes === undefined ? '' : axes.length === 1 ? axes[0] : tuple(axes)})`,
  unsqueeze: (x, axis) => `${x}.unsqueeze(${axis})`,
  concat: (parts, axis) => `torch.cat(${list(parts)}, ${axis})`,
  chunk: (x, count, axis) => `${x}.chunk(${count}, ${axis})`,
  split: (x, sizes, axis) => `${x}.split(${list(sizes)}, ${axis})`,
  flip: (x, axes) => `${x}.flip(${axes.join(', ')})`,
  take: (x, index, axis) => `${x}${list([...Array.from({ length: axis }, () => ':'), index])}`,
  takeAlong: (_, x, index, axis) => `${x}.gather(${axis}, ${index})`,
  expand: (_, x, sizes) => `${x}.expand(torch.broadcast_shapes(${x}.shape, ${sizes}))`,
  tile: (x, counts) => `${x}.tile(${counts})`,
  pad: (_, x, pads, value) => padded(x, pads, value),
  full: (sizes, value, dtype) => `torch.full(${sizes}, ${value}, dtype=${dtype})`,
  range: (limits, dtype) => `torch.arange(${limits.join(', ')}, dtype=${dtype})`,
};
