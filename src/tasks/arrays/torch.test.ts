import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { numbersOf } from '../../../test/support/graphs.ts';
import { configOf, optionsFor } from '../../../test/support/training.ts';
import type { Settings } from '../../base/fields.ts';
import { floats, int64s } from '../../graph/attributes.ts';
import type { Tensor } from '../../graph/types.ts';
import { loadModel } from '../../onnx/file.ts';
import { nodeRuntime } from '../../runtime/node.ts';
import { train } from '../../train/trainer.ts';
import { loadedArrays } from './loadedArrays.ts';

/*
 * Four updates of a model that PyTorch exported, beside the same four updates in PyTorch
 * (scripts/fixtures/make_finetune.py). One full batch an epoch, so that the order of the examples does not matter.
 */

interface Reference {
  readonly tokens: number[][];
  readonly length: number[];
  readonly label: number[];
  readonly step_target: number[][];
  readonly runs: Readonly<Record<string, { losses: number[]; logits: number[]; steps: number[] }>>;
}

const at = (file: string) => fileURLToPath(new URL(`../../../test/fixtures/finetune/${file}`, import.meta.url));
const reference = JSON.parse(readFileSync(at('reference.json'), 'utf8')) as Reference;
const count = reference.length.length;

const arrays = new Map<string, Tensor>([
  ['tokens', int64s([count, 6], reference.tokens.flat())],
  ['length', int64s([count], reference.length)],
  ['label', int64s([count], reference.label)],
  ['step_target', floats([count, 6], reference.step_target.flat())],
]);

const common = { task: 'arrays', epochs: 4, batch: count, threads: 1 };
const sgd = { ...common, optimizer: 'sgd', learningRate: 0.5 } as const;
const adam = { ...common, optimizer: 'adam', learningRate: 0.05 } as const;
const classes = { loss: 'cross-entropy', targetArray: 'label', output: 'logits' } as const;
const steps = { targetArray: 'step_target', output: 'steps', lengths: 'length' } as const;

const cases: [run: string, settings: Settings][] = [
  ['cross-entropy sgd', { ...sgd, ...classes }],
  ['cross-entropy adam', { ...adam, ...classes }],
  ['bce adam', { ...adam, ...steps, loss: 'bce' }],
  ['mse sgd', { ...sgd, ...steps, loss: 'mse' }],
];

describe('fine-tuning beside PyTorch', () => {
  it.each(cases)('%s', async (name, settings) => {
    const { losses, logits, steps: stepScores } = reference.runs[name]!;
    const model = await loadModel(at('classifier.onnx'));
    const config = configOf(settings);
    const task = loadedArrays(config, model, { train: { source: 'reference.json', arrays } });
    const { model: trained, history } = await train(optionsFor({ config, task }));
    history.forEach((epoch, i) => {
      expect(Math.abs((epoch.train.loss ?? epoch.train.mse)! - losses[i]!), `loss of update ${i + 1}`).toBeLessThan(
        2e-5,
      );
    });
    const session = await nodeRuntime.createSession(trained, { threads: 1 });
    const got = await session.run({ tokens: arrays.get('tokens')!, length: arrays.get('length')! });
    await session.release();
    const worst = (a: number[], b: readonly number[]) => Math.max(...a.map((x, i) => Math.abs(x - b[i]!)));
    expect(worst(numbersOf(got.logits!), logits)).toBeLessThan(2e-4);
    expect(worst(numbersOf(got.steps!), stepScores)).toBeLessThan(2e-4);
  });
});
