import { expect, it } from 'vitest';
import { randomTensor } from '../../test/support/graphs.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { matmul, squeeze } from '../graph/ops.ts';
import type { Model } from '../graph/types.ts';
import { latencyPair } from './latencies.ts';
import { quantizeModel } from './quantize.ts';

/** An LSTM whose free dimensions are known by where it reads them, over sequences with lengths. */
function lstmModel(): Model {
  const b = new GraphBuilder('lstm');
  const x = b.input('x', 'float32', ['n', 'm', 8]);
  const weights = [8, 16].map((inputs, i) => b.parameter(`w${i}`, randomTensor([1, 64, inputs], i)));
  const inputs = [x, ...weights, undefined, b.input('lengths', 'int32', ['m'])];
  const [y] = b.node('LSTM', inputs, { hidden_size: 16 }, ['y']);
  b.output(matmul(squeeze(y!, [1]), b.parameter('head', randomTensor([16, 20]))), 'out');
  return modelOf(b.build());
}

it('times a model and its quantized form on the same inputs, on each device', async () => {
  const model = lstmModel();
  for (const device of ['cpu', 'wasm'] as const) {
    const pair = await latencyPair(device, model, quantizeModel(model).model, 1);
    expect(pair).toMatchObject({ device, batch: 1, steps: 30, before: expect.any(Number), after: expect.any(Number) });
  }
});

it('says why nothing could be timed', async () => {
  const model = lstmModel();
  const broken = {
    ...model,
    graph: { ...model.graph, nodes: model.graph.nodes.map((n) => ({ ...n, domain: 'other' })) },
  };
  expect(await latencyPair('cpu', model, broken, 1)).toEqual({
    device: 'cpu',
    problem: expect.stringMatching(/other/),
  });
});
