import { expect, it } from 'vitest';
import { recurrentModel } from '../../test/fixtures/finetune/task.ts';
import type { Dim, Model } from '../graph/types.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { timeModels } from './timing.ts';

const timed = (...models: Model[]) =>
  timeModels(
    models.map((model, i) => ({ name: `model ${i + 1}`, model })),
    { runtime: nodeRuntime, threads: 1 },
  );

/** A model whose input has another shape. */
function withInput(shape: readonly Dim[]): Model {
  const model = recurrentModel();
  const inputs = model.graph.inputs.map((info) => ({ ...info, type: { ...info.type, shape } }));
  return { ...model, graph: { ...model.graph, inputs } };
}

it('times models whose free dimensions are batch and time against the first', async () => {
  const found = await timed(recurrentModel(), recurrentModel({ hidden: 3 }));
  expect(found).toMatchObject({ steps: 30, latencies: [{ speedup1: 1, speedup10: 1 }, {}] });
});

it('knows no steps where models fix them', async () => {
  expect(await timed(withInput(['batch', 5, 2]))).toMatchObject({ steps: undefined, latencies: [{ speedup1: 1 }] });
});

it('says what it cannot time, and why', async () => {
  expect(await timed(recurrentModel(), withInput([4, 'time', 2]))).toEqual({
    untimed: 'model 2 fixes how many sequences are side by side',
  });
  const { untimed } = await timed(withInput(['batch', 'time', 'width']));
  expect(untimed).toBe("model 1 does not say how large its free dimension 'width' is");
});
