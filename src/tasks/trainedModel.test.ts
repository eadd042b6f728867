import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSettings } from '../config/readSettings.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { saveModel } from '../onnx/file.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';
import { quantizeModel } from '../quantize/quantize.ts';
import { presets, taskNamed } from './registry.ts';

/** Tasks whose models slimrnn makes itself, and the smallest ones that lose nothing of what their files hold. */
const small = {
  'language-model': {
    preset: 'zaremba-small',
    fields: { hidden: [40, 40], embedding: 40, vocabulary: 300, trainTokens: 3000, keep: 0.5 },
  },
  'text-classification': { preset: 'spam', fields: { hidden: [40], embedding: 40, keep: 0.5 } },
  'question-answering': { preset: 'bidaf-tiny', fields: { hidden: [40], keep: 0.5 } },
};

/** Furthest that a weight is from what it was. */
function furthest({ data }: Tensor, from: Tensor): number {
  const values = data as Float32Array;
  return values.reduce((most, value, i) => Math.max(most, Math.abs(value - (from.data[i] as number))), 0);
}

const dropouts = ({ graph }: Model) => graph.nodes.filter(({ op }) => op === 'Dropout').length;

describe.each(Object.entries(small))('--init of %s', (name, { preset, fields }) => {
  const task = taskNamed(name)!;
  const config = readSettings('small', fields, presets[preset]!);
  const folder = mkdtempSync(join(tmpdir(), 'slimrnn-init-'));
  const [whole, half, int8] = ['whole', 'half', 'int8'].map((form) => join(folder, `${form}.onnx`)) as [
    string,
    string,
    string,
  ];
  const loaded = async (init?: string) => (await task.load(config, { init })).model();
  let trained: Model;

  beforeAll(async () => {
    trained = withoutDropout(await loaded());
    await saveModel(whole, trained);
    await saveModel(half, quantizeModel(trained, { to: 'fp16' }).model);
    await saveModel(int8, quantizeModel(trained, { to: 'int8' }).model);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('knows the sizes of a file in 16 bits', async () => {
    expect(await task.settingsOf!(half)).toEqual(await task.settingsOf!(whole));
  });

  it('takes the weights of a file in 16 bits, and dropout from the configuration', async () => {
    const model = await loaded(half);
    expect(dropouts(model)).toBeGreaterThan(0);
    expect(dropouts(model)).toBe(dropouts(await loaded(whole)));
    for (const [weights, tensor] of trained.graph.initializers) {
      if (tensor.elementType === 'float32') {
        expect(furthest(model.graph.initializers.get(weights)!, tensor), weights).toBeLessThan(2 ** -10);
      }
    }
  });

  it('says that quantized weights cannot be trained on', async () => {
    const message = `--init ${int8}: its weights are quantized; take the model that it was made from`;
    await expect(task.settingsOf!(int8)).rejects.toThrow(message);
    await expect(loaded(int8)).rejects.toThrow(message);
  });
});
