import { isStatic } from '../../graph/dims.ts';
import { traits } from '../../graph/operators.ts';
import { operatorsWith, type Rules, ruleForEach } from '../../graph/rules.ts';
import type { Dim } from '../../graph/types.ts';
import { obstruct, operand, outputShape, type TraceContext, type TraceRule } from './context.ts';
import { FIXED, type Identities, NONE } from './identities.ts';
import {
  asData,
  type Flow,
  fix,
  fixLong,
  flow,
  isNone,
  isScalar,
  longAxes,
  type Open,
  open,
  plainAxis,
  type Traced,
  uniform,
  type ValueAxis,
  type Weight,
  weight,
} from './traced.ts';

/** One input, same channels out. */
const same: TraceRule = (c) => {
  // A weight that is zero must stay zero for "nothing reads this unit" to be seen in the stored weight.
  const x = traits(c.node).keepsZero ? operand(c, 0) : asData(operand(c, 0));
  return c.node.outputs.map((_, i) => (x.kind === 'flow' ? { ...x, shape: outputShape(c, i) ?? x.shape } : x));
};

/** Several inputs under numpy broadcasting. */
const broadcast: TraceRule = (c) => {
  const operands = c.inputs.filter((x) => x !== undefined);
  const stored = operands.filter((x) => x.kind !== 'flow');
  if (stored.length === operands.length) return combineStored(c, stored);
  return combine(c, operands, outputShape(c)) ?? obstruct(c, 'its operands carry units along different axes');
};

/**
 * Unites the channels of operands that meet element by element. An operand of size 1 along the channels reaches all of
 * them and is tied to none, but must stay. Undefined when the operands' channels lie along different axes.
 */
export function combine(
  { identities }: { readonly identities: Identities },
  operands: readonly Traced[],
  shape: readonly Dim[] | undefined,
): Flow | undefined {
  const position = channelPosition(operands);
  if (position === 'different') return undefined;
  if (position === undefined || shape === undefined) {
    for (const x of operands) if (x.kind !== 'flow' || x.axis !== undefined) fix(x, identities);
    return uniform(shape, operands.every((x) => isNone(x) || isScalar(x)) ? NONE : FIXED);
  }
  const size = shape[shape.length - position]!;
  let ids: Int32Array | undefined;
  let fixed = false;
  const meet = (found: Int32Array) => {
    if (found.length === size) ids = ids === undefined ? found : identities.unite(ids, found);
    else identities.fix(found);
  };
  for (const x of operands) {
    if (x.kind !== 'flow') {
      const own = x.axes.length - position;
      fixLong(x.axes, identities, own);
      const axis = x.axes[own];
      if (axis && (axis.ids.length > 1 || size === 1)) {
        identities.mark(axis.sources, 'bias');
        meet(axis.ids);
      } else if (axis && axis.size !== 1) fixed = true;
    } else if (x.axis !== undefined) meet(x.ids);
    else if (x.ids[0] === FIXED) fixed ||= extent(x, position, size) !== 1;
  }
  if (ids === undefined) return uniform(shape, FIXED);
  if (fixed) identities.fix(ids);
  return flow(shape, shape.length - position, ids);
}

/** Size of an activation at a place counted from the last axis (1). */
function extent(x: Flow, position: number, unknown: Dim): Dim {
  return x.shape === undefined ? unknown : (x.shape[x.shape.length - position] ?? 1);
}

/** Where the channels lie, counted from the last axis (1); undefined when no operand has any. */
function channelPosition(operands: readonly Traced[]): number | 'different' | undefined {
  const flows = operands.filter((x) => x.kind === 'flow');
  const found = new Set(
    flows.flatMap((x) => (x.axis === undefined || x.shape === undefined ? [] : [x.shape.length - x.axis])),
  );
  if (found.size > 1) return 'different';
  if (found.size === 1) return [...found][0];
  const positions = (kind: 'weight' | 'open') =>
    new Set(operands.flatMap((x) => (x.kind === kind ? longAxes(x).map((i) => x.axes.length - i) : [])));
  const ofWeights = positions('weight');
  if (ofWeights.size > 0) return ofWeights.size === 1 ? [...ofWeights][0] : undefined;
  // What is open may carry channels wherever the others have none.
  const free = [...positions('open')].filter((p) => flows.every((x) => isNone(x) || extent(x, p, 0) === 1));
  return free.length === 0 ? undefined : Math.min(...free);
}

/** Stored values computed from stored ones: weights still where the result is zero where the reading weight is. */
function combineStored(c: TraceContext, stored: readonly (Weight | Open)[]): Traced {
  const shape = outputShape(c) ?? [];
  const full = (x: Weight | Open) =>
    x.axes.length === shape.length && x.axes.every((a, i) => a.ids.length === shape[i]);
  const isWeight = stored.every((x) => x.kind === 'weight');
  const scaled = c.node.op === 'Div' && full(stored[0]!) && stored.slice(1).every(isScalar);
  const { linear } = traits(c.node);
  const equal = linear === 'sum' && stored.every(full);
  const axes = shape.map((size, i) => uniteAxes(c.identities, stored, shape.length - i, size));
  return isWeight && (linear === 'product' || scaled || equal) ? weight(axes) : open(axes);
}

function uniteAxes(identities: Identities, stored: readonly (Weight | Open)[], position: number, size: Dim): ValueAxis {
  const axes = stored.flatMap((x) => x.axes[x.axes.length - position] ?? []);
  const followed = axes.filter((a) => a.ids.length === size);
  if (followed.length === 0) return plainAxis(size);
  const ids = followed.map((a) => a.ids).reduce((a, b) => identities.unite(a, b));
  // One that is as long but not followed cannot become shorter.
  if (axes.some((a) => a.ids.length === 0 && a.size !== 1)) identities.fix(ids);
  return { size, ids, sources: followed.flatMap((a) => a.sources) };
}

/** Sizes and the like: numbers that follow from the input at run time and tie nothing. */
const untied: TraceRule = (c) => c.node.outputs.map((_, i) => uniform(outputShape(c, i), NONE));

/** Data of a given shape: whatever it meets. */
const filled: TraceRule = (c) => {
  const shape = outputShape(c);
  return shape === undefined ? uniform(undefined, NONE) : open(shape.map((size, axis) => ownAxis(c, axis, size)));
};

/** An axis of identities that the node itself makes. */
export function ownAxis(c: TraceContext, axis: number, size: Dim): ValueAxis {
  if (typeof size !== 'number' || size <= 1) return plainAxis(size);
  return { size, ids: c.own(axis, size), sources: [] };
}

/** Random numbers in the shape of the input. */
const like: TraceRule = (c) => asData(operand(c, 0));

/** One scale for all elements keeps channels apart; otherwise the stored scales would have to shrink as integers do. */
const quantization: TraceRule = (c) => {
  const x = operand(c, 0);
  const scale = c.inputs[1];
  if (x.kind === 'flow' && x.axis !== undefined && scale !== undefined && !isScalar(scale)) {
    return obstruct(c, 'it quantizes each unit by a scale of its own');
  }
  if (x.kind === 'flow' && x.axis !== undefined) return { ...x, shape: outputShape(c) ?? x.shape };
  fix(x, c.identities);
  for (const other of c.inputs.slice(1)) if (other) fix(other, c.identities);
  const shape = outputShape(c);
  // Integers from the file: open, so that a product says what is wrong with its weight.
  return isStatic(shape) ? open(shape.map(plainAxis)) : uniform(shape, FIXED);
};

/** Rules of operators that treat each element for itself. */
export const elementwiseTraces = {
  ...ruleForEach(operatorsWith({ elementwise: 'unary' }), same),
  ...ruleForEach(operatorsWith({ elementwise: 'broadcast' }), broadcast),
  Shape: untied,
  Size: untied,
  ConstantOfShape: filled,
  RandomNormal: filled,
  RandomUniform: filled,
  RandomNormalLike: like,
  RandomUniformLike: like,
  Bernoulli: like,
  QuantizeLinear: quantization,
  DequantizeLinear: quantization,
} satisfies Rules<TraceRule>;
