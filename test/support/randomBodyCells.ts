import { int64s } from '../../src/graph/attributes.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import {
  choose,
  equal,
  gather,
  greater,
  identity,
  less,
  matmul,
  reduceMean,
  relu,
  squeeze,
  unsqueeze,
  where,
} from '../../src/graph/ops.ts';
import type { Graph } from '../../src/graph/types.ts';
import { inside, type Place, reader, type Weights, weightsFor, zerosOf } from './randomBodyParts.ts';
import type { Features } from './randomGraphs.ts';

/*
 * For tests: single layers in loops and branches whose states and units leave them in unusual ways.
 */

/** The features as values of the body, so that what follows is computed there. */
export const within = (b: GraphBuilder, x: Features): Features => ({ ...x, value: b.value(x.value.name) });

/** A condition: a truth value from outside, a rate that is compared, or something that the features say. */
export function condition(p: Place, x: Features): Value {
  if (p.chance(0.15)) return greater(reduceMean(p.b.value(x.value.name)), 0);
  const { flags } = p.known;
  const flag = flags[p.below(flags.length)]!;
  if (flag.type.elementType === 'bool') return p.b.value(flag.name);
  return equal(p.b.value(flag.name), p.b.constant(int64s([], [16000])));
}

/** One step of a layer in a loop, whose states are carried: [1, B, I] → its units [1, B, H], then the new states. */
export function cellStep(p: Place, weights: Weights, r: Value, x: Value, states: readonly Value[]) {
  const { operator, w, bias, hidden, dead } = weights;
  const name = p.root.fresh('layer');
  const outputs = p.b.node(
    operator,
    [x, w, r, bias, undefined, ...states],
    { hidden_size: hidden },
    1 + states.length,
    '',
    name,
  );
  p.known.layers.push({ name, hidden, dead });
  return { units: squeeze(outputs[0]!, [1]), states: outputs.slice(1) };
}

/** A layer in each branch, whose final states begin another layer: the same units in all three. */
export function handedOver(p: Place, x: Features): Features {
  const first = weightsFor(p, 'GRU', x.size, 1);
  const make = (weights: Weights): Graph => {
    const b = new GraphBuilder(p.root.fresh('branch'), p.b);
    const cell = cellStep(inside(p, b), weights, b.value(weights.r.name), within(b, x).value, [
      zerosOf({ ...p, b }, weights.hidden),
    ]);
    b.output(cell.states[0]!);
    b.output(matmul(cell.units, reader(inside(p, b), weights, 2)));
    return b.build();
  };
  const [state, value] = choose(condition(p, x), make(first), make(weightsFor(p, 'GRU', x.size, 1, first)));
  const next = weightsFor(p, 'GRU', x.size, 1, first);
  const cell = cellStep(p, next, next.r, x.value, [state!]);
  p.known.outputs.push(matmul(cell.units, reader(p, next, 2)));
  return { value: value!, size: 2 };
}

/** Units that only one branch gives another axis, as PyTorch's `squeeze` does. */
export function otherRanks(p: Place, x: Features): Features {
  const weights = weightsFor(p, 'RNN', x.size, 1);
  const { units } = cellStep(p, weights, weights.r, x.value, [zerosOf(p, weights.hidden)]);
  const make = (more: boolean): Graph => {
    const b = new GraphBuilder(p.root.fresh('branch'), p.b);
    b.output(more ? unsqueeze(b.value(units.name), [0]) : identity(b.value(units.name)));
    return b.build();
  };
  const ranks = p.chance(0.5) ? ([true, false] as const) : ([false, true] as const);
  const either = choose(condition(p, x), make(ranks[0]), make(ranks[1]))[0]!;
  p.known.outputs.push(matmul(p.chance(0.5) ? relu(either) : either, reader(p, weights, 3)));
  return x;
}

/** A loop that ends by a condition of its own: after some steps, which a rate chooses. */
export function untilStep(p: Place, x: Features): Features {
  const { b } = p;
  const weights = weightsFor(p, 'RNN', x.size, 1);
  const limit = where(
    equal(b.value('rate'), b.constant(int64s([], [16000]))),
    b.constant(int64s([], [1])),
    b.constant(int64s([], [2])),
  );
  const body = new GraphBuilder(p.root.fresh('loop'), b);
  const at = body.input(b.fresh('at'), 'int64', []);
  body.input(b.fresh('go'), 'bool', []);
  const state = body.input(b.fresh('state'), 'float32', [1, 'batch', weights.hidden]);
  const row = unsqueeze(gather(body.value(x.value.name), at), [0]);
  const cell = cellStep(inside(p, body), weights, body.value(weights.r.name), row, [state]);
  body.output(less(at, body.value(limit.name)));
  body.output(cell.states[0]!);
  body.output(matmul(cell.units, reader(inside(p, body), weights, 2)));
  const attributes = { body: { type: 'graph', value: body.build() } } as const;
  const always = b.constant({ elementType: 'bool', dims: [], data: Uint8Array.of(1) });
  const most = b.constant(int64s([], [3]));
  p.known.outputs.push(b.node('Loop', [most, always, zerosOf(p, weights.hidden)], attributes, 2)[1]!);
  return x;
}
