import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { epochLines, epochRow, liveDocument, makeRun } from '../../test/support/runFolder.ts';
import { createEpochReader, openRunFile, readRun } from './readRun.ts';

let outside: string;
let root: string;
const at = (...path: string[]) => join(root, ...path);

beforeEach(() => {
  outside = mkdtempSync(join(tmpdir(), 'slimrnn-runs-'));
  root = join(outside, 'root');
  mkdirSync(root);
});
afterEach(() => rmSync(outside, { recursive: true, force: true }));

describe('readRun', () => {
  it('reads a finished run', async () => {
    makeRun(at('a'), { epochs: 3, finished: true });
    const { summary, epochs, result, problems } = await readRun(root, 'a');
    expect(summary).toMatchObject({ id: 'a', name: 'a', state: 'finished', task: 'language-model', items: 'tokens' });
    expect(summary).toMatchObject({ method: 'group-lasso', methodLabel: 'group lasso', parameters: 900 });
    expect(summary.epochs).toEqual({ done: 3, all: 9 });
    expect(summary.files).toEqual(['slim.onnx', 'vocabulary.txt', 'config.json', 'metrics.jsonl', 'result.json']);
    expect(summary.alive).toEqual([15, 14, 13]);
    expect(epochs).toEqual([1, 2, 3].map((n) => epochRow(n)));
    expect(result?.models[0]?.scores).toEqual({ valid: { perplexity: 75 }, test: { perplexity: 80 } });
    expect(problems).toEqual([]);
  });

  it('reads a run whose task declares other scores', async () => {
    makeRun(at('a'), { task: 'text-classification', finished: true });
    const { summary, epochs, result } = await readRun(root, 'a');
    expect(summary).toMatchObject({ task: 'text-classification', items: 'examples' });
    expect(summary.scores.map(({ name }) => name)).toEqual(['accuracy', 'macro-F1', 'loss']);
    expect(summary.files).toContain('labels.txt');
    expect(epochs[1]?.valid).toEqual({ accuracy: 0.875, 'macro-F1': 0.75, loss: 0.375 });
    expect(result?.models[0]?.details?.confusion?.counts).toEqual([
      [45, 5],
      [10, 40],
    ]);
  });

  it('reads a run of version 0.1 in the form of today', async () => {
    makeRun(at('old'), { version: 1, finished: true });
    makeRun(at('new'), { finished: true });
    const [old, now] = [await readRun(root, 'old'), await readRun(root, 'new')];
    expect(old.epochs).toEqual(now.epochs);
    expect(old.result?.models).toMatchObject([{ name: 'slim', scores: now.result!.models[0]!.scores }]);
    const { files: _, modifiedAt: __, id: ___, name: ____, ...summary } = now.summary;
    expect(old.summary).toMatchObject(summary);
    expect(old.config).toMatchObject({ format: 1, task: { kind: 'language-model' }, method: { iss: 0.01 } });
    expect(old.problems).toEqual([]);
  });

  it('refuses a run of another version by name', async () => {
    makeRun(at('a'), { config: { format: 3 } });
    const later = 'which this version cannot read';
    const unfinished = await readRun(root, 'a');
    expect(unfinished.summary).toMatchObject({ state: 'unreadable', task: 'unknown', method: 'unknown', scores: [] });
    expect(unfinished.problems).toEqual([`config.json was written by another version (format 3) of slimrnn, ${later}`]);
    writeFileSync(at('a', 'result.json'), JSON.stringify({ format: 3, environment: { slimrnn: '0.9.1' } }));
    expect((await readRun(root, 'a')).problems).toEqual([
      `config.json was written by version 0.9.1 of slimrnn, ${later}`,
      `result.json was written by version 0.9.1 of slimrnn, ${later}`,
    ]);
  });

  it.each([
    [
      'more scores than a task has',
      (n: number) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`s${i}`, 1])),
    ],
    ['a score that is no number', () => ({ perplexity: 'low' })],
  ])('takes %s for a damaged line', async (_, valid) => {
    makeRun(at('a'));
    appendFileSync(at('a', 'metrics.jsonl'), `${JSON.stringify(epochRow(3, { valid: valid(1000) }))}\n`);
    expect((await readRun(root, 'a')).problems).toEqual(['metrics.jsonl: 1 lines are damaged, or of another version']);
  });

  it('takes a confusion matrix with a row too few for damaged', async () => {
    makeRun(at('a'));
    const model = {
      name: 'slim',
      file: 'slim.onnx',
      bytes: 4,
      hidden: [2],
      parameters: 9,
      multiplyAdds: 7,
      scores: {},
    };
    const details = { confusion: { classes: ['a', 'b'], counts: [[1, 2]] } };
    const result = { format: 2, models: [{ ...model, details }], notes: [], seconds: 1 };
    writeFileSync(at('a', 'result.json'), JSON.stringify(result));
    expect((await readRun(root, 'a')).problems).toEqual(['result.json is damaged, or of another version']);
  });

  it('tells running from stopped by the age of live.json', async () => {
    makeRun(at('a'));
    expect((await readRun(root, 'a')).summary.state).toBe('stopped');
    writeFileSync(at('a', 'live.json'), liveDocument());
    expect(await readRun(root, 'a')).toMatchObject({ summary: { state: 'running' }, live: { share: 0.25 } });
    writeFileSync(at('a', 'live.json'), liveDocument({ updatedAt: Date.now() - 60_000 }));
    const { summary, live } = await readRun(root, 'a');
    expect([summary.state, live]).toEqual(['stopped', undefined]);
    writeFileSync(at('a', 'live.json'), liveDocument({ updatedAt: Date.now() + 1e9 }));
    expect((await readRun(root, 'a')).summary.state).toBe('stopped');
  });

  it('leaves out a line that is still being written, and counts damaged ones', async () => {
    makeRun(at('a'));
    appendFileSync(at('a', 'metrics.jsonl'), `garbage\n{"epoch": "three"}\n${JSON.stringify(epochRow(3))}`);
    const { epochs, problems } = await readRun(root, 'a');
    expect(epochs.map(({ epoch }) => epoch)).toEqual([1, 2]);
    expect(problems).toEqual(['metrics.jsonl: 2 lines are damaged, or of another version']);
  });

  it.each([
    ['a number of a million digits', `{"epoch": ${'9'.repeat(1_000_000)}}`],
    ['a deep nest', `{"epoch": ${'['.repeat(200_000)}${']'.repeat(200_000)}}`],
    ['a thousand layers', JSON.stringify(epochRow(3, { alive: Array(1000).fill(1) }))],
    ['a null', 'null'],
    ['no character of UTF-8', '\u{fffd}\u0000'],
  ])('takes %s for a damaged line', async (_, line) => {
    makeRun(at('a'));
    appendFileSync(at('a', 'metrics.jsonl'), `${line}\n`);
    const { epochs, problems } = await readRun(root, 'a');
    expect(epochs).toHaveLength(2);
    expect(problems).toEqual(['metrics.jsonl: 1 lines are damaged, or of another version']);
  });

  it('leaves out of a line what is none of its own', async () => {
    makeRun(at('a'));
    appendFileSync(at('a', 'metrics.jsonl'), `${JSON.stringify(epochRow(3, { html: '<script>' }))}\n`);
    expect((await readRun(root, 'a')).epochs[2]).toEqual(epochRow(3));
  });

  it('knows the nearest report of a folder that it is in', async () => {
    makeRun(at('sweep', 'a'));
    expect((await readRun(root, 'sweep/a')).summary.folderReport).toBeUndefined();
    writeFileSync(at('report.html'), '');
    expect((await readRun(root, 'sweep/a')).summary.folderReport).toBe('');
    writeFileSync(at('sweep', 'report.html'), 'x');
    expect((await readRun(root, 'sweep/a')).summary.folderReport).toBe('sweep');
    expect((await readRun(at('sweep', 'a'), '')).summary.folderReport).toBeUndefined();
    const report = await openRunFile(root, 'sweep', 'report.html');
    expect(report?.size).toBe(1);
    await report?.handle.close();
    expect(await openRunFile(at('sweep', 'a'), '..', 'report.html')).toBeUndefined();
  });

  it('says why a run of a sweep ended', async () => {
    makeRun(at('a'));
    writeFileSync(at('a', 'failure.json'), JSON.stringify({ kind: 'diverged', epochs: 2, reason: 'loss is NaN' }));
    expect((await readRun(root, 'a')).problems).toEqual(['it ended early: loss is NaN']);
  });

  it.each([
    ['config.json', 'half an object', '{', 'unreadable'],
    ['config.json', 'a list', '[]', 'unreadable'],
    ['config.json', 'a deep nest', `{"a": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`, 'unreadable'],
    ['result.json', 'something else', '{"models": 3}', 'finished'],
    ['result.json', 'half a nest', '['.repeat(100_000), 'finished'],
  ])('%s with %s is a problem in words', async (name, _, content, state) => {
    makeRun(at('a'));
    writeFileSync(at('a', name), content);
    const { summary, problems } = await readRun(root, 'a');
    expect(summary.state).toBe(state);
    expect(problems).toEqual([`${name} is damaged, or of another version`]);
  });

  it('reads the end of a huge metrics.jsonl, and nothing of a huge document', async () => {
    makeRun(at('a'));
    // Sparse: a gigabyte of zeros in front of two epochs takes no room on the disk.
    truncateSync(at('a', 'metrics.jsonl'), 2 ** 30);
    appendFileSync(at('a', 'metrics.jsonl'), `\n${epochLines(2)}`);
    writeFileSync(at('a', 'result.json'), '');
    truncateSync(at('a', 'result.json'), 2 ** 30);
    const before = process.memoryUsage().arrayBuffers;
    const { epochs, truncated, problems } = await readRun(root, 'a');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 26);
    expect(epochs.map(({ epoch }) => epoch)).toEqual([1, 2]);
    expect(truncated).toBe(true);
    expect(problems[0]).toMatch(/result.json is not read/);
  });

  it('keeps the last 5000 epochs', async () => {
    makeRun(at('a'));
    writeFileSync(at('a', 'metrics.jsonl'), epochLines(5010));
    const { epochs, truncated } = await readRun(root, 'a');
    expect([epochs.length, epochs[0]!.epoch, truncated]).toEqual([5000, 11, true]);
  });

  it('does not wait at a pipe, nor read a link that leads out', async () => {
    makeRun(at('a'));
    rmSync(at('a', 'metrics.jsonl'));
    execFileSync('mkfifo', [at('a', 'metrics.jsonl')]);
    writeFileSync(join(outside, 'secret.json'), '{"models": [], "seconds": 1}');
    symlinkSync(join(outside, 'secret.json'), at('a', 'result.json'));
    const { epochs, result, summary } = await readRun(root, 'a');
    expect([epochs, result]).toEqual([[], undefined]);
    expect(summary.files).toEqual(['config.json']);
    expect(await openRunFile(root, 'a', 'result.json')).toBeUndefined();
    expect(await openRunFile(root, 'a', 'metrics.jsonl')).toBeUndefined();
  });

  it.skipIf(process.getuid?.() === 0)('takes a file that may not be read for none', async () => {
    makeRun(at('a'), { finished: true });
    chmodSync(at('a', 'result.json'), 0);
    const { summary, result } = await readRun(root, 'a');
    expect([summary.files.includes('result.json'), result]).toEqual([false, undefined]);
  });

  it('reads what was there at the beginning of a file that grows', async () => {
    makeRun(at('a'));
    const file = (await openRunFile(root, 'a', 'metrics.jsonl'))!;
    appendFileSync(at('a', 'metrics.jsonl'), epochLines(1));
    const { rows } = await createEpochReader()(file);
    await file.handle.close();
    expect(rows.map(({ epoch }) => epoch)).toEqual([1, 2]);
  });

  it('hands out the files of a run and no others', async () => {
    makeRun(at('a'), { finished: true });
    writeFileSync(at('a', 'private.txt'), 'x');
    const file = await openRunFile(root, 'a', 'slim.onnx');
    appendFileSync(at('a', 'slim.onnx'), ' and more');
    expect([file?.size, await file?.handle.readFile('utf8')]).toEqual([4, 'onnx and more']);
    await file?.handle.close();
    for (const name of ['private.txt', '../a/slim.onnx', 'checkpoint.onnx', '', '.']) {
      expect(await openRunFile(root, 'a', name), name).toBeUndefined();
    }
  });
});
