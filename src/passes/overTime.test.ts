import { describe, expect, it } from 'vitest';
import { wrongGradients } from '../../test/support/gradientCheck.ts';
import { randomTensor } from '../../test/support/graphs.ts';
import { wrongOverTime } from '../../test/support/sideBySide.ts';
import { int64s } from '../graph/attributes.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { add, apply, concat, matmul, mul, sigmoid, slice, squeeze, tanh, unsqueeze } from '../graph/ops.ts';
import { bodiesOf } from '../graph/rewrite.ts';
import type { Graph, Tensor } from '../graph/types.ts';
import { hoistLoops } from './hoistLoops.ts';
import { lowerRecurrent } from './lowerRecurrent.ts';
import { overTime } from './overTime.ts';
import { parametersAsInputs } from './parametersAsInputs.ts';

const STEPS = 4;

type Values = Record<string, Value>;
type Build = (v: Values, b: GraphBuilder) => Readonly<Record<string, Value>>;

/** A graph of one step over x and the states, whose outputs get the names that `build` gives them. */
function stepGraph(inputs: Readonly<Record<string, Tensor>>, build: Build): Graph {
  const b = new GraphBuilder('test');
  const values = Object.fromEntries(
    Object.entries(inputs).map(([name, t]) => [name, b.input(name, t.elementType, t.dims)]),
  );
  for (const [name, value] of Object.entries(build(values, b))) b.output(value, name);
  return lowerRecurrent(b.build());
}

const weight = (b: GraphBuilder, name: string, dims: readonly number[], seed: number) =>
  b.parameter(name, randomTensor(dims, seed, 0.5));

const [BATCH, IN, HIDDEN] = [2, 3, 4];
const x = randomTensor([BATCH, IN], 1);
const h = randomTensor([1, BATCH, HIDDEN], 2);
const c = randomTensor([1, BATCH, HIDDEN], 3);

/** A recurrent operator that runs for one step. */
const operatorOf =
  (op: 'LSTM' | 'GRU', gates: number, states: readonly string[]): Build =>
  (v, b) => {
    const weights = [
      weight(b, 'W', [1, gates * HIDDEN, IN], 4),
      weight(b, 'R', [1, gates * HIDDEN, HIDDEN], 5),
      weight(b, 'B', [1, 2 * gates * HIDDEN], 6),
    ];
    const given = [unsqueeze(v.x!, [0]), ...weights, undefined, ...states.map((s) => v[s])];
    const [y, ...next] = b.node(op, given, { hidden_size: HIDDEN }, 1 + states.length);
    const out = matmul(squeeze(y!, [0, 1]), weight(b, 'O', [HIDDEN, 2], 7));
    return { out, ...Object.fromEntries(states.map((s, i) => [`${s}_next`, next[i]!])) };
  };

/** Convolutions at both ends, a cell that an exporter took apart, states of two kinds in one tensor. */
const takenApart: Build = (v, b) => {
  const encoded = apply('Conv', [unsqueeze(v.x!, [1]), weight(b, 'encoder', [2, 1, 2], 4)]);
  const frame = apply('Flatten', [encoded]);
  const [hidden, cell] = [0, 1].map((i) => squeeze(slice(v.state!, [i], [i + 1], [0]), [0]));
  const gates = add(
    matmul(frame, weight(b, 'W', [4, 2 * HIDDEN], 5)),
    matmul(hidden!, weight(b, 'R', [HIDDEN, 2 * HIDDEN], 6)),
  );
  const [f, g] = b.node('Split', [gates], { axis: 1 }, 2);
  const next = add(mul(sigmoid(f!), cell!), tanh(g!));
  const given = tanh(next);
  const decoded = apply('Conv', [unsqueeze(given, [1]), weight(b, 'decoder', [1, 1, 3], 7)], { pads: [1, 1] });
  return { out: sigmoid(squeeze(decoded, [1])), next: concat([unsqueeze(given, [0]), unsqueeze(next, [0])], 0) };
};

/** A cache of the last frames that ScatterND and Concat move on, and a convolution over it. */
const cached: Build = (v, b) => {
  const frame = unsqueeze(v.x!, [2]);
  const old = squeeze(apply('Gather', [v.cache!, b.ints([1])], { axis: 0 }), [0]);
  const window = concat([old, frame], 2);
  const y = apply('Conv', [window, weight(b, 'kernel', [IN, IN, 3], 4)]);
  const kept = slice(window, [1], [3], [2]);
  const next = apply('ScatterND', [v.cache, b.constant(int64s([1, 1], [1])), unsqueeze(add(kept, mul(y, 0.1)), [0])]);
  return { out: tanh(squeeze(y, [2])), next };
};

interface Model {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly states: Readonly<Record<string, string>>;
  readonly build: Build;
  /** Operators that need not wait for the state. */
  readonly outside: readonly string[];
  /** False where an operator has no gradient. */
  readonly isTrained?: boolean;
}

const models: Record<string, Model> = {
  'an LSTM of one step': {
    ...{ inputs: { x, h, c }, states: { h: 'h_next', c: 'c_next' } },
    build: operatorOf('LSTM', 4, ['h', 'c']),
    outside: ['Scan'],
  },
  'a GRU of one step': {
    ...{ inputs: { x, h }, states: { h: 'h_next' } },
    build: operatorOf('GRU', 3, ['h']),
    outside: ['Scan'],
  },
  'a cell taken apart, between convolutions': {
    ...{ inputs: { x, state: randomTensor([2, BATCH, HIDDEN], 2) }, states: { state: 'next' } },
    build: takenApart,
    outside: ['Conv', 'Scan'],
  },
  'a cache that ScatterND writes': {
    ...{ inputs: { x, cache: randomTensor([2, BATCH, IN, 2], 2) }, states: { cache: 'next' } },
    build: cached,
    outside: ['Scan'],
  },
  'an output that is the state, and one that is the input': {
    ...{ inputs: { x, s: randomTensor([BATCH, IN], 2) }, states: { s: 'next' } },
    build: (v) => {
      const next = tanh(add(v.s!, v.x!));
      return { out: next, next, before: apply('Identity', [v.s]), given: apply('Identity', [v.x]) };
    },
    outside: ['Scan'],
  },
  'something behind the state that no rule knows': {
    ...{ inputs: { x, s: randomTensor([BATCH, IN], 2) }, states: { s: 'next' } },
    build: (v, b) => {
      const next = tanh(add(v.s!, v.x!));
      const [best] = b.node('TopK', [mul(next, 2), b.ints([2])], {}, 2);
      return { out: apply('Neg', [best]), next };
    },
    outside: ['Scan', 'Neg'],
    isTrained: false,
  },
  'what is the same at every step': {
    ...{ inputs: { x, s: randomTensor([BATCH, IN], 2), speaker: randomTensor([IN], 5) }, states: { s: 'next' } },
    build: (v) => {
      const next = tanh(add(mul(v.s!, v.speaker!), v.x!));
      return { out: mul(next, v.speaker!), next };
    },
    outside: ['Scan', 'Mul'],
  },
};

const pairsOf = (states: Model['states']) => Object.entries(states).map(([input, output]) => ({ input, output }));

describe('overTime', () => {
  it.each(Object.entries(models))('%s', async (_, { inputs, states, build, outside }) => {
    const step = stepGraph(inputs, build);
    const pairs = pairsOf(states);
    const scanned = new Set(['x']);
    const over = overTime(step, { steps: STEPS, states: pairs, scanned });
    const ops = over.nodes.map((n) => n.op);
    expect(ops).toEqual(expect.arrayContaining([...outside]));
    expect(ops.filter((op) => op === 'Scan')).toHaveLength(1);
    const feeds = { ...inputs, x: randomTensor([STEPS, BATCH, IN], 8) };
    expect(await wrongOverTime(step, over, feeds, { states: pairs, scanned, steps: STEPS })).toEqual([]);
  });

  it('leaves nothing in the loop but what waits for the state', () => {
    const { inputs, states, build } = models['a cell taken apart, between convolutions']!;
    const over = overTime(stepGraph(inputs, build), { steps: STEPS, states: pairsOf(states), scanned: new Set(['x']) });
    const [body] = over.nodes.flatMap(bodiesOf);
    expect(body!.nodes.filter((n) => n.op === 'Conv')).toEqual([]);
    expect(body!.nodes.filter((n) => n.op === 'MatMul')).toHaveLength(1);
    expect(over.nodes.filter((n) => n.op === 'Conv')).toHaveLength(2);
  });

  it.each(Object.entries(models).filter(([, m]) => m.isTrained !== false))(
    'gives gradients to %s',
    async (_, model) => {
      const { inputs, states, build } = model;
      const over = overTime(stepGraph(inputs, build), {
        steps: STEPS,
        states: pairsOf(states),
        scanned: new Set(['x']),
      });
      const { graph, parameters } = parametersAsInputs(over);
      const weights = parameters.map(({ name, dims }): [string, Tensor] => {
        return [name, { ...over.initializers.get(name)!, dims }];
      });
      const feeds = { ...inputs, x: randomTensor([STEPS, BATCH, IN], 8), ...Object.fromEntries(weights) };
      const seen = over.outputs.map((o) => o.name).filter((name) => !name.endsWith('next'));
      expect(await wrongGradients(graph, feeds, { seen, rewrite: hoistLoops })).toEqual([]);
    },
  );
});
