import { type Equation, parseEinsum } from '../../graph/infer/einsum.ts';
import type { Rules } from '../../graph/rules.ts';
import { entangle, fixed, obstruct, operand, outputShape, type TraceContext, type TraceRule } from './context.ts';
import {
  alongAxis,
  asFlow,
  type Flow,
  flow,
  longAxes,
  type Open,
  shapeOf,
  type Traced,
  type Weight,
} from './traced.ts';

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
  return product(c, operands[1 - at] as Flow | Open, operands[at] as Weight, equation, at);
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

function product(c: TraceContext, data: Flow | Open, w: Weight, { operands, result }: Equation, at: number): Traced {
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

export const einsumTraces = { Einsum: einsum } satisfies Rules<TraceRule>;
