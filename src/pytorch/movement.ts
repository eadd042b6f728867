import { intAttribute, intsAttribute, stringAttribute } from '../graph/attributes.ts';
import { isStatic } from '../graph/dims.ts';
import type { Rules } from '../graph/rules.ts';
import type { Dim } from '../graph/types.ts';
import { axisFromFront, type Expression, fixed, rankOf, refuse } from './expression.ts';
import { dtypeOf, list, scalarLiteral, tuple } from './python.ts';
import type { Operands } from './scope.ts';

/*
 * Operators that move elements, and those that make sizes and indices, in PyTorch.
 */

/** From here on an end is that of the axis. */
const WHOLE = 2 ** 31 - 1;

const transpose: Expression = (c) => {
  const perm = intsAttribute(c.node, 'perm') ?? Array.from({ length: rankOf(c) }, (_, i) => rankOf(c) - 1 - i);
  return `${c.input(0)}.permute(${perm.join(', ')})`;
};

const reshape: Expression = (c) => {
  const x = c.input(0);
  const shape = c.ints(1);
  const keepsZero = intAttribute(c.node, 'allowzero', 0) === 1;
  if (shape) {
    const sizes = shape.map((size, axis) => (size === 0 && !keepsZero ? `${x}.shape[${axis}]` : size));
    return `${x}.reshape(${tuple(sizes)})`;
  }
  const sizes = sizesLike(x, c.type(0)?.shape, c.outputShape());
  if (sizes) return `${x}.reshape(${tuple(sizes)})`;
  return keepsZero ? `${x}.reshape(${c.input(1)}.tolist())` : `${c.helper('reshape')}(${x}, ${c.input(1)})`;
};

/** Sizes of a result, of which those that are not numbers are sizes of `x`, and at most one is what is left. */
function sizesLike(x: string, from: readonly Dim[] | undefined, to: readonly Dim[] | undefined) {
  const sizes = to?.map((dim) => {
    if (typeof dim === 'number') return dim;
    const axis = from?.indexOf(dim) ?? -1;
    return axis < 0 ? -1 : `${x}.shape[${axis}]`;
  });
  return sizes && sizes.filter((size) => size === -1).length <= 1 ? sizes : undefined;
}

/** All axes before `axis` as one, and all others as one. */
const flatten: Expression = (c) => {
  const axis = axisFromFront(c, intAttribute(c.node, 'axis', 1));
  const x = c.input(0);
  if (axis === 0) return `${x}.reshape(1, -1)`;
  return axis === 1 ? `${x}.flatten(1)` : `${x}.flatten(0, ${axis - 1}).flatten(1)`;
};

const squeeze: Expression = (c) => {
  if (!c.has(1)) return `${c.input(0)}.squeeze()`;
  const axes = fixed(c, 1, 'axes');
  return `${c.input(0)}.squeeze(${axes.length === 1 ? axes[0] : tuple(axes)})`;
};

const unsqueeze: Expression = (c) => {
  const given = fixed(c, 1, 'axes');
  if (given.length === 1) return `${c.input(0)}.unsqueeze(${given[0]})`;
  const rank = given.some((axis) => axis < 0) ? rankOf(c) + given.length : Infinity;
  const axes = given.map((axis) => axisFromFront(c, axis, rank)).sort((a, b) => a - b);
  return axes.reduce((x, axis) => `${x}.unsqueeze(${axis})`, c.input(0));
};

const concat: Expression = (c) =>
  `torch.cat(${list(c.node.inputs.map((_, i) => c.input(i)))}, ${intAttribute(c.node, 'axis', 0)})`;

const split: Expression = (c) => {
  const axis = intAttribute(c.node, 'axis', 0);
  if (!c.has(1)) return `${c.input(0)}.chunk(${c.node.outputs.length}, ${axis})`;
  return `${c.input(0)}.split(${list(fixed(c, 1, 'sizes'))}, ${axis})`;
};

/** `x[:, 1:3]`, or by a helper where starts or ends come from the run. */
const slice: Expression = (c) => {
  const [starts, ends] = [c.ints(1), c.ints(2)];
  const count = starts?.length ?? ends?.length ?? (c.has(3) ? fixed(c, 3, 'axes').length : 1);
  const given = c.has(3) ? fixed(c, 3, 'axes') : Array.from({ length: count }, (_, i) => i);
  const axes = given.map((axis) => axisFromFront(c, axis));
  const steps = c.has(4) ? fixed(c, 4, 'steps') : axes.map(() => 1);
  if (!starts || !ends) {
    if (steps.some((step) => step < 0)) refuse(c, 'goes back from places that are not known before it runs');
    const places = `${c.input(1)}, ${c.input(2)}`;
    return `${c.helper('slice_axes')}(${c.input(0)}, ${places}, ${list(axes)}, ${list(steps)})`;
  }
  const back = axes.filter((_, i) => steps[i]! < 0);
  const wholeBack = axes.every((_, i) => steps[i]! > 0 || (steps[i] === -1 && isWholeBack(starts[i]!, ends[i]!)));
  if (!wholeBack) refuse(c, 'goes back through a part of an axis');
  const cuts = axes.map((_, i) => (steps[i]! < 0 ? ':' : cut(starts[i]!, ends[i]!, steps[i]!)));
  const flipped = back.length === 0 ? '' : `.flip(${back.join(', ')})`;
  return `${c.input(0)}${subscript(axes, cuts)}${flipped}`;
};

/** True for a step of −1 from the last element to the first. */
function isWholeBack(start: number, end: number): boolean {
  return (start === -1 || start >= WHOLE) && end < -WHOLE / 2;
}

function cut(start: number, end: number, step: number): string {
  const [from, to] = [start === 0 || start <= -WHOLE ? '' : start, end >= WHOLE ? '' : end];
  return `${from}:${to}${step === 1 ? '' : `:${step}`}`;
}

/** `[:, 1:3]`; nothing where each axis is whole. */
function subscript(axes: readonly number[], cuts: readonly string[]): string {
  if (cuts.every((text) => text === ':')) return '';
  const length = Math.max(...axes) + 1;
  return list(Array.from({ length }, (_, axis) => cuts[axes.indexOf(axis)] ?? ':'));
}

/** Elements along an axis by their numbers, which may count from the end: the axes of the numbers take its place. */
const gather: Expression = (c) => {
  const axis = axisFromFront(c, intAttribute(c.node, 'axis', 0));
  const places = c.stored(1);
  const index = places && places.dims.length < 2 ? (scalarLiteral(places) ?? list(c.ints(1)!)) : c.input(1);
  return `${c.input(0)}${list([...Array.from({ length: axis }, () => ':'), index])}`;
};

/** PyTorch's `gather` counts from 0: indices that may count from the end are turned around before. */
const gatherElements: Expression = (c) => {
  const [x, axis] = [c.input(0), intAttribute(c.node, 'axis', 0)];
  const index = `${c.input(1)}.to(torch.int64)`;
  const isFromFront = c.ints(1)?.every((place) => place >= 0);
  return `${x}.gather(${axis}, ${isFromFront ? index : `${c.helper('from_front')}(${index}, ${x}.shape[${axis}])`})`;
};

const expand: Expression = (c) => {
  const shape = c.ints(1) ?? `${c.input(1)}.tolist()`;
  const sizes = typeof shape === 'string' ? shape : list(shape);
  return `${c.input(0)}.expand(torch.broadcast_shapes(${c.input(0)}.shape, ${sizes}))`;
};

const tile: Expression = (c) => {
  const counts = c.ints(1);
  return `${c.input(0)}.tile(${counts ? tuple(counts) : `${c.input(1)}.tolist()`})`;
};

/** Padding with a constant; PyTorch lists the last axis first. */
const pad: Expression = (c) => {
  if (stringAttribute(c.node, 'mode', 'constant') !== 'constant') refuse(c, 'pads with elements of its input');
  const pads = fixed(c, 1, 'pads');
  const rank = pads.length / 2;
  const pairs = Array.from({ length: rank }, (_, i) => rank - 1 - i).flatMap((axis) => [
    pads[axis]!,
    pads[axis + rank]!,
  ]);
  return `nn.functional.pad(${c.input(0)}, ${tuple(pairs)}${c.has(2) ? `, value=${c.operand(2)}` : ''})`;
};

const shape: Expression = (c) => {
  const [start, end] = [intAttribute(c.node, 'start', 0), intAttribute(c.node, 'end', WHOLE)];
  const isWhole = start === 0 && end >= WHOLE;
  const dtype = c.outputShape()?.[0] === 0 ? ', dtype=torch.int64' : '';
  return `torch.tensor(${c.input(0)}.shape${isWhole ? '' : `[${cut(start, end, 1)}]`}${dtype})`;
};

const constantOfShape: Expression = (c) => {
  const { value } = c.node.attributes;
  const filled = value?.type === 'tensor' ? value.value : undefined;
  const number = filled ? scalarLiteral({ ...filled, dims: [] }) : '0.0';
  const dtype = dtypeOf(filled?.elementType ?? 'float32');
  if (number === undefined || dtype === undefined) refuse(c, 'is filled with something else than numbers');
  const shape = c.outputShape();
  const sizes = isStatic(shape) ? list(shape) : `${c.input(0)}.tolist()`;
  return `torch.full(${sizes}, ${number}, dtype=${dtype})`;
};

function number(c: Operands, i: number): string {
  const stored = c.stored(i);
  return (stored && scalarLiteral(stored)) ?? `${c.input(i)}.item()`;
}

const range: Expression = (c) => {
  const dtype = dtypeOf(c.type(0)?.elementType ?? 'int64');
  return `torch.arange(${[0, 1, 2].map((i) => number(c, i)).join(', ')}, dtype=${dtype})`;
};

/** The first steps of each sequence in reverse, as many as are its own. */
const reverseSequence: Expression = (c) => {
  const [time, batch] = [intAttribute(c.node, 'time_axis', 0), intAttribute(c.node, 'batch_axis', 1)];
  const swap = time === 0 && batch === 1 ? '' : '.transpose(0, 1)';
  return `${c.helper('reverse_steps')}(${c.input(0)}${swap}, ${c.input(1)})${swap}`;
};

/** An expression for each of these operators. */
export const movementOperators = {
  Concat: concat,
  ConstantOfShape: constantOfShape,
  Expand: expand,
  Flatten: flatten,
  Gather: gather,
  GatherElements: gatherElements,
  Pad: pad,
  Range: range,
  Reshape: reshape,
  ReverseSequence: reverseSequence,
  Shape: shape,
  Size: (c) => `torch.tensor(${c.input(0)}.numel())`,
  Slice: slice,
  Split: split,
  Squeeze: squeeze,
  Tile: tile,
  Transpose: transpose,
  Unsqueeze: unsqueeze,
} satisfies Rules<Expression>;
