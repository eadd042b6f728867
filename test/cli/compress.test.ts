import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModel } from '../../src/onnx/file.ts';
import { readResult } from '../../src/runs/result.ts';
import {
  makeFolder,
  requireBuild,
  runAlone,
  runCli,
  runJson,
  startCommand,
  tiny,
  writeCorpus,
} from '../support/runCli.ts';

/*
 * The examples of compress, as their pages have them, with less of everything.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));
let folder: string;

beforeAll(() => {
  requireBuild();
  folder = makeFolder();
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules', 'slimrnn'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const quickly = ['--epochs', '2', '--threads', '1', '--json'];
/** How many examples each makes, and for how many epochs its model is trained. */
const sizes = { 'voice-activity': '8', 'noise-suppression': '10', tagging: '60', forecasting: '40' } as const;

/** Makes an example's model and data in a folder of their own. */
async function make(example: keyof typeof sizes): Promise<string> {
  const at = join(folder, example);
  mkdirSync(at);
  copyFileSync(join(root, 'examples', example, 'make.mjs'), join(at, 'make.mjs'));
  const { code, stderr, stdout } = await startCommand(process.execPath, ['make.mjs', sizes[example], '2'], at).finished;
  expect(code, stderr).toBe(0);
  expect(stdout).toContain('model.onnx');
  return at;
}

/** The compress command of an example's page. */
function commandOf(example: string): string[] {
  const page = readFileSync(join(root, 'examples', example, 'README.md'), 'utf8').replaceAll('\\\n', '');
  const [, line] = /^npx slimrnn (compress .*)$/m.exec(page)!;
  return line!.split(/\s+/);
}

interface Printed {
  readonly model: string;
  readonly original: { readonly sizes: { readonly parameters: number } };
  readonly stages: readonly unknown[];
  readonly chosen: {
    readonly sizes: { readonly parameters: number; readonly multiplyAdds: number; readonly bytes: number };
    readonly trained: { readonly error: number };
  };
  readonly quantized?: { readonly file: string; readonly bytes: number; readonly scores: { readonly error: number } };
  readonly latencies: readonly unknown[];
  readonly labels: Readonly<Record<'original' | 'smaller', { readonly accuracy: number }>> | null;
  readonly report: string | null;
}

async function printed(args: readonly string[], cwd: string, run = runCli): Promise<Printed> {
  const { code, stdout, stderr } = await run([...args, ...quickly], cwd);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Printed;
}

describe('compress, on its examples', () => {
  it('takes a recording for a model that carries a state, writes a report and times both models', async () => {
    const at = await make('voice-activity');
    const result = await printed(commandOf('voice-activity'), at);
    expect(result.stages).toHaveLength(2);
    expect(result.chosen.sizes.parameters).toBeLessThanOrEqual(0.4 * result.original.sizes.parameters);
    const [before, after] = [await loadModel(join(at, 'model.onnx')), await loadModel(join(at, result.model))];
    expect(after.graph.inputs.map((v) => v.name)).toEqual(before.graph.inputs.map((v) => v.name));
    expect(readFileSync(join(at, result.report!), 'utf8')).toContain('<html');
    expect(result.latencies).toHaveLength(2);
    const again = await runCli([...commandOf('voice-activity'), ...quickly], at);
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('add --resume to go on with it')]);
    const resumed = await printed([...commandOf('voice-activity'), '--resume', '--no-report', '--no-latency'], at);
    expect(resumed.chosen).toEqual(result.chosen);
  });

  it('counts multiply-adds, time before the batch', async () => {
    const at = await make('noise-suppression');
    const args = [
      ...commandOf('noise-suppression'),
      '--stages',
      '1',
      '--no-report',
      '--no-latency',
      '--quantize',
      'int8',
    ];
    const { chosen, report, latencies, quantized } = await printed(args, at);
    expect(quantized!.bytes).toBeLessThan(0.5 * chosen.sizes.bytes);
    expect(Math.abs(quantized!.scores.error - chosen.trained.error)).toBeLessThan(0.02);
    expect(existsSync(join(at, quantized!.file))).toBe(true);
    expect(chosen.sizes.multiplyAdds).toBeLessThanOrEqual(0.4 * 59_392);
    expect([report, latencies]).toEqual([null, []]);
  });

  it('scores both models by labels', async () => {
    const at = await make('tagging');
    const { labels } = await printed([...commandOf('tagging'), '--stages', '1', '--no-report', '--no-latency'], at);
    for (const { accuracy } of [labels!.original, labels!.smaller]) {
      expect(accuracy).toBeGreaterThan(0);
      expect(accuracy).toBeLessThanOrEqual(1);
    }
    const wrong = commandOf('tagging').map((arg) => (arg === 'tags' ? 'tag' : arg === 'compressed' ? 'other' : arg));
    const { code, stderr } = await runCli(wrong, at);
    expect([code, stderr]).toEqual([2, expect.stringContaining("has no array 'tag' (did you mean 'tags'?)")]);
    expect(existsSync(join(at, 'other'))).toBe(false);
  });

  it('goes as far as the loss allows', async () => {
    const at = await make('forecasting');
    const args = commandOf('forecasting').map((arg) => (arg === '1%' ? '30%' : arg));
    const { chosen, original, model } = await printed([...args, '--no-report', '--no-latency'], at, runAlone);
    expect(chosen.sizes.parameters).toBeLessThan(original.sizes.parameters);
    expect(existsSync(join(at, model))).toBe(true);
  });
});

describe('compress, of a run directory', () => {
  it('goes on with its task, by a course of its own, at a rate and a dropout that trials find', async () => {
    writeCorpus(join(folder, 'text'));
    await runJson(['train', ...tiny, '--data', 'text', '--out', 'lm'], folder);
    const stages = async (out: string, ...said: string[]) => {
      const args = ['compress', 'lm', '--target', 'units=0.5', '--stages', '1', '--epochs', '2', '--threads', '1'];
      const { code, stderr } = await runCli([...args, ...said, '--no-latency', '--no-report', '--out', out], folder);
      expect(code, stderr).toBe(0);
      return { stderr, config: (await readResult(join(folder, out, 'stages/1/run'))).config };
    };
    const found = await stages('found');
    const rate = /^learning rate (\S+) \(losses after short trials: [\d., ]+\)$/m.exec(found.stderr)!;
    const kept = /^dropout keeps (\S+) \(losses after short trials: [\d., ]+\)$/m.exec(found.stderr)!;
    expect(['0.3', '1', '3', '10']).toContain(rate[1]);
    expect(found.config.optimizer).toMatchObject({ kind: 'sgd' });
    expect(found.config.schedule).toMatchObject({ kind: 'cosine', learningRate: Number(rate[1]) });
    expect(found.config.model).toMatchObject({ kind: 'lstm', keep: Number(kept[1]) });

    const said = await stages('said', '--keep', '0.9', '--learning-rate', '0.5', '--schedule', 'constant');
    expect(said.stderr).not.toContain('trials');
    expect(said.config.schedule).toMatchObject({ kind: 'constant', learningRate: 0.5 });
    expect(said.config.model).toMatchObject({ keep: 0.9 });
  });
});

describe('compress, asked for what it cannot do', () => {
  const some = ['compress', join(root, 'examples/finetune/classifier.onnx')];
  it.each([
    [[...some], /compress needs --target params=SHARE/],
    [[...some, '--target', 'params=0.5', '--loss-budget', '1%'], /--target says how small and --loss-budget how good/],
    [[...some, '--target', 'params=2'], /--target takes params=SHARE with a share of the original between 0 and 1/],
    [[...some, '--target', 'params=0.5'], /compress needs --inputs FILE/],
    [[...some, '--target', 'params=0.5', '--inputs', 'none.npz'], /none\.npz/],
    [[...some, '--target', 'params=0.5', '--time', '5'], /--time takes a time such as 90s, 15m or 1h30m/],
    [[...some, '--target', 'params=0.5', '--time', '1m', '--epochs', '3'], /--time and --epochs both say how long/],
    [[...some, '--loss-budget', '1%', '--stages', '3'], /--stages goes with --target/],
    [[...some, '--target', 'params=0.5', '--target-array', 'class'], /give both/],
    [['compress', 'no.onnx', '--target', 'params=0.5'], /no\.onnx: there is no such file or run directory/],
  ])('%j', async (args, message) => {
    const { code, stderr } = await runCli(args, folder);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(code).toBe(2);
  });
});
