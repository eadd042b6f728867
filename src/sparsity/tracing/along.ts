import { intAttribute, intsAttribute } from '../../graph/attributes.ts';
import { normalizeAxis } from '../../graph/dims.ts';
import { obstruct, operand, outputShape, type TraceContext, type TraceRule } from './context.ts';
import { FIXED } from './identities.ts';
import { asFlow, range, uniform } from './traced.ts';

/*
 * Operators along an axis. When the units lie along it, every unit has a part in the result: none can leave unseen.
 */

/** Softmax and its like: every element depends on all others along the axes from `axis` on. */
const normalisation =
  (onlyThatAxis: boolean): TraceRule =>
  (c) => {
    const x = asFlow(operand(c, 0), c.identities);
    const rank = x.shape?.length;
    if (x.axis === undefined || rank === undefined)
      return c.node.outputs.map((_, i) => ({ ...x, shape: outputShape(c, i) }));
    const axis = normalizeAxis(intAttribute(c.node, 'axis', -1), rank) ?? 0;
    if (x.axis === axis || (!onlyThatAxis && x.axis > axis)) c.identities.fix(x.ids);
    for (const other of c.inputs.slice(1)) if (other?.kind === 'weight') asFixed(c, other);
    return c.node.outputs.map((_, i) => (i === 0 ? x : uniform(outputShape(c, i), FIXED)));
  };

function asFixed(c: TraceContext, x: NonNullable<TraceContext['inputs'][number]>): void {
  c.identities.fix(asFlow(x, c.identities).ids);
}

const reduce: TraceRule = (c) => {
  const x = asFlow(operand(c, 0), c.identities);
  const shape = outputShape(c);
  if (x.axis === undefined) return [{ ...x, shape }];
  const rank = x.shape?.length ?? 0;
  const given = intsAttribute(c.node, 'axes') ?? c.ints(1);
  if (shape === undefined || (given === undefined && c.inputs[1])) return obstruct(c, 'its axes are not known');
  const none = given === undefined || given.length === 0;
  if (none && intAttribute(c.node, 'noop_with_empty_axes', 0)) return [x];
  const axes = none ? range(0, rank) : given.map((a) => normalizeAxis(a, rank)!);
  return [reduced(c, x, axes)];
};

const argReduce: TraceRule = (c) => {
  const x = asFlow(operand(c, 0), c.identities);
  if (x.axis === undefined) return [{ ...x, shape: outputShape(c) }];
  return [reduced(c, x, [normalizeAxis(intAttribute(c.node, 'axis', 0), x.shape?.length ?? 0)!])];
};

function reduced(c: TraceContext, x: ReturnType<typeof asFlow>, axes: readonly number[]) {
  const shape = outputShape(c);
  if (x.axis === undefined || axes.includes(x.axis)) {
    c.identities.fix(x.ids);
    return uniform(shape, FIXED);
  }
  const before = axes.filter((a) => a < x.axis!).length;
  return { ...x, shape, axis: intAttribute(c.node, 'keepdims', 1) ? x.axis : x.axis - before };
}

/** Rules of the operators that work along an axis. */
export const alongTraces: Readonly<Record<string, TraceRule>> = {
  Softmax: normalisation(true),
  LogSoftmax: normalisation(true),
  LayerNormalization: normalisation(false),
  ...Object.fromEntries(
    'ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceSumSquare ReduceLogSumExp'
      .split(' ')
      .map((op) => [op, reduce]),
  ),
  ArgMax: argReduce,
  ArgMin: argReduce,
};
