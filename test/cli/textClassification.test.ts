import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunResult } from '../../src/runs/result.ts';
import type { SweepResult } from '../../src/sweep/result.ts';
import type { EpochMetrics } from '../../src/train/metrics.ts';
import { expectSameRun, trainWithOneKill } from '../support/killing.ts';
import { expectRefused } from '../support/refused.ts';
import { asCsv, asJsonLines, asTsv, reviews, writeClassFolders } from '../support/reviews.ts';
import { makeFolder, runCli, runJson, timelessMetrics } from '../support/runCli.ts';

/*
 * Text classification as a user types it, on made-up reviews.
 */

let folder: string;
const at = (...path: string[]) => join(folder, ...path);
const columns = ['--text', 'review', '--label', 'stars'];
const sizes = ['--hidden', '12', '--embedding', '8', '--batch', '16', '--learning-rate', '0.02', '--threads', '1'];
const small = [...columns, ...sizes];
const train = ['train', 'sentiment', '--schedule', 'constant', ...small];
const onCsv = [...train, '--data', 'reviews.csv'];
const iss = [...onCsv, '--iss', '0.001', '--shrink-every', '10', '--epochs', '6'];
const rows = reviews(160);

beforeAll(async () => {
  folder = makeFolder();
  writeFileSync(at('reviews.csv'), asCsv(rows));
  await runJson([...iss, '--out', 'iss'], folder);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const result = (run: string) => JSON.parse(readFileSync(at(run, 'result.json'), 'utf8')) as RunResult;

describe('what a run leaves', () => {
  it('learns, removes units, and the slim model classifies as the other one', () => {
    const { models, verify, data } = result('iss');
    const [trained, slim] = models;
    expect(models.map(({ name }) => name)).toEqual(['trained', 'slim']);
    expect(Object.keys(trained!.scores)).toEqual(['valid']);
    expect(Object.keys(trained!.scores.valid!)).toEqual(['accuracy', 'macro-F1', 'loss']);
    expect(trained!.scores.valid!.accuracy).toBe(1);
    expect(slim!.scores.valid!.accuracy).toBe(1);
    expect(slim!.scores.valid!.loss).toBeCloseTo(trained!.scores.valid!.loss!, 6);
    expect(slim!.hidden[0]).toBeLessThan(12);
    expect(slim!.hidden[0]).toBeGreaterThan(0);
    expect(verify!.maxRelativeDifference).toBeLessThan(1e-5);
    // A tenth of each class is held out.
    expect(data!.facts).toMatchObject({ classes: 2, train: 144, valid: 16 });
  });

  it('shrinks on the way', () => {
    const metrics = timelessMetrics(at('iss')) as EpochMetrics[];
    expect(metrics.map((m) => m.units[0]).toSorted((a, b) => b! - a!)).toEqual(metrics.map((m) => m.units[0]));
    expect(metrics[5]!.units[0]).toBeLessThan(12);
    expect(metrics[5]!.units).toEqual(result('iss').models[0]!.hidden);
  });

  it('keeps words and classes beside the models', () => {
    const files =
      'checkpoint.onnx config.json labels.txt metrics.jsonl model.onnx result.json slim.onnx vocabulary.txt';
    expect(readdirSync(at('iss')).sort()).toEqual(files.split(' '));
    expect(readFileSync(at('iss/labels.txt'), 'utf8')).toBe('bad\ngood\n');
    const words = readFileSync(at('iss/vocabulary.txt'), 'utf8').trimEnd().split('\n');
    expect(words).toEqual(expect.arrayContaining(['<unk>', 'film', 'lovely', 'dull']));
    expect(words).toHaveLength(result('iss').data!.facts.vocabulary!);
  });

  it('is repeated by its configuration, and given again by --resume', async () => {
    await runJson(['train', 'iss/config.json', '--out', 'repeated'], folder);
    expect(timelessMetrics(at('repeated'))).toEqual(timelessMetrics(at('iss')));
    expect(await runJson<RunResult>(['train', 'iss', '--resume'], folder)).toEqual(result('iss'));
  });

  it('says what was read and how well it went', async () => {
    const { code, stdout, stderr } = await runCli([...onCsv, '--epochs', '1', '--out', 'plain'], folder);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('reviews.csv: 144 training, 16 validation texts of 2 classes (bad, good)');
    expect(stderr).toMatch(/^epoch 1\/1 {2}rate 0\.0200 {2}train \d+\.\d+ % \(/m);
    expect(stdout).toMatch(/^ *model +valid accuracy +valid macro-F1 +valid loss +hidden/);
  });

  it('is shown in a report, with what was taken for what', async () => {
    await runJson(['report', 'iss', '--no-latency', '--out', 'report.html'], folder);
    const html = readFileSync(at('report.html'), 'utf8');
    expect(html).toContain('macro-F1');
    expect(html).toMatch(/confusion/i);
    expect(result('iss').models[0]!.details!.confusion).toEqual({
      classes: ['bad', 'good'],
      counts: [
        [8, 0],
        [0, 8],
      ],
    });
  });
});

describe('where texts come from', () => {
  /** Trains an epoch; returns what was learned. */
  async function trained(out: string, ...flags: string[]): Promise<RunResult> {
    return runJson<RunResult>([...train, '--epochs', '1', '--out', out, ...flags], folder);
  }

  it('makes no difference: tables, JSON lines, packed or not', async () => {
    writeFileSync(at('reviews.tsv'), asTsv(rows));
    writeFileSync(at('reviews.jsonl'), asJsonLines(rows));
    writeFileSync(at('packed.csv.gz'), gzipSync(asCsv(rows)));
    await trained('from-csv', '--data', 'reviews.csv');
    for (const file of ['reviews.tsv', 'reviews.jsonl', 'packed.csv.gz']) {
      const out = `from-${file}`;
      await trained(out, '--data', file);
      expect(timelessMetrics(at(out)), file).toEqual(timelessMetrics(at('from-csv')));
    }
  });

  it('takes a folder for each class', async () => {
    writeClassFolders(at('folders'), rows);
    const { data } = await trained('from-folders', '--data', 'folders');
    expect(data).toMatchObject({ name: 'folders', facts: result('from-csv').data!.facts });
  });

  it('takes parts that lie together or apart', async () => {
    mkdirSync(at('parts'));
    const parts = { train: rows, dev: reviews(20, 2), test: reviews(30, 3) };
    writeFileSync(at('parts/train.csv'), asCsv(parts.train));
    writeFileSync(at('parts/reviews-dev.jsonl.gz'), gzipSync(asJsonLines(parts.dev)));
    writeClassFolders(at('parts/test'), parts.test);
    const together = await trained('together', '--data', 'parts');
    expect(together.data!.facts).toMatchObject({ train: 160, valid: 20, test: 30 });
    expect(Object.keys(together.models[0]!.scores)).toEqual(['valid', 'test']);
    await trained(
      'apart',
      ...['--data', 'reviews.csv', '--valid', 'parts/reviews-dev.jsonl.gz', '--test', 'parts/test'],
    );
    expect(timelessMetrics(at('apart'))).toEqual(timelessMetrics(at('together')));
  });

  it('takes columns by their numbers where none has a name', async () => {
    writeFileSync(at('nameless.csv'), asCsv(rows).split('\n').slice(1).join('\n'));
    await trained('nameless', '--data', 'nameless.csv', '--text', '2', '--label', '3');
    expect(timelessMetrics(at('nameless'))).toEqual(timelessMetrics(at('from-csv')));
  });

  it('has e-mails for who brings none', async () => {
    const tiny = ['--max-length', '40', '--hidden', '8', '--embedding', '8', '--epochs', '1', '--threads', '1'];
    const dense = ['--iss', '0', '--learning-rate', '0.02'];
    const { data, models } = await runJson<RunResult>(['train', 'spam', ...tiny, ...dense, '--out', 'spam'], folder);
    expect(data!.facts).toMatchObject({ classes: 2 });
    expect(models[0]!.scores.test!.accuracy).toBeGreaterThan(0.9);
  });
});

describe('models and methods', () => {
  it('reads in both directions, layer upon layer, and takes the maximum', async () => {
    const model = [
      '--cell',
      'gru',
      '--bidirectional',
      '--pool',
      'max',
      '--hidden',
      '8,8',
      '--class-weights',
      'balanced',
    ];
    const args = [...onCsv, ...model, '--schedule', 'cosine', '--iss', '0.0002', '--epochs', '6', '--out', 'both'];
    const { config, models, verify } = await runJson<RunResult>(args, folder);
    expect(config.model).toMatchObject({ kind: 'gru', bidirectional: true, pool: 'max', hidden: [8, 8] });
    const [trained, slim] = models;
    // Each direction is a layer of its own.
    expect(trained!.hidden).toHaveLength(4);
    expect(slim!.parameters).toBeLessThanOrEqual(trained!.parameters);
    expect(slim!.scores.valid!.accuracy).toBeGreaterThan(0.9);
    expect(verify!.maxRelativeDifference).toBeLessThan(1e-5);
  });

  it('finds λ for a size', async () => {
    const args = [...onCsv, '--target', 'units=0.5', '--iss', '0.1', '--epochs', '12', '--out', 'target'];
    const { target, models } = await runJson<RunResult>(args, folder);
    expect(target).toMatchObject({ what: 'units', asked: 0.5 });
    expect(target!.reached).toBeLessThanOrEqual(0.6);
    expect(target!.reached).toBeGreaterThanOrEqual(0.4);
    expect(models.at(-1)!.hidden[0]).toBe(Math.round(12 * target!.reached));
  });

  it('goes on from a trained classifier with its sizes, and with dropout', async () => {
    const others = ['--data', 'reviews.csv', '--batch', '16', '--learning-rate', '0.02', '--threads', '1'];
    const args = ['train', 'sentiment', ...columns, ...others, '--init', 'iss', '--epochs', '1', '--out', 'onward'];
    const { code, stderr } = await runCli(args, folder);
    expect(code).toBe(0);
    expect(stderr).not.toContain('without dropout');
    const { models, config } = result('onward');
    const { hidden } = result('iss').models[1]!;
    expect(models[0]!.hidden).toEqual(hidden);
    expect(models[0]!.scores.valid!.accuracy).toBe(1);
    expect(config.model).toMatchObject({ hidden, embedding: 8 });
  });

  it('is killed and goes on as if it had not been', async () => {
    await trainWithOneKill(folder, 'killed', iss);
    expectSameRun(folder, 'killed', 'iss');
  });

  it('is swept along λ', async () => {
    const args = ['sweep', 'sentiment', '--data', 'reviews.csv', ...small.slice(0, -2), '--epochs', '2'];
    const swept = [
      ...args,
      '--iss',
      '0.0002,0.001',
      '--workers',
      '1',
      '--no-halving',
      '--no-latency',
      '--out',
      'sweep',
    ];
    const { scores, rows: runs } = await runJson<SweepResult>(swept, folder);
    expect(scores.map(({ name }) => name)).toEqual(['accuracy', 'macro-F1', 'loss']);
    expect(runs.map(({ state }) => state)).toEqual(['finished', 'finished']);
    expect(readFileSync(at('sweep', runs[0]!.run, 'labels.txt'), 'utf8')).toBe('bad\ngood\n');
  });
});

describe('what cannot serve is refused in one line, before anything is written', () => {
  const refused = (args: readonly string[], ...words: (string | RegExp)[]) => expectRefused(folder, args, ...words);
  const from = (file: string, ...flags: string[]) => [...train, '--data', file, '--out', 'new', ...flags];
  const csv = (...lines: string[]) => `${['id,review,stars', ...lines].join('\n')}\n`;
  const some = asCsv(reviews(40)).trimEnd().split('\n').slice(1);
  const onceGood = csv(...some.filter((line) => line.endsWith('good')));
  const cases: [title: string, content: string | Uint8Array, ...words: (string | RegExp)[]][] = [
    ['no column of texts', asCsv(rows, 'id,reviews,stars'), "no column 'review'", "did you mean 'reviews'", '--text'],
    ['no column of classes', asCsv(rows, 'id,review,rating'), "no column 'stars'", '--label', 'id, review, rating'],
    ['one class only', onceGood, "all 20 texts have the label 'good'", 'two classes or more'],
    ['a class for each text', csv(...Array.from({ length: 1001 }, (_, i) => `${i},a b,${i}`)), '--label', 'different'],
    ['an empty text', csv(...some, '40,,good'), 'bad.csv, line 42', 'the text is empty'],
    ['empty texts', csv(',,good', ...some, '40,"  ",bad'), '2 texts are empty', 'the first one is bad.csv, line 2'],
    ['an empty label', csv(...some, '40,fine,'), 'line 42', 'the label is empty'],
    ['a ragged row', csv(...some, '40,fine'), 'line 42', '2 columns, the first one has 3'],
    ['an open quote', csv(...some, '40,"fine,good'), 'a quote that is not closed'],
    ['no rows', 'id,review,stars\n', 'bad.csv has no texts'],
    ['nothing', '', 'bad.csv', 'it has no rows'],
    ['other bytes', Buffer.concat([Buffer.from(csv(...some)), Buffer.of(0x34, 0xff)]), 'line 42 is not UTF-8 text'],
    ['too few texts', csv('1,fine,good', '2,dull,bad'), 'too few to hold some out'],
  ];
  it.each(cases)('%s', async (_title, content, ...words) => {
    writeFileSync(at('bad.csv'), content);
    await refused(from('bad.csv'), 'bad.csv', ...words);
  });

  it('labels that training lacks', async () => {
    writeFileSync(at('other.csv'), csv(...some, '40,fine,great'));
    const words = ['other.csv, line 42', "no training text has the label 'great'", 'have bad, good'];
    await refused(from('reviews.csv', '--valid', 'other.csv'), ...words);
    await refused(from('reviews.csv', '--test', 'other.csv'), ...words);
  });

  it('folders without classes, files without texts', async () => {
    mkdirSync(at('bare'));
    await refused(from('bare'), 'bare has no training texts', 'sub-folder for each class', 'the folder is empty');
    writeFileSync(at('bare/reviews.txt'), 'fine\n');
    await refused(from('bare'), 'bare has no training texts', 'contains reviews.txt');
    await refused(from('bare/reviews.txt'), 'cannot read labelled texts', '.csv, .tsv, .jsonl');
    mkdirSync(at('hollow/good'), { recursive: true });
    await refused(from('hollow'), 'good has no files');
    await refused(from('nowhere.csv'), 'nowhere.csv does not exist');
  });

  it('fields that cannot be', async () => {
    await refused([...onCsv, '--label', 'review', '--out', 'new'], '--text and --label name the same column, review');
    await refused([...onCsv, '--valid-share', '0.9', '--out', 'new'], '--valid-share: expected at most 0.5, got 0.9');
    await refused([...onCsv, '--pool', 'mena', '--out', 'new'], '--pool: expected last or mean or max', "'mean'");
    await refused([...onCsv, '--cell', 'rhn', '--out', 'new'], '--cell: expected lstm or gru or rnn, got "rhn"');
    await refused([...onCsv, '--hidden', '1000000', '--out', 'new'], '--hidden 1000000', 'do not fit into memory');
    await refused([...onCsv, '--steps', '20', '--out', 'new'], '--steps needs --task language-model');
    await refused([...onCsv, '--init', 'reviews.csv', '--out', 'new'], 'reviews.csv', 'not an ONNX model');
  });

  it('a first model of other classes', async () => {
    writeFileSync(
      at('stars.csv'),
      asCsv(rows)
        .replaceAll(/,good$/gm, ',5')
        .replaceAll(/,bad$/gm, ',1'),
    );
    await refused(from('stars.csv', '--init', 'iss'), '--init iss', 'bad, good', '1, 5');
  });
});
