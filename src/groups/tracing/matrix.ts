import { intAttribute } from '../../graph/attributes.ts';
import { type Equation, parseEinsum } from '../../graph/infer/einsum.ts';
import type { Rules } from '../../graph/rules.ts';
import type { Dim } from '../../graph/types.ts';
import { entangle, fixed, obstruct, operand, outputShape, type TraceContext, type TraceRule } from './context.ts';
import { combine } from './elementwise.ts';
import { FIXED, NONE } from './identities.ts';
import {
  alongAxis,
  asFlow,
  type Flow,
  fixLong,
  flow,
  isNone,
  longAxes,
  type Open,
  shapeOf,
  type Traced,
  uniform,
  type ValueAxis,
  type Weight,
  weight,
} from './traced.ts';

/** A product: the weight's contracted axis reads the activation's channels, its other axis makes the new ones. */
const matMul: TraceRule = (c) => product(c, operand(c, 0), operand(c, 1));

/** op(A) · op(B) + C. */
const gemm: TraceRule = (c) => {
  const turned = (index: number, attribute: string) =>
    intAttribute(c.node, attribute, 0) ? turn(operand(c, index)) : operand(c, index);
  const made = product(c, turned(0, 'transA'), turned(1, 'transB'));
  const bias = c.inputs[2];
  if (bias === undefined) return made;
  return combine(c, [made, bias], outputShape(c)) ?? obstruct(c, 'its operands carry units along different axes');
};

/** Transpose of a matrix. */
function turn(x: Traced): Traced {
  if (x.kind !== 'flow') return { kind: x.kind, axes: [...x.axes].reverse() };
  return { ...x, shape: x.shape && [...x.shape].reverse(), axis: x.axis === undefined ? undefined : 1 - x.axis };
}

function product(c: TraceContext, a: Traced, b: Traced): Traced {
  const shape = outputShape(c);
  if (a.kind === 'weight' && b.kind === 'weight') return productOfWeights(c, a, b);
  if (a.kind !== 'weight' && b.kind !== 'weight') return productOfData(c, a, b, shape);
  if (shape === undefined) return obstruct(c, 'the shape of its output is not known');
  if (b.kind === 'weight') {
    const [reads, makes] = b.axes.length === 1 ? [b.axes[0]!] : b.axes.slice(-2);
    return contract(c, a as Flow | Open, -1, b, reads!, makes, shape, shape.length - 1);
  }
  const matrix = a as Weight;
  const vector = shapeOf(b)?.length === 1;
  const [makes, reads] = matrix.axes.length === 1 ? [undefined, matrix.axes[0]] : matrix.axes.slice(-2);
  return contract(c, b, vector ? -1 : -2, matrix, reads!, makes, shape, shape.length - (vector ? 1 : 2));
}

/** Data times a matrix, or a stack of matrices, whose number stays. */
function contract(
  c: TraceContext,
  data: Flow | Open,
  fromEnd: number,
  stack: Weight,
  reads: ValueAxis,
  makes: ValueAxis | undefined,
  shape: readonly Dim[],
  outAxis: number,
): Traced {
  const { identities } = c;
  const rank = shapeOf(data)?.length ?? 0;
  const x = alongAxis(data, rank + fromEnd, identities);
  fixLong(stack.axes.slice(0, -2), identities);
  if (x.axis !== undefined && x.axis !== rank + fromEnd) {
    // The units are rows of the result: neither summed over nor made here.
    const at = x.axis + shape.length - rank;
    if (makes === undefined || shape[at] !== x.ids.length) {
      return obstruct(c, 'it sums over another axis than the one that carries the units');
    }
    identities.fix(reads.ids);
    identities.fix(makes.ids);
    return flow(shape, at, x.ids);
  }
  return multiplied(c, x, reads, makes, outAxis);
}

/** Channels that one axis of a weight reads; its other one, if it has one, makes those along `outAxis` of the result. */
export function multiplied(
  c: TraceContext,
  x: Flow,
  reads: ValueAxis,
  makes: ValueAxis | undefined,
  outAxis: number,
): Flow {
  const { identities } = c;
  if (x.axis !== undefined) {
    if (x.ids.length !== reads.ids.length) return obstruct(c, 'its weight is put together in a way that hides rows');
    identities.unite(x.ids, reads.ids);
  } else if (x.ids[0] === FIXED) identities.fix(reads.ids);
  identities.mark(reads.sources, 'reads');
  if (makes === undefined || makes.ids.length === 0) return fixed(c);
  identities.mark(makes.sources, 'produces');
  return flow(outputShape(c)!, outAxis, makes.ids);
}

/**
 * Stored times stored: a weight in two factors U · V, or a stored state before the first product. What is summed over
 * leaves together; it counts nowhere when the right side is zero there, whichever of the two the units are read by.
 */
function productOfWeights(c: TraceContext, a: Weight, b: Weight): Traced {
  const { identities } = c;
  const [left, right] = [a.axes.slice(-2), b.axes.slice(-2)];
  const stacked = [...a.axes.slice(0, -2), ...b.axes.slice(0, -2)];
  if (a.axes.length < 2 || b.axes.length < 2 || stacked.some((x) => x.size !== 1)) {
    for (const axis of [...a.axes, ...b.axes]) identities.fix(axis.ids);
    return fixed(c);
  }
  const [made, read] = [left[1]!, right[0]!];
  if (made.ids.length === read.ids.length) identities.unite(made.ids, read.ids);
  else for (const axis of [made, read]) identities.fix(axis.ids);
  identities.mark(made.sources, 'bias');
  identities.mark(read.sources, 'reads');
  const ones = stacked.slice(0, Math.max(a.axes.length, b.axes.length) - 2);
  return weight([...ones, left[0]!, right[1]!]);
}

/**
 * Data times data, [.., M, K] · [.., K, N], as in attention. Units along M, N or a batch axis go through; a sum over the
 * units of both (K) looks at all of them together.
 */
function productOfData(c: TraceContext, a: Flow | Open, b: Flow | Open, shape: readonly Dim[] | undefined): Traced {
  const channels = [a, b].map((x) => (x.kind === 'flow' ? x.axis : undefined));
  if (channels[0] === undefined && channels[1] === undefined)
    return uniform(shape, isNone(a) && isNone(b) ? NONE : FIXED);
  const ranks = [shapeOf(a)?.length, shapeOf(b)?.length];
  if ([a, b].some((x) => x.kind === 'open' && x.axes.some((axis) => axis.size !== 1))) {
    return obstruct(
      c,
      'its weight is not stored as it is used (quantized, or made by an operator that does not keep zeros)',
    );
  }
  if (shape === undefined || !ranks.every((r) => r !== undefined && r >= 2)) {
    return obstruct(c, 'it multiplies two activations of unknown shape');
  }
  const [x, y] = [a, b].map((value) => alongAxis(value, -1, c.identities)) as [Flow, Flow];
  // Places counted from the last axis, 0 without channels: contracted are 1 of the left operand and 2 of the right one.
  const [left, right] = [x, y].map((f) => (f.axis === undefined ? 0 : f.shape!.length - f.axis)) as [number, number];
  const fit = x.ids.length === y.ids.length;
  if (left === 1 && right === 2 && fit) {
    entangle(c, c.identities.unite(x.ids, y.ids));
    return fixed(c);
  }
  // Along M and N each operand's axis is the result's; along a batch axis the other operand has it too, or 1.
  if (left > 2 && left === right && fit) return flow(shape, shape.length - left, c.identities.unite(x.ids, y.ids));
  const [own, other, place] = left > 0 ? [x, y, left] : [y, x, right];
  const alone = left === 0 || right === 0;
  if (alone && left !== 1 && right !== 2 && (place <= 2 || (other.shape!.at(-place) ?? 1) === 1)) {
    return flow(shape, shape.length - place, own.ids);
  }
  return obstruct(c, 'it multiplies two activations along different axes');
}

/** A product with one weight, or one operand alone; products of activations are not followed through Einsum. */
const einsum: TraceRule = (c) => {
  const operands = c.inputs.map((_, i) => operand(c, i));
  const ranks = operands.map((x) => shapeOf(x)?.length ?? -1);
  const equation = ranks.includes(-1) ? undefined : parseEinsum(c.node, ranks);
  if (equation === undefined || outputShape(c) === undefined)
    return obstruct(c, 'the shapes of its operands are not known');
  if (operands.length === 1) return reduced(c, asFlow(operands[0]!, c.identities), equation);
  const at = operands.findIndex((x) => x.kind === 'weight');
  if (operands.length !== 2 || at < 0 || operands[1 - at]!.kind === 'weight') {
    const units = operands.some((x) => x.kind !== 'flow' || x.axis !== undefined);
    return units ? obstruct(c, 'it multiplies two activations, or more than two values') : fixed(c);
  }
  return einsumProduct(c, operands[1 - at] as Flow | Open, operands[at] as Weight, equation, at);
};

/** Letters that only move or are summed over. */
function reduced(c: TraceContext, x: Flow, { operands, result }: Equation): Traced {
  const shape = outputShape(c)!;
  if (x.axis === undefined) return { ...x, shape };
  const letter = operands[0]![x.axis]!;
  // The diagonal of two axes is no channel axis.
  if (operands[0]!.filter((other) => other === letter).length > 1) return obstruct(c, 'it takes a diagonal of units');
  const axis = result.indexOf(letter);
  if (axis >= 0) return flow(shape, axis, x.ids);
  entangle(c, x.ids);
  return fixed(c);
}

function einsumProduct(
  c: TraceContext,
  data: Flow | Open,
  w: Weight,
  { operands, result }: Equation,
  at: number,
): Traced {
  const { identities } = c;
  const shape = outputShape(c)!;
  const [ofData, ofWeight] = [operands[1 - at]!, operands[at]!];
  // What is open carries its channels where the weight sums over it.
  const summed = ofData.findIndex((letter) => ofWeight.includes(letter) && !result.includes(letter));
  const x =
    data.kind === 'open' && longAxes(data).length > 1 ? alongAxis(data, summed, identities) : asFlow(data, identities);
  const letter = x.axis === undefined ? undefined : ofData[x.axis]!;
  const made = ofWeight.findLast((l, i) => !ofData.includes(l) && result.includes(l) && w.axes[i]!.ids.length > 1);
  const passes = letter !== undefined && result.includes(letter);
  let ids = passes ? x.ids : undefined;
  for (const [i, own] of ofWeight.entries()) {
    const axis = w.axes[i]!;
    if (own === letter) {
      if (axis.ids.length !== x.ids.length) {
        if (axis.size !== 1 || !passes) return obstruct(c, 'its sizes do not fit');
        continue;
      }
      const met = identities.unite(x.ids, axis.ids);
      identities.mark(axis.sources, passes ? 'bias' : 'reads');
      if (passes) ids = met;
    } else if (own === made && !passes) identities.mark(axis.sources, 'produces');
    else if (axis.ids.length > 1) {
      if (ofData.includes(own) && !result.includes(own)) identities.mark(axis.sources, 'reads');
      identities.fix(axis.ids);
    }
  }
  if (ids !== undefined) return flow(shape, result.indexOf(letter!), ids);
  if (letter !== undefined && !ofWeight.includes(letter)) entangle(c, x.ids);
  if (made === undefined) return fixed(c);
  return flow(shape, result.indexOf(made), w.axes[ofWeight.indexOf(made)]!.ids);
}

/** Rules of matrix products. */
export const matrixTraces = { MatMul: matMul, Gemm: gemm, Einsum: einsum } satisfies Rules<TraceRule>;
