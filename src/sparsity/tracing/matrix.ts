import { intAttribute } from '../../graph/attributes.ts';
import type { Dim } from '../../graph/types.ts';
import { obstruct, operand, outputShape, type TraceContext, type TraceRule } from './context.ts';
import { combine } from './elementwise.ts';
import { FIXED, NONE } from './identities.ts';
import { type Flow, fix, flow, isNone, type Traced, uniform, type Weight, type WeightAxis, weight } from './traced.ts';

/** A product: the weight's contracted axis reads the activation's channels, its other axis makes the new ones. */
const matMul: TraceRule = (c) => [product(c, operand(c, 0), operand(c, 1))];

/** op(A) · op(B) + C. */
const gemm: TraceRule = (c) => {
  const turned = (index: number, attribute: string) =>
    intAttribute(c.node, attribute, 0) ? turn(operand(c, index)) : operand(c, index);
  const made = product(c, turned(0, 'transA'), turned(1, 'transB'));
  const bias = c.inputs[2];
  if (bias === undefined) return [made];
  return [combine(c, [made, bias], outputShape(c)) ?? obstruct(c, 'its operands carry units along different axes')[0]!];
};

/** Transpose of a matrix. */
function turn(x: Traced): Traced {
  if (x.kind === 'weight') return weight([...x.axes].reverse());
  return { ...x, shape: x.shape && [...x.shape].reverse(), axis: x.axis === undefined ? undefined : 1 - x.axis };
}

function product(c: TraceContext, a: Traced, b: Traced): Traced {
  const shape = outputShape(c);
  if (a.kind === 'flow' && b.kind === 'flow') {
    if (a.axis === undefined && b.axis === undefined) return uniform(shape, isNone(a) && isNone(b) ? NONE : FIXED);
    return obstruct(c, 'it multiplies two activations')[0]!;
  }
  if (a.kind === 'weight' && b.kind === 'weight') return productOfWeights(c, a, b);
  if (shape === undefined) return obstruct(c, 'the shape of its output is not known')[0]!;
  if (a.kind === 'flow') {
    const w = matrixOf(b as Weight);
    return contract(c, a, -1, w && { reads: w[0]!, makes: w[1] }, shape, shape.length - 1);
  }
  const w = matrixOf(a);
  const vector = b.kind === 'flow' && b.shape?.length === 1;
  const sides = w && { reads: w[w.length - 1]!, makes: w.length === 2 ? w[0] : undefined };
  return contract(c, b as Flow, vector ? -1 : -2, sides, shape, shape.length - (vector ? 1 : 2));
}

/** The one or two axes of a weight that is a vector or a matrix but for leading axes of size 1. */
function matrixOf(w: Weight): readonly WeightAxis[] | undefined {
  const extra = Math.max(0, w.axes.length - 2);
  return w.axes.slice(0, extra).every((a) => a.ids.length === 1) ? w.axes.slice(extra) : undefined;
}

function contract(
  c: TraceContext,
  x: Flow,
  fromEnd: number,
  w: { reads: WeightAxis; makes: WeightAxis | undefined } | undefined,
  shape: readonly Dim[],
  outAxis: number,
): Traced {
  if (w === undefined) return obstruct(c, 'its weight is a stack of matrices')[0]!;
  if (x.axis !== undefined) {
    if (x.shape === undefined || x.axis !== x.shape.length + fromEnd) {
      return obstruct(c, 'it sums over another axis than the one that carries the units')[0]!;
    }
    c.identities.unite(x.ids, w.reads.ids);
  } else if (x.ids[0] === FIXED) c.identities.fix(w.reads.ids);
  c.identities.mark(w.reads.sources, 'reads');
  if (w.makes === undefined) return uniform(shape, FIXED);
  c.identities.mark(w.makes.sources, 'produces');
  return flow(shape, outAxis, w.makes.ids);
}

/** A weight in two factors U · V; the size between them stays. */
function productOfWeights(c: TraceContext, a: Weight, b: Weight): Traced {
  const [left, right] = [matrixOf(a), matrixOf(b)];
  if (left?.length !== 2 || right?.length !== 2 || a.axes.length !== 2 || b.axes.length !== 2) {
    for (const w of [a, b]) fix(w, c.identities);
    return uniform(outputShape(c), FIXED);
  }
  c.identities.fix(left[1]!.ids);
  c.identities.fix(right[0]!.ids);
  return weight([left[0]!, right[1]!]);
}

export const matrixTraces: Readonly<Record<string, TraceRule>> = { MatMul: matMul, Gemm: gemm };
