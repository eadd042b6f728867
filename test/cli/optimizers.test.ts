import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveArrays } from '../../src/data/arrays.ts';
import { saveModel } from '../../src/onnx/file.ts';
import type { RunResult } from '../../src/runs/result.ts';
import type { EpochMetrics } from '../../src/train/metrics.ts';
import { recurrentModel, sumTask } from '../fixtures/finetune/task.ts';
import { expectSameRun, trainWithOneKill } from '../support/killing.ts';
import { expectRefused } from '../support/refused.ts';
import { makeFolder, runJson, strongIss, timelessMetrics, tiny, writeCorpus } from '../support/runCli.ts';

/*
 * Every optimizer and every schedule from the command line. Units die on the way, so that what an optimizer remembers
 * leaves with its units.
 */

let folder: string;
const at = (...path: string[]) => join(folder, ...path);
const onText = ['train', ...tiny, '--data', 'text', ...strongIss];

beforeAll(async () => {
  folder = makeFolder();
  writeCorpus(at('text'));
  await saveModel(at('model.onnx'), recurrentModel({ hidden: 12 }));
  await saveArrays(at('train.npz'), sumTask(240));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rates = (run: string) => (timelessMetrics(at(run)) as EpochMetrics[]).map((m) => m.learningRate);

/** Rates from 0.2 that fall to a tenth after each epoch that was no better than all before. */
function ratesAtPlateaus(scores: readonly number[]): number[] {
  const worse = scores.map((score, i) => i > 0 && score >= Math.min(...scores.slice(0, i)));
  return scores.map((_, epoch) => Number((0.2 * 0.1 ** worse.slice(0, epoch).filter(Boolean).length).toFixed(4)));
}

describe.each([
  {
    optimizer: 'sgd',
    flags: ['--ema', '0.9', '--weight-decay', '1e-4'],
    fields: { ema: 0.9, weightDecay: 1e-4 },
    schedule: 'constant',
    course: ['--learning-rate', '1'],
    expected: [1, 1, 1],
  },
  {
    optimizer: 'momentum',
    flags: ['--momentum', '0.8', '--nesterov'],
    fields: { momentum: 0.8, nesterov: true },
    schedule: 'step',
    course: ['--learning-rate', '0.4', '--decay', '0.5', '--flat-epochs', '2'],
    expected: [0.4, 0.4, 0.2],
  },
  {
    optimizer: 'adam',
    flags: ['--beta2', '0.99'],
    fields: { beta1: 0.9, beta2: 0.99, epsilon: 1e-8 },
    schedule: 'cosine',
    course: ['--learning-rate', '0.02', '--warmup', '20', '--min-rate', '0.001'],
    // Those of the last update of each epoch.
    expected: [0.0153, 0.0058, 0.001],
  },
  {
    optimizer: 'adamw',
    flags: ['--weight-decay', '0.1', '--ema', '0.9'],
    fields: { weightDecay: 0.1, ema: 0.9 },
    schedule: 'plateau',
    // A rate at which some epoch is no better than those before: which one, rounding decides.
    course: ['--learning-rate', '0.2', '--decay', '0.1', '--plateau-patience', '1', '--epochs', '7'],
    expected: undefined,
  },
])('$optimizer, $schedule', ({ optimizer, flags, fields, schedule, course, expected }) => {
  const training = [...onText, '--optimizer', optimizer, ...flags, '--schedule', schedule, ...course];
  let result: RunResult;

  beforeAll(async () => {
    result = await runJson<RunResult>([...training, '--out', optimizer], folder);
  });

  it('learns, lets units die, and leaves its choices in the configuration', () => {
    expect(result.config).toMatchObject({ optimizer: { kind: optimizer, ...fields }, schedule: { kind: schedule } });
    const last = result.history.at(-1)!;
    expect(last.valid!.perplexity).toBeLessThan(15);
    expect(last.units.reduce((a, b) => a + b)).toBeLessThan(24);
    expect(result.verify!.maxRelativeDifference).toBeLessThan(1e-5);
    const decaying = () => ratesAtPlateaus(result.history.map(({ valid }) => valid!.perplexity!));
    expect(rates(optimizer).map((rate) => Number(rate.toFixed(4)))).toEqual(expected ?? decaying());
    if (expected === undefined) expect(rates(optimizer).at(-1)).toBeLessThan(rates(optimizer)[0]!);
  });

  it('goes on after a kill as if nothing had happened', async () => {
    await trainWithOneKill(folder, `${optimizer}-killed`, training);
    expectSameRun(folder, `${optimizer}-killed`, optimizer);
  });
});

describe('asgd', () => {
  // Steps so large that the score gets worse now and then.
  const noisy = ['--iss', '0.002', '--threshold', '0.03', '--learning-rate', '2', '--schedule', 'constant'];
  const training = [
    ...onText,
    ...noisy,
    '--epochs',
    '6',
    '--optimizer',
    'asgd',
    '--non-monotone',
    '1',
    '--average-from',
    '1',
  ];

  it('averages once the score gets worse, also where it was killed', async () => {
    const { history } = await runJson<RunResult>([...training, '--out', 'asgd'], folder);
    const scores = history.map(({ valid }) => valid!.perplexity!);
    const worse = scores.findIndex((score, i) => i > 1 && score > Math.min(...scores.slice(0, i - 1)));
    expect(worse).toBeGreaterThan(1);
    expect(worse).toBeLessThan(5);
    // The average of noisy weights is better than any of them.
    expect(scores[5]).toBeLessThan(0.9 * Math.min(...scores.slice(0, worse + 1)));
    await trainWithOneKill(folder, 'asgd-killed', training);
    expectSameRun(folder, 'asgd-killed', 'asgd');
  });
});

describe('--ema', () => {
  it('scores and saves other weights; those that are trained are the same', async () => {
    const training = [...onText, '--epochs', '1'];
    const plain = await runJson<RunResult>([...training, '--out', 'plain'], folder);
    const averaged = await runJson<RunResult>([...training, '--ema', '0.95', '--out', 'averaged'], folder);
    expect(averaged.history[0]!.train).toEqual(plain.history[0]!.train);
    expect(averaged.history[0]!.valid).not.toEqual(plain.history[0]!.valid);
    expect(averaged.models[0]!.scores.valid).toEqual(averaged.history[0]!.valid);
  });
});

describe('without held-out data', () => {
  const tune = ['finetune', 'model.onnx', '--data', 'train.npz', '--loss', 'cross-entropy', '--target', 'y'];
  const onward = [...tune, '--epochs', '1', '--threads', '1', '--out', 'new'];

  it.each([
    ['--optimizer asgd', ['--optimizer', 'asgd']],
    ['--schedule plateau', ['--schedule', 'plateau']],
    ['--patience', ['--patience', '2']],
    ['--optimizer asgd and --schedule plateau', ['--optimizer', 'asgd', '--schedule', 'plateau']],
  ])('%s would never act: refused', async (named, flags) => {
    const verb = named.includes(' and ') ? 'go' : 'goes';
    await expectRefused(folder, [...onward, ...flags], `${named} ${verb} by scores on held-out data`, '--valid');
  });

  it('they act where there are some', async () => {
    copyFileSync(at('train.npz'), at('valid.npz'));
    const flags = ['--optimizer', 'asgd', '--schedule', 'plateau', '--patience', '2', '--valid', 'valid.npz'];
    const { history } = await runJson<RunResult>([...onward, ...flags], folder);
    expect(history[0]!.valid!.accuracy).toBeGreaterThan(0);
  });
});

describe('what does not go together', () => {
  const onward = [...onText, '--out', 'new'];
  it.each([
    ['--momentum without its optimizer', ['--momentum', '0.9'], '--momentum needs --optimizer momentum'],
    ['fields of Adam', ['--beta2', '0.99'], '--beta2 needs --optimizer adam (or --optimizer adamw)'],
    ['--non-monotone', ['--non-monotone', '3'], '--non-monotone needs --optimizer asgd'],
    ['--min-rate', ['--min-rate', '0.1'], '--min-rate needs --schedule cosine (or --schedule plateau)'],
    ['an unknown optimizer', ['--optimizer', 'adma'], '--optimizer: expected sgd or momentum or adam or adamw or asgd'],
    ['an unknown schedule', ['--schedule', 'cosin'], '--schedule: expected step or constant or cosine or plateau, got'],
    ['an average that never moves', ['--ema', '1'], '--ema: expected less than 1, got 1'],
  ])('%s', (_title, flags, message) => expectRefused(folder, [...onward, ...flags], message));
});
