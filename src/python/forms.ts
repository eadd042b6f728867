import type { ElementType } from '../graph/types.ts';
import type { Operands } from './scope.ts';

/** A size: a number, or an expression of Python. */
export type Size = number | string;

/** Functions of one or two tensors that a framework has under some name, by ONNX's operators. */
export type NamedFunction =
  | ('Abs' | 'Acos' | 'Acosh' | 'Asin' | 'Asinh' | 'Atan' | 'Atanh' | 'Ceil' | 'Cos' | 'Cosh' | 'Erf' | 'Exp' | 'Floor')
  | (
      | 'HardSwish'
      | 'IsNaN'
      | 'Log'
      | 'Max'
      | 'Min'
      | 'Not'
      | 'Pow'
      | 'Reciprocal'
      | 'Relu'
      | 'Round'
      | 'Selu'
      | 'Sigmoid'
    )
  | ('Sign' | 'Sin' | 'Sinh' | 'Softplus' | 'Softsign' | 'Sqrt' | 'Tan' | 'Tanh');

/** A convolution along one, two or three axes: of images [B, C, …] with a kernel [O, C / groups, …]. */
export interface Convolution {
  readonly axes: number;
  readonly x: string;
  readonly kernel: string;
  readonly bias: string | undefined;
  readonly strides: readonly number[];
  /** What is added before and behind each axis, or `same`: as much as keeps its size. */
  readonly padding: readonly (readonly [number, number])[] | 'same';
  readonly dilations: readonly number[];
  readonly groups: number;
}

/**
 * A framework's expressions, as texts of Python made from such texts. Axes count as the graph has them; element types
 * are ONNX's names. What takes `c` may ask it for a helper or refuse the node.
 */
export interface Forms {
  readonly functions: Readonly<Record<NamedFunction, string>>;
  /** Types that literals of Python have in a tensor: those of other types need a cast. */
  readonly literalTypes: readonly ElementType[];
  /** The framework's type; undefined for an element type that it lacks. */
  readonly dtype: (elementType: ElementType) => string | undefined;
  /** A tensor from integers or truths: `1` or `[1, 2]`. */
  readonly integers: (elements: string, elementType: ElementType) => string;
  readonly cast: (x: string, dtype: string | undefined) => string;

  /** Functions of a tensor and of attributes that are reals. */
  readonly celu: (x: string, alpha: string) => string;
  readonly elu: (x: string, alpha: string) => string;
  readonly leakyRelu: (x: string, alpha: string) => string;
  readonly threshold: (x: string, alpha: string) => string;
  /** Elements within limits, of which at least one is given. */
  readonly clamp: (x: string, min: string | undefined, max: string | undefined) => string;
  readonly absolute: (x: string) => string;
  readonly square: (x: string) => string;
  readonly root: (x: string) => string;
  readonly logarithm: (x: string) => string;
  readonly where: (condition: string, a: string, b: string) => string;
  /** Integers divided towards zero. */
  readonly truncatedQuotient: (c: Operands, a: string, b: string) => string;

  readonly softmax: (x: string, axis: number) => string;
  readonly logSoftmax: (x: string, axis: number) => string;
  /** A reduction along axes. Sums of integers keep their type. */
  readonly reduce: (
    name: 'amax' | 'amin' | 'logsumexp' | 'mean' | 'sum',
    x: string,
    axes: readonly number[],
    keeps: boolean,
    elementType?: ElementType,
  ) => string;
  readonly product: (x: string, axis: number, keeps: boolean, elementType?: ElementType) => string;
  /** The first of the largest or smallest elements along an axis, as int64. */
  readonly place: (name: 'argmax' | 'argmin', x: string, axis: number, keeps: boolean) => string;
  readonly runningSum: (x: string, axis: number, elementType?: ElementType) => string;

  readonly matmul: (a: string, b: string) => string;
  /** A matrix transposed. */
  readonly transposed: (x: string) => string;
  readonly einsum: (equation: string, inputs: readonly string[]) => string;
  readonly layerNormalization: (
    c: Operands,
    parts: { x: string; dims: readonly number[]; scale: string; bias: string | undefined; epsilon: string },
  ) => string;
  /** Along axis 1. */
  readonly batchNormalization: (
    parts: Record<'x' | 'scale' | 'bias' | 'mean' | 'variance' | 'epsilon', string>,
  ) => string;
  readonly convolution: (c: Operands, parts: Convolution) => string;

  /** The size of an axis. */
  readonly size: (x: string, axis: number) => string;
  /** All sizes, or `x.shape[cut]`, as a tensor of int64. */
  readonly shape: (x: string, cut: string | undefined, isEmpty: boolean) => string;
  readonly count: (x: string) => string;
  /** The integers of a tensor [rank] as a list. */
  readonly sizesFrom: (c: Operands, x: string) => string;
  /** The one number of a tensor. */
  readonly item: (x: string) => string;
  readonly permute: (x: string, perm: readonly number[]) => string;
  /** The first two axes swapped. */
  readonly swapFirst: (x: string) => string;
  readonly reshape: (x: string, sizes: readonly Size[] | string) => string;
  /** Axes before `axis` as one, and all others as one; `sizes` where at most one of the two is -1. */
  readonly flatten: (x: string, axis: number, sizes: readonly Size[] | undefined) => string | undefined;
  readonly squeeze: (x: string, axes: readonly number[] | undefined) => string;
  readonly unsqueeze: (x: string, axis: number) => string;
  readonly concat: (parts: readonly string[], axis: number) => string;
  /** As many equal parts. */
  readonly chunk: (x: string, count: number, axis: number) => string;
  /** Parts of these sizes. */
  readonly split: (x: string, sizes: readonly number[], axis: number) => string;
  readonly flip: (x: string, axes: readonly number[]) => string;
  /** Elements along an axis by a number or a list of numbers, or by a tensor of them. */
  readonly take: (x: string, index: string, axis: number, isNumber: boolean) => string;
  /** For each place of `index` [same rank] the element of its number along an axis. Numbers count from 0. */
  readonly takeAlong: (c: Operands, x: string, index: string, axis: number) => string;
  /** x broadcast to sizes, of which a 1 keeps the axis. */
  readonly expand: (c: Operands, x: string, sizes: string) => string;
  readonly tile: (x: string, counts: string) => string;
  /** A constant before and behind each axis. */
  readonly pad: (c: Operands, x: string, pads: readonly (readonly [number, number])[], value?: string) => string;
  readonly full: (sizes: string, value: string, dtype: string) => string;
  readonly range: (limits: readonly string[], dtype: string | undefined) => string;
}
