import { describe, expect, it } from 'vitest';
import { wrongGradients } from '../../test/support/gradientCheck.ts';
import { graphOver, largestDifference, numbersOf, randomTensor, runGraph } from '../../test/support/graphs.ts';
import { differentiate } from '../autodiff/differentiate.ts';
import { int64s } from '../graph/attributes.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import {
  add,
  apply,
  concat,
  gather,
  identity,
  less,
  matmul,
  mul,
  reduceSum,
  shapeOf,
  squeeze,
  tanh,
  unsqueeze,
} from '../graph/ops.ts';
import type { Graph } from '../graph/types.ts';
import { loopToScan } from './loopToScan.ts';
import { lowerRecurrent } from './lowerRecurrent.ts';

const inputs = {
  x: randomTensor([3, 2, 2], 1),
  w: randomTensor([2, 2], 2),
  h: randomTensor([2, 2], 3),
  wx: randomTensor([1, 6, 2], 4),
  wh: randomTensor([1, 6, 2], 5),
};
type Values = Record<keyof typeof inputs, Value>;

interface Body {
  readonly body: GraphBuilder;
  readonly step: Value;
  readonly go: Value;
  readonly states: readonly Value[];
}

/** A Loop over so many steps; `make` gives the condition, the states and the outputs of a step. */
function loopOver(trips: Value, states: readonly Value[], make: (b: Body) => readonly Value[], outputs: number) {
  const b = trips.builder;
  const body = new GraphBuilder(b.fresh('body'), b);
  const step = body.input(b.fresh('step'), 'int64', []);
  const go = body.input(b.fresh('go'), 'bool', []);
  const carried = states.map((s) => body.input(b.fresh('state'), 'float32', s.type.shape));
  for (const value of make({ body, step, go, states: carried })) body.output(value);
  const graph = body.build();
  const untyped = graph.inputs.map((v, i) => (i < 2 ? v : { ...v, type: { ...v.type, shape: undefined } }));
  const always = b.constant({ elementType: 'bool', dims: [], data: Uint8Array.of(1) });
  const attributes = { body: { type: 'graph', value: { ...graph, inputs: untyped } } } as const;
  return b.node('Loop', [trips, always, ...states], attributes, states.length + outputs);
}

const three = (b: GraphBuilder) => b.constant(int64s([], [3]));
const lengthOf = (x: Value) => squeeze(gather(shapeOf(x), x.builder.ints([0])), [0]);
const row = (x: Value, { body, step }: Body) => gather(body.value(x.name), step);
const always = ({ go }: Body) => identity(go);

const loops: Readonly<Record<string, (v: Values, b: GraphBuilder) => readonly Value[]>> = {
  'steps that pick rows': ({ x, w, h }) =>
    loopOver(
      lengthOf(x),
      [h],
      (s) => {
        const next = tanh(add(matmul(s.states[0]!, w), row(x, s)));
        return [always(s), next, next];
      },
      1,
    ),
  'a fixed number of steps that is used as a number': ({ w, h }, b) =>
    loopOver(
      three(b),
      [h],
      (s) => {
        const scale = apply('Cast', [s.step], { to: 1 });
        return [always(s), tanh(mul(matmul(s.states[0]!, w), add(scale, 0.5)))];
      },
      0,
    ),
  'an operator with carried states': ({ x, wx, wh, h }) =>
    loopOver(
      lengthOf(x),
      [unsqueeze(h, [0])],
      (s) => {
        const cell = [unsqueeze(row(x, s), [0]), wx, wh, undefined, undefined, s.states[0]];
        const [y, last] = s.body.node('GRU', cell, { hidden_size: 2 }, 2);
        return [always(s), last!, squeeze(y!, [0, 1])];
      },
      1,
    ),
  'a weight that is carried': ({ x, w, h }) =>
    loopOver(
      lengthOf(x),
      [h, w],
      (s) => {
        const next = tanh(add(matmul(s.states[0]!, s.states[1]!), row(x, s)));
        return [always(s), next, identity(s.states[1]!), next];
      },
      1,
    ),
  'a loop in a loop': ({ x, w, h }, b) =>
    loopOver(
      lengthOf(x),
      [h],
      (s) => {
        const inner = loopOver(
          s.body.value(three(b).name),
          [add(s.states[0]!, row(x, s))],
          (t) => [always(t), tanh(matmul(t.states[0]!, w))],
          0,
        )[0]!;
        return [always(s), inner, mul(inner, inner)];
      },
      1,
    ),
};

const opsIn = (graph: Graph) => graph.nodes.map((n) => n.op);

describe('loopToScan', () => {
  it.each(Object.entries(loops))('writes a loop so that it can be trained: %s', async (_, make) => {
    const graph = graphOver(inputs, make);
    const scans = loopToScan(graph);
    expect(opsIn(scans)).toContain('Scan');
    expect(opsIn(scans)).not.toContain('Loop');
    const [before, after] = [await runGraph(graph, inputs), await runGraph(scans, inputs)];
    for (const [name, tensor] of Object.entries(before)) {
      expect(largestDifference(numbersOf(tensor), numbersOf(after[name]!))).toBeLessThan(1e-6);
    }
    expect(await wrongGradients(lowerRecurrent(scans), inputs)).toEqual([]);
  });

  it('takes a number of steps that is not known before the run', async () => {
    const steps = { n: int64s([], [2]), ...inputs };
    const graph = graphOver(steps, ({ n, w, h }) =>
      loopOver(n, [h], (s) => [always(s), tanh(matmul(s.states[0]!, w))], 0),
    );
    const scans = loopToScan(graph);
    expect(opsIn(scans)).toContain('Scan');
    expect(await wrongGradients(scans, steps)).toEqual([]);
  });

  it.each<[string, (s: Body, h: Value) => readonly Value[]]>([
    ['end by a condition', (s) => [less(reduceSum(s.states[0]!), 1), tanh(s.states[0]!)]],
    ['have states that grow', (s, h) => [always(s), concat([s.states[0]!, h], 0)]],
  ])('leaves loops that %s, which training then refuses', (_, make) => {
    const graph = graphOver({ h: inputs.h }, ({ h }, b) => loopOver(three(b), [h], (s) => make(s, h), 0));
    const same = loopToScan(graph);
    expect(opsIn(same)).toContain('Loop');
    const b = GraphBuilder.from(same);
    const loss = reduceSum(b.value(same.outputs[0]!.name));
    expect(() => differentiate(b.build(), loss.name, ['h'])).toThrow(/cannot differentiate Loop.*number of steps/);
  });
});
