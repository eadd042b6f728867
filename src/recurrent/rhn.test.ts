import { describe, expect, it } from 'vitest';
import { wrongGradients } from '../../test/support/gradientCheck.ts';
import { largestDifference, numbersOf, randomTensor, runGraph } from '../../test/support/graphs.ts';
import { GraphBuilder } from '../graph/builder.ts';
import type { Graph, Tensor } from '../graph/types.ts';
import { hoistLoops } from '../passes/hoistLoops.ts';
import { maskDropout } from '../passes/maskDropout.ts';
import { parametersAsInputs } from '../passes/parametersAsInputs.ts';
import { rhnLayer } from './rhn.ts';

const [TIME, BATCH, INPUTS, HIDDEN] = [3, 2, 3, 4];

/** A layer with its parameters and mask as inputs, and values for all of them. */
function layerOf(depth: number, keep: number): { graph: Graph; feeds: Record<string, Tensor> } {
  let seed = 1;
  const b = new GraphBuilder('g');
  const x = b.input('x', 'float32', [TIME, BATCH, INPUTS]);
  const init = (dims: readonly number[]) => randomTensor(dims, seed++);
  const { output, state } = rhnLayer(b, 'rhn', x, {
    inputs: INPUTS,
    hidden: HIDDEN,
    depth,
    init,
    transformBias: -0.5,
    keep,
  });
  b.output(output, 'y');
  b.output(b.value(state.output));
  const { initializers } = b.build();
  const { graph: masked, masks } = maskDropout(b.build());
  const feeds: Record<string, Tensor> = {
    x: randomTensor([TIME, BATCH, INPUTS], 50),
    [state.input]: randomTensor([BATCH, HIDDEN], 51),
    ...Object.fromEntries(masks.map((m) => [m.input, randomTensor(m.dims, 52)])),
  };
  const { graph, parameters } = parametersAsInputs(masked);
  for (const { name } of parameters) feeds[name] = initializers.get(name)!;
  return { graph, feeds };
}

/** The equations with plain numbers, one example and unit after the other: y [T, B, H]. */
function byHand(depth: number, feeds: Readonly<Record<string, Tensor>>): number[] {
  const at = (name: string, ...place: number[]) => {
    const { dims, data } = feeds[name]!;
    return Number(data[place.reduce((offset, i, axis) => offset * dims[axis]! + i, 0)]);
  };
  const mask = Object.keys(feeds).find((name) => name.includes('mask'));
  const states = Array.from({ length: BATCH }, (_, b) => Array.from({ length: HIDDEN }, (_, k) => at('rhn.s', b, k)));
  const y: number[] = [];
  for (let t = 0; t < TIME; t++) {
    for (let b = 0; b < BATCH; b++) {
      let s = states[b]!;
      for (let l = 0; l < depth; l++) {
        const z = (row: number) => {
          let sum = at(`rhn.bias_${l}`, row);
          for (let k = 0; k < HIDDEN; k++)
            sum += at(`rhn.recurrent_${l}`, row, k) * s[k]! * (mask ? at(mask, k, b) : 1);
          for (let i = 0; i < INPUTS && l === 0; i++) sum += at('rhn.weight', row, i) * at('x', t, b, i);
          return sum;
        };
        s = s.map((before, k) => {
          const gate = 1 / (1 + Math.exp(-z(HIDDEN + k)));
          return gate * Math.tanh(z(k)) + (1 - gate) * before;
        });
      }
      states[b] = s;
      y.push(...s);
    }
  }
  return y;
}

describe.each([
  [1, 1],
  [1, 0.7],
  [3, 1],
  [3, 0.7],
])('rhnLayer of depth %i, keep %f', (depth, keep) => {
  const { graph, feeds } = layerOf(depth, keep);

  it('computes its equations, and gives out the state after the last step', async () => {
    const { y, 'rhn.s_next': last } = await runGraph(graph, feeds);
    const expected = byHand(depth, feeds);
    expect(y!.dims).toEqual([TIME, BATCH, HIDDEN]);
    expect(largestDifference(numbersOf(y!), expected)).toBeLessThan(1e-5);
    expect(largestDifference(numbersOf(last!), expected.slice(-BATCH * HIDDEN))).toBeLessThan(1e-5);
  });

  it('has the gradients of finite differences', async () => {
    const wrt = Object.keys(feeds).filter((name) => !name.includes('mask'));
    expect(await wrongGradients(graph, feeds, { wrt })).toEqual([]);
    expect(await wrongGradients(graph, feeds, { wrt, rewrite: hoistLoops })).toEqual([]);
  });
});
