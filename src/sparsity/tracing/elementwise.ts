import type { Dim } from '../../graph/types.ts';
import { fixedOutputs, obstruct, operand, outputShape, type TraceContext, type TraceRule } from './context.ts';
import { FIXED, type Identities, NONE } from './identities.ts';
import { asFlow, fix, flow, isNone, type Traced, uniform, type Weight, type WeightAxis, weight } from './traced.ts';

/** One input, same channels out. */
const same: TraceRule = (c) => {
  const x = operand(c, 0);
  // A weight that is zero must stay zero for "nothing reads this unit" to be seen in the stored weight.
  if (x.kind === 'weight' && !keepsZero.has(c.node.op)) {
    fix(x, c.identities);
    return fixedOutputs(c);
  }
  return c.node.outputs.map((_, i) => (x.kind === 'weight' ? x : { ...x, shape: outputShape(c, i) ?? x.shape }));
};

const keepsZero = new Set('Abs Cast Dropout Identity Neg Relu Sign Sqrt Tanh'.split(' '));

/** Several inputs under numpy broadcasting. */
const broadcast: TraceRule = (c) => {
  const operands = c.inputs.filter((x) => x !== undefined);
  const weights = operands.filter((x) => x.kind === 'weight');
  if (weights.length === operands.length) return [combineWeights(c, weights)];
  return [combine(c, operands, outputShape(c)) ?? obstruct(c, 'its operands carry units along different axes')[0]!];
};

/**
 * Unites the channels of operands that meet element by element. An operand of size 1 along the channels reaches all of
 * them and is tied to none, but must stay. Undefined when the operands' channels lie along different axes.
 */
export function combine(
  { identities }: { readonly identities: Identities },
  operands: readonly Traced[],
  shape: readonly Dim[] | undefined,
): Traced | undefined {
  const position = channelPosition(operands);
  if (position === 'different') return undefined;
  if (position === undefined || shape === undefined) {
    for (const x of operands) if (x.kind === 'weight' || x.axis !== undefined) fix(x, identities);
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
    if (x.kind === 'weight') {
      const own = x.axes.length - position;
      x.axes.forEach((a, i) => {
        if (i !== own && a.ids.length > 1) identities.fix(a.ids);
      });
      const axis = x.axes[own];
      if (axis && (axis.ids.length > 1 || size === 1)) {
        identities.mark(axis.sources, 'bias');
        meet(axis.ids);
      }
    } else if (x.axis !== undefined) meet(x.ids);
    else if (x.ids[0] === FIXED) {
      const beside = x.shape === undefined ? size : (x.shape[x.shape.length - position] ?? 1);
      fixed ||= beside !== 1;
    }
  }
  if (ids === undefined) return uniform(shape, FIXED);
  if (fixed) identities.fix(ids);
  return flow(shape, shape.length - position, ids);
}

/** Where the channels lie, counted from the last axis (1); undefined when no operand has any. */
function channelPosition(operands: readonly Traced[]): number | 'different' | undefined {
  const of = (x: Traced): number[] => {
    if (x.kind === 'flow') return x.axis === undefined || x.shape === undefined ? [] : [x.shape.length - x.axis];
    return x.axes.flatMap((a, i) => (a.ids.length > 1 ? [x.axes.length - i] : []));
  };
  const flows = new Set(operands.filter((x) => x.kind === 'flow').flatMap(of));
  if (flows.size > 1) return 'different';
  if (flows.size === 1) return [...flows][0];
  const weights = new Set(operands.flatMap(of));
  return weights.size === 1 ? [...weights][0] : undefined;
}

function isScalar(x: Traced): boolean {
  return x.kind === 'weight' && x.axes.every((a) => a.ids.length === 1);
}

/**
 * Weights computed from weights, as long as the result is zero where the reading weight is: products, and sums of
 * equals.
 */
function combineWeights(c: TraceContext, weights: readonly Weight[]): Traced {
  const shape = outputShape(c) ?? [];
  const equal = weights.every(
    (w) => w.axes.length === shape.length && w.axes.every((a, i) => a.ids.length === shape[i]),
  );
  if (c.node.op === 'Mul' || (equal && ['Add', 'Sub', 'Sum'].includes(c.node.op))) {
    return weight(shape.map((size, i) => uniteAxes(c.identities, weights, shape.length - i, size)));
  }
  for (const w of weights) fix(w, c.identities);
  return uniform(shape, weights.every(isScalar) ? NONE : FIXED);
}

function uniteAxes(identities: Identities, weights: readonly Weight[], position: number, size: Dim): WeightAxis {
  const axes = weights.flatMap((w) => w.axes[w.axes.length - position] ?? []).filter((a) => a.ids.length === size);
  return {
    ids: axes.map((a) => a.ids).reduce((a, b) => identities.unite(a, b)),
    sources: axes.flatMap((a) => a.sources),
  };
}

/** Data of a shape or at random: sizes follow from the input, the values tie nothing. */
const untied: TraceRule = (c) => c.node.outputs.map((_, i) => uniform(outputShape(c, i), NONE));

/** Random numbers in the shape of the input. */
const like: TraceRule = (c) => [asFlow(operand(c, 0), c.identities)];

const named = (names: string, rule: TraceRule) => Object.fromEntries(names.split(' ').map((op) => [op, rule]));

export const elementwiseTraces: Readonly<Record<string, TraceRule>> = {
  ...named(
    'Abs Cast Ceil Clip Cos Dropout Elu Erf Exp Floor Gelu HardSigmoid HardSwish Identity LeakyRelu Log Neg Not ' +
      'Reciprocal Relu Round Selu Sigmoid Sign Sin Softplus Softsign Sqrt Tanh ThresholdedRelu',
    same,
  ),
  ...named(
    'Add Sub Mul Div Pow Mod Max Min Sum Mean PRelu Where Equal Greater GreaterOrEqual Less LessOrEqual And Or Xor',
    broadcast,
  ),
  ...named('Shape Size Range ConstantOfShape', untied),
  RandomUniformLike: like,
};
