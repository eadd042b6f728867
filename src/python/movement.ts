import { intAttribute, intsAttribute, stringAttribute } from '../graph/attributes.ts';
import { isStatic } from '../graph/dims.ts';
import type { Rules } from '../graph/rules.ts';
import { axisFromFront, type Expression, fixed, rankOf, refuse } from './expression.ts';
import type { Size } from './forms.ts';
import { list, scalarLiteral, tuple } from './python.ts';
import type { Operands } from './scope.ts';

/*
 * Operators that move elements, and those that make sizes and indices, in Python.
 */

/** From here on an end is that of the axis. */
const WHOLE = 2 ** 31 - 1;

const transpose: Expression = (c) => {
  const perm = intsAttribute(c.node, 'perm') ?? Array.from({ length: rankOf(c) }, (_, i) => rankOf(c) - 1 - i);
  return c.forms.permute(c.input(0), perm);
};

const reshape: Expression = (c) => {
  const x = c.input(0);
  const shape = c.ints(1);
  const keepsZero = intAttribute(c.node, 'allowzero', 0) === 1;
  if (shape) {
    const sizes = shape.map((size, axis) => (size === 0 && !keepsZero ? c.forms.size(x, axis) : size));
    return c.forms.reshape(x, sizes);
  }
  const sizes = sizesLike(c, x);
  if (sizes) return c.forms.reshape(x, sizes);
  if (keepsZero) return c.forms.reshape(x, c.forms.sizesFrom(c, c.input(1)));
  return `${c.helper('reshape')}(${x}, ${c.input(1)})`;
};

/** Sizes of a result, of which those that are not numbers are sizes of `x`, and at most one is what is left. */
function sizesLike(c: Operands, x: string): readonly Size[] | undefined {
  const from = c.type(0)?.shape;
  const sizes = c.outputShape()?.map((dim) => {
    if (typeof dim === 'number') return dim;
    const axis = from?.indexOf(dim) ?? -1;
    return axis < 0 ? -1 : c.forms.size(x, axis);
  });
  return sizes && sizes.filter((size) => size === -1).length <= 1 ? sizes : undefined;
}

/** All axes before `axis` as one, and all others as one. */
const flatten: Expression = (c) => {
  const axis = axisFromFront(c, intAttribute(c.node, 'axis', 1));
  const x = c.input(0);
  if (axis === 0) return c.forms.reshape(x, [1, -1]);
  return c.forms.flatten(x, axis, sizesLike(c, x)) ?? refuse(c, 'gives sizes that are not known');
};

const squeeze: Expression = (c) => c.forms.squeeze(c.input(0), c.has(1) ? fixed(c, 1, 'axes') : undefined);

const unsqueeze: Expression = (c) => {
  const given = fixed(c, 1, 'axes');
  if (given.length === 1) return c.forms.unsqueeze(c.input(0), given[0]!);
  const rank = given.some((axis) => axis < 0) ? rankOf(c) + given.length : Infinity;
  const axes = given.map((axis) => axisFromFront(c, axis, rank)).sort((a, b) => a - b);
  return axes.reduce((x, axis) => c.forms.unsqueeze(x, axis), c.input(0));
};

const concat: Expression = (c) =>
  c.forms.concat(
    c.node.inputs.map((_, i) => c.input(i)),
    intAttribute(c.node, 'axis', 0),
  );

const split: Expression = (c) => {
  const axis = intAttribute(c.node, 'axis', 0);
  if (!c.has(1)) return c.forms.chunk(c.input(0), c.node.outputs.length, axis);
  return c.forms.split(c.input(0), fixed(c, 1, 'sizes'), axis);
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
  const code = `${c.input(0)}${subscript(axes, cuts)}`;
  return back.length === 0 ? code : c.forms.flip(code, back);
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
  const number = places && scalarLiteral(places);
  const index = number ?? (places?.dims.length === 1 ? list(c.ints(1)!) : c.input(1));
  return c.forms.take(c.input(0), index, axis, number !== undefined);
};

/** Frameworks count from 0: indices that may count from the end are turned around before. */
const gatherElements: Expression = (c) => {
  const [x, axis] = [c.input(0), intAttribute(c.node, 'axis', 0)];
  const index = c.forms.cast(c.input(1), c.forms.dtype('int64'));
  const isFromFront = c.ints(1)?.every((place) => place >= 0);
  const places = isFromFront ? index : `${c.helper('from_front')}(${index}, ${c.forms.size(x, axis)})`;
  return c.forms.takeAlong(c, x, places, axis);
};

const expand: Expression = (c) => {
  const sizes = c.ints(1);
  return c.forms.expand(c, c.input(0), sizes ? list(sizes) : c.forms.sizesFrom(c, c.input(1)));
};

const tile: Expression = (c) => {
  const counts = c.ints(1);
  return c.forms.tile(c.input(0), counts ? tuple(counts) : c.forms.sizesFrom(c, c.input(1)));
};

/** Padding with a constant. */
const pad: Expression = (c) => {
  if (stringAttribute(c.node, 'mode', 'constant') !== 'constant') refuse(c, 'pads with elements of its input');
  const pads = fixed(c, 1, 'pads');
  const rank = pads.length / 2;
  const pairs = pads.slice(0, rank).map((before, axis) => [before, pads[axis + rank]!] as const);
  return c.forms.pad(c, c.input(0), pairs, c.has(2) ? c.operand(2) : undefined);
};

const shape: Expression = (c) => {
  const [start, end] = [intAttribute(c.node, 'start', 0), intAttribute(c.node, 'end', WHOLE)];
  const isWhole = start === 0 && end >= WHOLE;
  return c.forms.shape(c.input(0), isWhole ? undefined : cut(start, end, 1), c.outputShape()?.[0] === 0);
};

const constantOfShape: Expression = (c) => {
  const { value } = c.node.attributes;
  const filled = value?.type === 'tensor' ? value.value : undefined;
  const number = filled ? scalarLiteral({ ...filled, dims: [] }) : '0.0';
  const dtype = c.forms.dtype(filled?.elementType ?? 'float32');
  if (number === undefined || dtype === undefined) refuse(c, 'is filled with something else than numbers');
  const shape = c.outputShape();
  return c.forms.full(isStatic(shape) ? list(shape) : c.forms.sizesFrom(c, c.input(0)), number, dtype);
};

function number(c: Operands, i: number): string {
  const stored = c.stored(i);
  return (stored && scalarLiteral(stored)) ?? c.forms.item(c.input(i));
}

const range: Expression = (c) => {
  const limits = [0, 1, 2].map((i) => number(c, i));
  return c.forms.range(limits, c.forms.dtype(c.type(0)?.elementType ?? 'int64'));
};

/** The first steps of each sequence in reverse, as many as are its own. */
const reverseSequence: Expression = (c) => {
  const [time, batch] = [intAttribute(c.node, 'time_axis', 0), intAttribute(c.node, 'batch_axis', 1)];
  const turned = (x: string) => (time === 0 && batch === 1 ? x : c.forms.swapFirst(x));
  return turned(`${c.helper('reverse_steps')}(${turned(c.input(0))}, ${c.input(1)})`);
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
  Size: (c) => c.forms.count(c.input(0)),
  Slice: slice,
  Split: split,
  Squeeze: squeeze,
  Tile: tile,
  Transpose: transpose,
  Unsqueeze: unsqueeze,
} satisfies Rules<Expression>;
