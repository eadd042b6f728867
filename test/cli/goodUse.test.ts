import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Settings } from '../../src/base/fields.ts';
import { randomStream } from '../../src/base/random.ts';
import type { ResultModel } from '../../src/runs/record.ts';
import type { RunResult } from '../../src/runs/result.ts';
import * as ort from '../../src/runtime/nodeEngine.ts';
import type { EpochMetrics } from '../../src/train/metrics.ts';
import {
  makeFolder,
  runCli,
  runJson,
  sentencesOf,
  startCli,
  strongIss,
  timelessMetrics,
  tiny,
  writeCorpus,
} from '../support/runCli.ts';

let folder: string;
let dense: RunResult;
let iss: RunResult;
const at = (...path: string[]) => join(folder, ...path);
const onText = ['train', ...tiny, '--data', 'text'];

beforeAll(async () => {
  folder = makeFolder();
  writeCorpus(at('text'));
  dense = await runJson<RunResult>([...onText, '--out', 'dense'], folder);
  iss = await runJson<RunResult>([...onText, ...strongIss, '--no-shrink', '--out', 'iss'], folder);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const countShape = { stored: expect.any(Number), nonzero: expect.any(Number) };
const modelShape = {
  name: expect.any(String),
  file: expect.any(String),
  bytes: expect.any(Number),
  hidden: [expect.any(Number), expect.any(Number)],
  parameters: expect.any(Number),
  split: {
    embedding: countShape,
    recurrent: countShape,
    output: countShape,
  },
  multiplyAdds: expect.any(Number),
  scores: { valid: { perplexity: expect.any(Number) }, test: { perplexity: expect.any(Number) } },
};

describe('help', () => {
  const commands: [command: string, ...flags: string[]][] = [
    ['demo', '--out', '--json', '--epochs', '--iss'],
    ['train', '--data', '--out', '--init', '--resume', '--json', '--iss', '--no-shrink', '--keep', '--hidden'],
    ['finetune', '--data', '--valid', '--loss', '--target', '--iss', '--optimizer', '--mask', '--resume', '--json'],
    ['inspect', '--groups', '--fix', '--state', '--no-states', '--resize-state', '--json'],
    ['shrink', '--out', '--keep', '--params', '--below', '--units', '--inputs', '--fix', '--force', '--seed', '--json'],
    ['export', '--streaming', '--state', '--out', '--force', '--json'],
    ['bench', '--device', '--batch', '--steps', '--rounds', '--threads', '--size', '--json'],
    ['data list', '--json'],
    ['data get', '--out', '--json'],
  ];
  it.each(commands)('%s', async (command, ...flags) => {
    const { code, stdout, stderr } = await runCli([...command.split(' '), '--help'], folder);
    expect(code).toBe(0);
    expect(stderr).toBe('');
    expect(stdout).toContain(`Usage: slimrnn ${command}`);
    for (const flag of flags) expect(stdout).toContain(`  ${flag}`);
    expect(stdout).not.toContain('--dropout');
  });

  it('lists the commands', async () => {
    const { code, stdout } = await runCli(['--help'], folder);
    expect(code).toBe(0);
    for (const [command] of commands) expect(stdout).toContain(`\n  ${command.split(' ')[0]} `);
  });

  it('tells the version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect(await runCli(['--version'], folder)).toMatchObject({ code: 0, stdout: `${version}\n` });
  });

  it('lists the data sets', async () => {
    const sets = await runJson<{ name: string }[]>(['data', 'list'], folder);
    expect(sets.map((s) => s.name)).toEqual(['ptb', 'squad', 'sotu', 'spam']);
  });
});

describe('train', () => {
  it('prints one JSON document, progress on stderr only', async () => {
    const { code, stdout, stderr } = await runCli([...onText, '--out', 'again', '--json'], folder);
    expect(code).toBe(0);
    const result = JSON.parse(stdout) as RunResult;
    expect(result.models).toEqual([modelShape]);
    expect(result).toMatchObject({ seconds: expect.any(Number), data: { name: 'text', facts: { vocabulary: 57 } } });
    expect(stderr).toMatch(/epoch 3\/3 {2}rate/);
    expect(timelessMetrics(at('again'))).toEqual(timelessMetrics(at('dense')));
    expect(perplexities(result.models)).toEqual(perplexities(dense.models));
  });

  it('learns', () => {
    const metrics = timelessMetrics(at('dense')) as EpochMetrics[];
    const perplexity = metrics.map((m) => m.valid!.perplexity!);
    expect(perplexity).toEqual(perplexity.toSorted((a, b) => b - a));
    // 57 words; the frequencies alone give about 30.
    expect(perplexity[2]).toBeLessThan(5);
    expect(perplexityOf(dense.models[0]!, 'test')).toBeLessThan(5);
  });

  it('prints a plain table without --json', async () => {
    const { stdout } = await runCli([...onText, '--out', 'plain', '--epochs', '1'], folder);
    expect(stdout).toMatch(/^ *model +valid ppl +test ppl/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: no escape sequences in a file
    expect(stdout).not.toMatch(/\u001b/);
  });

  it('says by how much a target was missed, and what helps', async () => {
    const missed = [...onText, '--target', 'units=0.3', '--iss', '1e-6', '--learning-rate', '0.001', '--out', 'missed'];
    const { code, stdout } = await runCli(missed, folder);
    expect(stdout).toMatch(/^missed --target units=0\.3: 100 % of the units are left; more epochs or a higher --iss/m);
    expect(code).toBe(0);
    const { target } = JSON.parse(readFileSync(at('missed', 'result.json'), 'utf8')) as RunResult;
    expect(target).toEqual({ what: 'units', asked: 0.3, reached: 1 });
  });

  it('trains a pruned model on, whose zeros stay', async () => {
    const weights = ({ models }: RunResult) => {
      const { recurrent, output } = models[0]!.split!;
      return recurrent.nonzero + output.nonzero;
    };
    const pruned = await runJson<RunResult>([...onText, '--magnitude', '0.7', '--out', 'pruned'], folder);
    const onward = [...onText, '--init', 'pruned', '--epochs', '1'];
    const kept = await runJson<RunResult>([...onward, '--keep-zeros', '--out', 'pruned-on'], folder);
    expect(weights(kept)).toBeLessThanOrEqual(weights(pruned));
    const regrown = await runJson<RunResult>([...onward, '--out', 'regrown'], folder);
    expect(weights(regrown)).toBeGreaterThan(weights(pruned));
    expect(kept.models.map(({ name }) => name)).toEqual(['trained', 'slim']);
  });

  it('fills the run directory', () => {
    const files = 'checkpoint.onnx config.json metrics.jsonl model.onnx result.json slim.onnx vocabulary.txt';
    expect(readdirSync(at('iss')).sort()).toEqual(files.split(' '));
    expect(readdirSync(at('dense')).sort()).toEqual(files.split(' ').filter((f) => f !== 'slim.onnx'));
    const { places, ...config } = JSON.parse(readFileSync(at('dense', 'config.json'), 'utf8')) as Settings;
    expect(config).toEqual(dense.config);
    expect(places).toEqual({ data: { absolute: at('text'), fromRun: '../text' } });
    expect(config).toMatchObject({ format: 2, sources: { data: 'text', valid: null, test: null, init: null } });
    expect(JSON.parse(readFileSync(at('dense', 'result.json'), 'utf8'))).toEqual(dense);
    const words = readFileSync(at('dense', 'vocabulary.txt'), 'utf8').trimEnd().split('\n');
    expect(words).toHaveLength(57);
    expect(words).toContain('<eos>');
    const metrics = timelessMetrics(at('dense')) as { epoch: number }[];
    expect(metrics.map((m) => m.epoch)).toEqual([1, 2, 3]);
  });

  it('differs with the seed', async () => {
    await runJson([...onText, '--seed', '2', '--out', 'seed2'], folder);
    expect(timelessMetrics(at('seed2'))).not.toEqual(timelessMetrics(at('dense')));
  });

  it('is repeated by the configuration in its run directory', async () => {
    await runJson(['train', 'dense/config.json', '--out', 'repeated'], folder);
    expect(timelessMetrics(at('repeated'))).toEqual(timelessMetrics(at('dense')));
  });

  it('takes one text file', async () => {
    writeFileSync(at('one.txt'), sentencesOf(400, randomStream(3)));
    const result = await runJson<RunResult>(
      ['train', ...tiny, '--data', 'one.txt', '--epochs', '1', '--out', 'one'],
      folder,
    );
    expect(result.data!.name).toBe('one.txt');
    expect(perplexityOf(result.models[0]!)).toBeLessThan(57);
  });

  it('starts from a trained model', async () => {
    const flags = ['--init', 'dense', ...strongIss, '--epochs', '1'];
    await runJson([...onText, ...flags, '--out', 'tuned'], folder);
    await runJson([...onText, ...strongIss, '--epochs', '1', '--out', 'scratch'], folder);
    const perplexity = (run: string) => (timelessMetrics(at(run)) as EpochMetrics[])[0]!.train.perplexity!;
    expect(perplexity('tuned')).toBeLessThan(0.7 * perplexity('scratch'));
  });

  it('gives the result of a finished run again with --resume', async () => {
    const again = await runJson<RunResult>([...onText, '--out', 'dense', '--resume'], folder);
    expect(again).toEqual(dense);
  });

  it('does not mind a reader that closes the pipe', async () => {
    const { child, finished } = startCli([...onText, '--out', 'dense', '--resume'], folder);
    child.stdout!.destroy();
    expect(await finished).toMatchObject({ code: 0, stderr: 'dense is finished already\n' });
  });
});

describe('ISS', () => {
  const perLayer = (counts: readonly number[]) => counts.map(() => expect.any(Number));

  it('lets units die and makes a smaller model of equal quality', () => {
    const [trained, slim] = iss.models as [ResultModel, ResultModel];
    expect(iss.models).toEqual([modelShape, modelShape]);
    expect(trained.hidden).toEqual([12, 12]);
    const left = slim.hidden.reduce((a, b) => a + b, 0);
    expect(left).toBeGreaterThan(4);
    expect(left).toBeLessThan(22);
    expect(slim.parameters).toBeLessThan(trained.parameters);
    expect(slim.bytes).toBeLessThan(trained.bytes);
    expect(slim.multiplyAdds).toBeLessThan(trained.multiplyAdds);
    expect(perplexityOf(slim) / perplexityOf(trained)).toBeCloseTo(1, 5);
    expect(perplexityOf(slim, 'test') / perplexityOf(trained, 'test')).toBeCloseTo(1, 5);
    expect(iss.verify!.maxRelativeDifference).toBeLessThan(1e-5);
  });

  it('shrinks on the way unless told not to', async () => {
    const shrunk = await runJson<RunResult>([...onText, ...strongIss, '--out', 'shrunk'], folder);
    const units = (run: string) => (timelessMetrics(at(run)) as { units: number[] }[]).map((m) => m.units);
    expect(units('iss')).toEqual([
      [12, 12],
      [12, 12],
      [12, 12],
    ]);
    const last = units('shrunk')[2]!;
    expect(last).toEqual(shrunk.models[0]!.hidden);
    expect(last[0]! + last[1]!).toBeLessThan(24);
    // Same mathematics, rounding apart, which a few hundred updates amplify.
    const ratio = perplexityOf(shrunk.models[1]!) / perplexityOf(iss.models[1]!);
    expect(ratio).toBeGreaterThan(0.7);
    expect(ratio).toBeLessThan(1.4);
  });

  it('keeps one unit of a layer where all die', async () => {
    const flags = ['--iss', '0.3', '--threshold', '0.03', '--shrink-every', '20', '--out', 'dead'];
    const { models } = await runJson<RunResult>([...onText, ...flags], folder);
    expect(models[1]!.hidden[0]).toBe(1);
  });

  it('inspect shows what is removable', async () => {
    const slim = iss.models[1]!;
    const shown = await runJson<{ layers: { units: number; removable: number }[] }>(
      ['inspect', 'iss/model.onnx'],
      folder,
    );
    expect(shown).toMatchObject({
      layers: perLayer(slim.hidden).map(() => ({ name: expect.any(String), operator: 'LSTM', units: 12 })),
      parameters: iss.models[0]!.parameters,
      multiplyAdds: iss.models[0]!.multiplyAdds,
    });
    expect(shown.layers.map((l) => l.units - l.removable)).toEqual(slim.hidden);
    const { code, stdout } = await runCli(['inspect', 'iss/model.onnx'], folder);
    expect(code).toBe(0);
    expect(stdout).toMatch(/layer +operator +units +removable/);
  });

  it('shrink writes the slim model', async () => {
    const [trained, slim] = iss.models as [ResultModel, ResultModel];
    const shown = await runJson<{ verify: { maxRelativeDifference: number } }>(
      ['shrink', 'iss/model.onnx', '--out', 'by-hand.onnx'],
      folder,
    );
    expect(shown).toMatchObject({
      layers: slim.hidden.map((after) => ({ name: expect.any(String), before: 12, after })),
      parameters: { before: trained.parameters, after: slim.parameters },
      verify: { maxAbsDifference: expect.any(Number), maxRelativeDifference: expect.any(Number) },
    });
    expect(shown.verify.maxRelativeDifference).toBeLessThan(1e-5);
    expect(readFileSync(at('by-hand.onnx')).equals(readFileSync(at('iss', 'slim.onnx')))).toBe(true);
    const forced = await runCli(['shrink', 'iss/model.onnx', '--out', 'by-hand.onnx', '--force'], folder);
    expect(forced.code).toBe(0);
  });

  it.each([
    [1, 1],
    [3, 7],
    [10, 2],
  ])('the slim file runs in plain ONNX Runtime: batch %i, %i steps', async (batch, time) => {
    const [full, slim] = await Promise.all(
      ['model.onnx', 'slim.onnx'].map((file) => ort.InferenceSession.create(at('iss', file))),
    );
    const random = randomStream(batch);
    const tokens = Int32Array.from({ length: time * batch }, () => Math.floor(random() * 57));
    const outputs = await Promise.all([logits(full!, tokens, time, batch), logits(slim!, tokens, time, batch)]);
    const [a, b] = outputs.map((t) => t.data as Float32Array) as [Float32Array, Float32Array];
    expect(a).toHaveLength(time * batch * 57);
    const largest = Math.max(...a.map(Math.abs));
    expect(Math.max(...a.map((v, i) => Math.abs(v - b[i]!)))).toBeLessThan(1e-5 * largest);
  });

  it('bench times both', async () => {
    const flags = ['--batch', '1,2', '--steps', '3', '--rounds', '2', '--threads', '1'];
    const shown = await runJson(['bench', 'iss/model.onnx', 'iss/slim.onnx', ...flags], folder);
    const timed = { name: expect.any(String), speedup: expect.any(Number), milliseconds: expect.anything() };
    expect(shown).toMatchObject({
      threads: 1,
      rounds: 2,
      models: [{ path: 'iss/model.onnx' }, { path: 'iss/slim.onnx', multiplyAdds: iss.models[1]!.multiplyAdds }],
      results: [1, 2].map((batch) => ({ batch, steps: 3, models: [{ ...timed, speedup: 1 }, timed] })),
    });
  });
});

function perplexities(models: readonly ResultModel[]): number[][] {
  return models.map((m) => [perplexityOf(m), perplexityOf(m, 'test')]);
}

function perplexityOf({ scores }: ResultModel, split: 'valid' | 'test' = 'valid'): number {
  return scores[split]!.perplexity!;
}

/** The first output, with zeros for the streaming states. */
async function logits(session: ort.InferenceSession, tokens: Int32Array, time: number, batch: number) {
  const feeds: Record<string, ort.Tensor> = {};
  for (const info of session.inputMetadata) {
    if (!info.isTensor) throw new Error(`${info.name} is no tensor`);
    if (info.type === 'int32') feeds[info.name] = new ort.Tensor('int32', tokens, [time, batch]);
    else {
      const dims = info.shape.map((d) => (typeof d === 'number' ? d : batch));
      feeds[info.name] = new ort.Tensor('float32', new Float32Array(dims.reduce((a, b) => a * b, 1)), dims);
    }
  }
  const outputs = await session.run(feeds);
  return outputs.logits!;
}
