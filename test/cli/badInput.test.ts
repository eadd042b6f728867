import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModel } from '../../src/onnx/file.ts';
import { expectRefused } from '../support/refused.ts';
import { makeFolder, runCli, tiny, writeCorpus } from '../support/runCli.ts';

/*
 * Whatever is wrong with what the user typed: one clear line, exit code 2, no result, and not a byte changed on disk.
 */

let folder: string;
const at = (...path: string[]) => join(folder, ...path);
const train = [...tiny, '--data', 'text', '--out', 'new'];

beforeAll(async () => {
  folder = makeFolder();
  writeCorpus(at('text'));
  const run = await runCli(['train', ...tiny, '--data', 'text', '--out', 'run', '--epochs', '1'], folder);
  expect(run.stderr).not.toContain('error');
  expect(run.code).toBe(0);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const refused = (args: readonly string[], ...words: (string | RegExp)[]) => expectRefused(folder, args, ...words);

/** A corpus with some of its files replaced. */
function corpusWith(name: string, files: Record<string, string>): string {
  cpSync(at('text'), at(name), { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(at(name, file), text);
  return name;
}

/** A copy of the finished run that looks unfinished, so that --resume reads its checkpoint. */
function unfinished(name: string): string {
  cpSync(at('run'), at(name), { recursive: true });
  rmSync(at(name, 'result.json'));
  return name;
}

describe.concurrent('what is typed', () => {
  const cases: [title: string, args: string[], ...words: (string | RegExp)[]][] = [
    ['an unknown command', ['trian'], "unknown command 'trian'", 'train'],
    ['an unknown preset', ['train', 'zaremba-smal'], "preset 'zaremba-smal'", "did you mean 'zaremba-small'"],
    ['a preset named as a property of objects', ['train', 'constructor'], "unknown preset 'constructor'"],
    ['a run without --resume', ['train', 'run'], 'run is a run: slimrnn train run --resume'],
    ['a demo of nothing', ['demo', '--iss', '0', '--out', 'new'], 'the demo compares', '--iss must be above 0'],
    ['fields of another method', ['train', ...train, '--prune-to', '2'], '--prune-to needs --magnitude'],
    ['fields of another task', ['train', ...train, '--pool', 'max'], '--pool needs --task text-classification'],
    ['fields of another cell', ['train', ...train, '--depth', '2'], '--depth needs --cell rhn'],
    ['what a cell needs', ['train', ...train, '--cell', 'rhn', '--hidden', '8'], 'missing --depth'],
    ['two methods', ['train', ...train, '--iss', '0.1', '--l1', '0.1'], /choose one of --iss, --l1$/m],
    [
      'a method besides that of the preset',
      ['train', 'iss-small', ...train.slice(1), '--magnitude', '0.5'],
      'choose one of --iss, --magnitude: --iss 0.004 is there already, and --iss 0 takes it away',
    ],
    ['a task with a typing error', ['train', ...train, '--task', 'arays'], "did you mean 'arrays'"],
    ['a target out of reach', ['train', ...train, '--target', 'params=0.01'], '--target params=0.01 cannot be reached'],
    [
      'zeros of a model without any',
      ['train', ...train, '--keep-zeros'],
      'no weight of the first model is zero',
      '--init',
    ],
    ['an unknown flag', ['train', ...train, '--hiden', '3'], "unknown option '--hiden'", '--hidden'],
    ['no preset', ['train'], "missing required argument 'config'"],
    ['an argument too many', ['train', ...train, 'more'], 'too many arguments'],
    ['a flag without its value', ['train', ...train, '--iss'], '--iss <lambda>', 'argument missing'],
    ['--dropout', ['train', ...train, '--dropout', '0.2'], '--dropout', '--keep 0.8'],
    ['--dropout that drops all', ['train', ...train, '--dropout', '1'], '--dropout', /--keep .*more than 0/],
    ['an unknown data set', ['data', 'get', 'nope'], "unknown data set 'nope'", 'ptb'],
    ['a data set with a typing error', ['data', 'get', 'pbt'], "did you mean 'ptb'"],
  ];
  it.each(cases)('%s', (_title, args, ...words) => refused(args, ...words));
});

describe.concurrent('values of flags', () => {
  const cases: [flag: string, value: string, ...words: (string | RegExp)[]][] = [
    ['--iss', '-0.1', 'at least 0', 'got -0.1'],
    ['--keep', '0', 'more than 0', 'got 0'],
    ['--keep', '1.5', 'at most 1', 'got 1.5'],
    ['--keep', '-1', 'more than 0', 'got -1'],
    ['--learning-rate', 'fast', 'takes a number', "got 'fast'"],
    ['--learning-rate', '', 'takes a number', "got ''"],
    ['--learning-rate', 'NaN', 'takes a number', "got 'NaN'"],
    ['--learning-rate', '0', 'more than 0', 'got 0'],
    ['--learning-rate', 'Infinity', 'got Infinity'],
    ['--hidden', '0', 'element 1', 'more than 0', 'got [0]'],
    ['--hidden', '12,-3', 'element 2', 'more than 0'],
    ['--hidden', 'abc', 'takes a number', "got 'abc'"],
    ['--hidden', '12,', 'takes a number', "got ''"],
    ['--hidden', '1.5', 'a whole number'],
    ['--hidden', '1000000', 'memory'],
    ['--epochs', '2.5', 'a whole number', 'got 2.5'],
    ['--batch', '0', 'more than 0'],
    ['--seed', '-1', 'at least 0'],
    ['--vocabulary', '1', 'at least 2'],
    ['--train-tokens', '100', 'embedded corpus'],
  ];
  it.each(cases)('%s %s', (flag, value, ...words) => refused(['train', ...train, flag, value], flag, ...words));
});

describe('text', () => {
  const from = (data: string) => ['train', ...tiny, '--data', data, '--out', 'new'];

  it('is missing', () => refused(from('nowhere'), 'nowhere does not exist'));

  it('is empty', async () => {
    await refused(from(corpusWith('no-train', { 'train.txt': '' })), 'no-train/train.txt is empty');
    await refused(from(corpusWith('no-test', { 'test.txt': ' \n\n' })), 'no-test/test.txt is empty');
  });

  it('is a folder without the parts', async () => {
    mkdirSync(at('bare'));
    writeFileSync(at('bare', 'train.txt'), 'some words\n');
    await refused(from('bare'), 'bare has no valid text', 'valid.txt', 'the folder contains train.txt');
  });

  it('has a single word', async () => {
    const data = corpusWith('one-word', { 'train.txt': '<eos> '.repeat(500) });
    await refused(from(data), 'at least 2 different words', 'only "<eos>"');
  });

  it('is shorter than a window', async () => {
    const words = 'the noun0a verb0b a thing0c ';
    const short = corpusWith('short-train', { 'train.txt': words.repeat(4) });
    await refused(from(short), 'training text', '21 tokens', '4 × (5 + 1) = 24', '--batch');
    await refused(from(corpusWith('short-valid', { 'valid.txt': words })), 'validation text', 'tokens', '--batch');
    await refused(from(corpusWith('short-test', { 'test.txt': 'unheard\n' })), 'test text', '1 tokens');
  });

  it('is one file of too few lines', async () => {
    writeFileSync(at('few.txt'), 'a line\n'.repeat(5));
    await refused(from('few.txt'), 'few.txt is too short to split', '5 lines');
  });
});

describe('configuration files', () => {
  const cases: [title: string, content: string, ...words: (string | RegExp)[]][] = [
    ['not JSON', '{ epochs: 3 }', 'is not JSON'],
    ['an array', '[1, 2]', 'must hold one JSON object'],
    [
      'an unknown field',
      '{"preset": "zaremba-small", "learningrate": 1}',
      "unknown field 'learningrate'",
      "did you mean 'learningRate'",
    ],
    ['text for a list', '{"preset": "zaremba-small", "hidden": "200"}', 'json: hidden: expected a list', 'got "200"'],
    ['text for a number', '{"preset": "zaremba-small", "epochs": "3"}', 'json: epochs: expected a number', 'got "3"'],
    ['null for a number', '{"preset": "zaremba-small", "epochs": null}', 'epochs: expected a number', 'got null'],
    ['a number for a switch', '{"preset": "zaremba-small", "shrink": 1}', 'shrink: expected true or false', 'got 1'],
    ['a number for the text', '{"preset": "zaremba-small", "data": 1}', 'data: expected a path', 'got 1'],
    ['an unknown preset', '{"preset": "iss-smal"}', 'unknown preset "iss-smal"', "did you mean 'iss-small'"],
    ['fields missing', '{"epochs": 3}', 'missing --steps, --hidden, --embedding', '"preset"'],
  ];
  it.each(cases)('%s', async (_title, content, ...words) => {
    writeFileSync(at('config.json'), content);
    await refused(['train', 'config.json', '--data', 'text', '--out', 'new'], 'config.json', ...words);
  });

  it('missing', () => refused(['train', 'absent.json', '--out', 'new'], 'cannot read absent.json', 'no such file'));
});

describe('run directories', () => {
  it('that exist are not overwritten', () =>
    refused(['train', ...tiny, '--data', 'text', '--out', 'run'], 'run exists', '--resume', 'another --out'));

  it('are folders', async () => {
    await refused(['train', ...tiny, '--data', 'text', '--out', 'text/train.txt'], 'text/train.txt is a file');
    await refused(['train', ...tiny, '--data', 'text', '--out', 'text/train.txt/run'], 'text/train.txt/run', 'a file');
  });

  it('to resume must be runs', async () => {
    const resume = ['train', ...tiny, '--data', 'text', '--resume', '--out'];
    await refused([...resume, 'text'], 'text is no run directory', 'without --resume');
    await refused([...resume, 'nowhere'], 'nowhere is no run directory');
  });

  it('are resumed only with what they were started with', async () => {
    const resume = ['train', ...tiny, '--epochs', '1', '--out', 'run', '--resume'];
    await refused([...resume, '--data', 'text', '--seed', '2'], 'run was started with --seed 1, not --seed 2');
    await refused([...resume, '--data', 'text', '--iss', '0.1'], 'no --iss, not --iss 0.1');
    await refused([...resume, '--data', 'text', '--init', 'run'], 'no --init, not --init run');
    await refused(resume, '--data text, not no --data');
  });
});

describe('checkpoints', () => {
  const resume = (run: string) => ['train', ...tiny, '--epochs', '1', '--data', 'text', '--out', run, '--resume'];

  it('of another run are refused', async () => {
    await runCli(['train', ...tiny, '--epochs', '1', '--seed', '2', '--data', 'text', '--out', 'other'], folder);
    cpSync(at('other', 'checkpoint.onnx'), at(unfinished('swapped'), 'checkpoint.onnx'));
    await refused(resume('swapped'), 'swapped/checkpoint.onnx is a checkpoint of another run');
  });

  it('of other text are refused', async () => {
    const changed = corpusWith('changed', {});
    const args = [...tiny, '--epochs', '1', '--data', changed, '--out', 'of-changed'];
    await runCli(['train', ...args], folder);
    rmSync(at('of-changed', 'result.json'));
    writeFileSync(at(changed, 'train.txt'), readFileSync(at('text', 'train.txt'), 'utf8').replace('noun0a', 'newword'));
    await refused(['train', ...args, '--resume'], 'another run', 'data');
  });

  it('that are truncated are refused', async () => {
    const path = at(unfinished('truncated'), 'checkpoint.onnx');
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.subarray(0, Math.floor(bytes.length / 2)));
    await refused(resume('truncated'), 'truncated/checkpoint.onnx', 'is truncated', 'delete it');
    writeFileSync(path, '');
    await refused(resume('truncated'), 'truncated/checkpoint.onnx', 'the file is empty', 'delete it');
  });

  it('with a flipped bit are refused', async () => {
    const path = at(unfinished('flipped'), 'checkpoint.onnx');
    const bytes = readFileSync(path);
    // In the middle of a weight: the file is as good an ONNX model as before.
    const weights = (await loadModel(path)).graph.initializers.get('embedding')!.data as Float32Array;
    const start = bytes.indexOf(new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength));
    bytes[start + 42]! ^= 8;
    writeFileSync(path, bytes);
    await refused(resume('flipped'), 'flipped/checkpoint.onnx is damaged', 'delete it');
  });

  it('that are plain models are refused', async () => {
    cpSync(at('run', 'model.onnx'), at(unfinished('plain'), 'checkpoint.onnx'));
    await refused(resume('plain'), 'plain/checkpoint.onnx is an ONNX model but not a checkpoint');
  });
});

describe('ONNX files', () => {
  const commands: [name: string, (file: string) => string[]][] = [
    ['inspect', (file) => ['inspect', file]],
    ['shrink', (file) => ['shrink', file, '--out', 'out.onnx']],
    ['bench', (file) => ['bench', 'run/model.onnx', file]],
    ['train --init', (file) => ['train', ...train, '--init', file]],
  ];

  it.each(commands)('%s refuses what is no model', async (_name, command) => {
    const bytes = readFileSync(at('run', 'model.onnx'));
    writeFileSync(at('cut.onnx'), bytes.subarray(0, bytes.length - 1000));
    await refused(command('cut.onnx'), 'cut.onnx', 'truncated');
    await refused(command('text/train.txt'), 'text/train.txt', 'not an ONNX model');
    await refused(command('absent.onnx'), 'absent.onnx', 'no such file');
  });

  it('shrink refuses an --out that is in the way', async () => {
    const shrink = ['shrink', 'run/model.onnx', '--out'];
    await refused(['shrink', 'run/model.onnx'], '--out <file>');
    await refused([...shrink, 'run/checkpoint.onnx'], 'run/checkpoint.onnx exists', '--force');
    await refused([...shrink, './run/../run/model.onnx', '--force'], 'another file than the model itself');
    await refused([...shrink, 'run', '--force'], '--out run is a folder');
    await refused([...shrink, 'nowhere/out.onnx'], 'no folder nowhere');
    await refused([...shrink, 'out.onnx', '--seed', 'x'], "got 'x'");
  });

  it('--init refuses other models', async () => {
    const text = 'some quite other words in no order at all\n'.repeat(100);
    const other = corpusWith('other-words', { 'train.txt': text, 'valid.txt': text, 'test.txt': text });
    await refused(
      ['train', ...tiny, '--data', other, '--out', 'new', '--init', 'run'],
      '--init run',
      'another vocabulary',
    );
    await refused(['train', ...train, '--init', 'text'], '--init text', 'no model.onnx');
    const fixture = fileURLToPath(new URL('../fixtures/onnx/tiny.onnx', import.meta.url));
    await refused(['train', ...train, '--init', fixture], 'tiny.onnx', 'not a language model');
    await refused(['train', ...train, '--init', 'run', '--embedding', '9'], '--init run', 'embedding');
    await refused(['train', ...train, '--init', 'run', '--tied'], '--init run', 'leave out --tied');
  });

  it('bench wants sizes that are numbers', async () => {
    await refused(['bench', 'run/model.onnx', '--batch', '0'], '--batch', "got '0'");
    await refused(['bench', 'run/model.onnx', '--size', 'rows'], '--size', 'name=number');
    await refused(['bench', 'run/model.onnx', '--size', 'rows=many'], '--size', "got 'many'");
  });
});
