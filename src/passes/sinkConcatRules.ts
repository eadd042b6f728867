import { intAttribute, integers, intsAttribute } from '../graph/attributes.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import { isStatic, normalizeAxis, sliceBound } from '../graph/dims.ts';
import { isUnary } from '../graph/operators.ts';
import { concat, gather, shapeOf, slice as sliceOf, squeeze, transpose, unsqueeze } from '../graph/ops.ts';
import { type Rules, ruleFor } from '../graph/rules.ts';
import type { Dim, Node } from '../graph/types.ts';

/** A value whose Concat was put off: stacked along an axis that its pieces do not have, or joined along one that they have. */
export interface Pieces {
  readonly values: readonly Value[];
  readonly axis: number;
  readonly stacked: boolean;
  /** Lengths of joined pieces along the axis, where they are known. */
  readonly sizes?: readonly number[] | undefined;
}

/** What a rule for values in pieces sees. */
export interface PiecesContext {
  readonly b: GraphBuilder;
  readonly node: Node;
  /** The first input, the only one that is in pieces. */
  readonly pieces: Pieces;
  /** Shape of that input as a whole. */
  readonly shape: readonly Dim[];
  /** Shape of the first output as a whole, where it is known. */
  readonly outputShape: readonly Dim[] | undefined;
}

/** Says what each output is, in pieces or one value; undefined when the operator needs the input as a whole. */
type PiecesRule = (c: PiecesContext) => readonly (Pieces | Value)[] | undefined;

/** An input after the first. */
function operand({ b, node }: PiecesContext, input: number): Value | undefined {
  const name = node.inputs[input];
  return name ? b.value(name) : undefined;
}

/** The integers of an input, where they are known. */
function ints(c: PiecesContext, input: number): readonly number[] | undefined {
  const value = operand(c, input);
  const known = value && (integers(c.b.tensorOf(value)) ?? c.b.knownInts(value));
  return isStatic(known) ? known : undefined;
}

/** A list that is an attribute or, in newer operator sets, an input. */
function list(c: PiecesContext, attribute: string, input: number): readonly number[] | undefined {
  return intsAttribute(c.node, attribute) ?? ints(c, input);
}

/** The node on one piece. */
function onPiece(c: PiecesContext, piece: Value, attributes = c.node.attributes): Value {
  const others = c.node.inputs.slice(1).map((_, i) => operand(c, i + 1));
  return c.b.node(c.node.op, [piece, ...others], attributes)[0]!;
}

/** The axis of a piece that is this axis of the whole. */
function axisOfPiece({ stacked, axis: along }: Pieces, axis: number): number {
  return stacked && axis > along ? axis - 1 : axis;
}

/** True where each index along the axis of the pieces is one of them. */
function isUnit({ pieces, shape }: PiecesContext): boolean {
  return pieces.stacked || shape[pieces.axis] === pieces.values.length;
}

function range(start: number, end: number): number[] {
  return Array.from({ length: Math.max(0, end - start) }, (_, i) => start + i);
}

/** A piece as it lies in the whole, with the axis of the pieces. */
export function asSlice({ stacked, axis }: Pieces, piece: Value): Value {
  return stacked ? unsqueeze(piece, [axis]) : piece;
}

/** Some of the pieces of a stack or of a row of single slices, in this order. */
function pick({ pieces }: PiecesContext, indices: readonly number[]): readonly (Pieces | Value)[] | undefined {
  const values = indices.map((i) => pieces.values.at(i));
  if (!values.every((value) => value !== undefined) || values.length === 0) return undefined;
  if (values.length === 1) return [asSlice(pieces, values[0]!)];
  return [{ ...pieces, values, sizes: values.map(() => 1) }];
}

/** The pieces changed one by one; they may lie along another axis then. */
function mapped(pieces: Pieces, change: (piece: Value) => Value, axis = pieces.axis): readonly Pieces[] {
  return [{ ...pieces, values: pieces.values.map(change), axis }];
}

/** Works element by element, whatever else it takes. */
const elementwise: PiecesRule = (c) => mapped(c.pieces, (piece) => onPiece(c, piece));

/** [.., D, H, ..] to [.., D·H, ..]: the stack becomes a row; or a new axis of size 1 in front. */
const reshape: PiecesRule = ({ pieces, shape, outputShape: after }) => {
  const { axis, stacked, values } = pieces;
  if (after?.length === shape.length + 1 && after[0] === 1 && shape.every((d, i) => d === after[i + 1])) {
    return mapped({ ...pieces, axis: axis + 1 }, (piece) => unsqueeze(piece, [0]));
  }
  const units = shape[axis + 1];
  if (!stacked || typeof units !== 'number' || after?.length !== shape.length - 1) return undefined;
  const before = [...shape.slice(0, axis), values.length * units, ...shape.slice(axis + 2)];
  // One dimension may be spelled in another way: the number of elements does not change.
  const unlike = before.filter((d, i) => d !== after[i]);
  if (after[axis] !== before[axis] || unlike.length > 1 || unlike.some((d) => typeof d === 'number')) return undefined;
  return [{ values, axis, stacked: false, sizes: values.map(() => units) }];
};

const slice: PiecesRule = (c) => {
  const { node, pieces, shape } = c;
  const [starts, ends] = [list(c, 'starts', 1), list(c, 'ends', 2)];
  if (starts === undefined || ends === undefined) return undefined;
  const axes = (list(c, 'axes', 3) ?? [...starts.keys()]).map((a) => normalizeAxis(a, shape.length));
  const steps = list(c, 'steps', 4) ?? starts.map(() => 1);
  if (!axes.every((a) => a !== undefined)) return undefined;
  if (!axes.includes(pieces.axis)) {
    const own = axes.map((a) => axisOfPiece(pieces, a));
    if (own.every((a, i) => a === axes[i])) return elementwise(c);
    if (intsAttribute(node, 'starts') === undefined) return undefined;
    const attributes = { ...node.attributes, axes: { type: 'ints', value: own } } as const;
    return mapped(pieces, (piece) => onPiece(c, piece, attributes));
  }
  const at = axes.indexOf(pieces.axis);
  const size = isUnit(c) ? pieces.values.length : shape[pieces.axis];
  if (typeof size !== 'number' || steps[at] !== 1) return undefined;
  const [start, end] = [sliceBound(starts[at]!, size), sliceBound(ends[at]!, size)];
  if (axes.length > 1) {
    if (!isUnit(c)) return undefined;
    const rest = <T>(all: readonly T[]) => all.filter((_, i) => i !== at);
    const own = rest(axes).map((a) => axisOfPiece(pieces, a!));
    const change = (piece: Value) => sliceOf(piece, rest(starts), rest(ends), own, rest(steps));
    return pick({ ...c, pieces: mapped(pieces, change)[0]! }, range(start, end));
  }
  if (isUnit(c)) return pick(c, range(start, end));
  const only = pieceBetween(pieces, start, end);
  return only && [only];
};

/** The piece of a row that lies exactly between two places. */
function pieceBetween({ values, sizes = [] }: Pieces, start: number, end: number): Value | undefined {
  let begin = 0;
  for (const [i, length] of sizes.entries()) {
    if (begin === start) return begin + length === end ? values[i] : undefined;
    begin += length;
  }
  return undefined;
}

/** One output for each piece. */
const split: PiecesRule = (c) => {
  const { node, pieces, shape } = c;
  const axis = normalizeAxis(intAttribute(node, 'axis', 0), shape.length);
  if (axis !== undefined && axis !== pieces.axis) {
    const own = { ...node.attributes, axis: { type: 'int', value: axisOfPiece(pieces, axis) } } as const;
    const others = node.inputs.slice(1).map((_, i) => operand(c, i + 1));
    const parts = pieces.values.map((piece) => c.b.node('Split', [piece, ...others], own, node.outputs.length));
    return node.outputs.map((_, i): Pieces => ({ ...pieces, values: parts.map((part) => part[i]!) }));
  }
  if (!isUnit(c) || node.outputs.length !== pieces.values.length) return undefined;
  const sizes = list(c, 'split', 1);
  if ((node.inputs[1] && sizes === undefined) || sizes?.some((s) => s !== 1)) return undefined;
  return pieces.values.map((piece) => asSlice(pieces, piece));
};

const rules: Rules<PiecesRule> = {
  Identity: ({ pieces }) => [pieces],
  Transpose: ({ node, pieces, shape }) => {
    const perm = intsAttribute(node, 'perm') ?? [...shape.keys()].reverse();
    const own = perm.filter((p) => !pieces.stacked || p !== pieces.axis).map((p) => axisOfPiece(pieces, p));
    const moved = own.some((p, i) => p !== i);
    return mapped(pieces, (piece) => (moved ? transpose(piece, own) : piece), perm.indexOf(pieces.axis));
  },
  Squeeze: (c) => {
    const { pieces, shape } = c;
    const axes = list(c, 'axes', 1)?.map((a) => normalizeAxis(a, shape.length));
    if (!axes?.every((a) => a !== undefined) || axes.includes(pieces.axis)) return undefined;
    const own = axes.map((a) => axisOfPiece(pieces, a));
    return mapped(pieces, (piece) => squeeze(piece, own), pieces.axis - axes.filter((a) => a < pieces.axis).length);
  },
  Unsqueeze: (c) => {
    const { pieces, shape } = c;
    const given = list(c, 'axes', 1);
    const rank = shape.length + (given?.length ?? 0);
    const axes = given?.map((a) => normalizeAxis(a, rank));
    if (!axes?.every((a) => a !== undefined)) return undefined;
    const kept = range(0, rank).filter((i) => !axes.includes(i));
    const moved = { ...pieces, axis: kept[pieces.axis]! };
    const own = axes.map((a) => axisOfPiece(moved, a));
    return mapped(moved, (piece) => unsqueeze(piece, own));
  },
  Reshape: reshape,
  /** The sizes of a stack: those of a piece, with the number of pieces in between. They may count units; see `reshape`. */
  Shape: ({ b, node, pieces, shape }) => {
    if (!pieces.stacked) return undefined;
    const own = shapeOf(pieces.values[0]!);
    const gathered = (axes: readonly number[]) => (axes.length === 0 ? [] : [gather(own, b.ints(axes))]);
    const before = gathered(range(0, pieces.axis));
    const count = b.ints([pieces.values.length]);
    const all = concat([...before, count, ...gathered(range(pieces.axis, shape.length - 1))], 0);
    const at = (name: string, otherwise: number) => sliceBound(intAttribute(node, name, otherwise), shape.length);
    const [start, end] = [at('start', 0), at('end', shape.length)];
    return [start === 0 && end === shape.length ? all : gather(all, b.ints(range(start, end)))];
  },
  Gather: (c) => {
    const { node, pieces, shape } = c;
    const axis = normalizeAxis(intAttribute(node, 'axis', 0), shape.length);
    const rank = operand(c, 1)?.type.shape?.length;
    if (axis === undefined || rank === undefined) return undefined;
    if (axis !== pieces.axis) {
      const own = { ...node.attributes, axis: { type: 'int', value: axisOfPiece(pieces, axis) } } as const;
      return mapped(pieces, (piece) => onPiece(c, piece, own), pieces.axis + (axis < pieces.axis ? rank - 1 : 0));
    }
    const indices = ints(c, 1);
    if (!isUnit(c) || indices === undefined || rank > 1) return undefined;
    if (rank === 1) return pick(c, indices);
    const piece = pieces.values.at(indices[0]!);
    return piece && [pieces.stacked ? piece : squeeze(piece, [axis])];
  },
  Slice: slice,
  Split: split,
};

/** The rule of a node's operator; undefined where it needs its input as a whole. */
export function piecesRule(node: Node): PiecesRule | undefined {
  return ruleFor(rules, node) ?? (isUnary(node) ? elementwise : undefined);
}
