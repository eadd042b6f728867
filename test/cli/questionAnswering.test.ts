import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomStream } from '../../src/base/random.ts';
import { madeUpPassages } from '../../src/data/questions/madeUp.ts';
import { spanTokens } from '../../src/data/questions/spanTokens.ts';
import { textClassifier } from '../../src/models/textClassifier.ts';
import { loadModel, saveModel } from '../../src/onnx/file.ts';
import type { RunResult } from '../../src/runs/result.ts';
import type { ShrunkLayer } from '../../src/slim/shrink.ts';
import { withoutVectorTable } from '../../src/tasks/question-answering/fedVectors.ts';
import type { Calibration } from '../../src/train/calibrate.ts';
import { expectRefused } from '../support/refused.ts';
import { makeFolder, runAlone, runCli, runJson } from '../support/runCli.ts';

/*
 * Question answering as a user types it, on made-up passages.
 */

let folder: string;
const at = (...path: string[]) => join(folder, ...path);
const tiny = ['train', 'bidaf-tiny', '--threads', '1'];
const context = ['--fix', 'context_forward_passage,context_reverse_passage'];
const result = (run: string) => JSON.parse(readFileSync(at(run, 'result.json'), 'utf8')) as RunResult;

/** Passages in the form of SQuAD 1.1. */
function squad(passages: ReturnType<typeof madeUpPassages>['train']): string {
  const paragraphs = passages.map(({ text, questions }) => ({
    context: text,
    qas: questions.map(({ id, question, answers }) => ({
      ...{ id, question },
      answers: answers.map(({ text: answer, start }) => ({ text: answer, answer_start: start })),
    })),
  }));
  return JSON.stringify({ version: '1.1', data: [{ title: 'made up', paragraphs }] });
}

const [passage] = madeUpPassages().valid;
const question = passage!.questions[0]!;

beforeAll(async () => {
  folder = makeFolder();
  writeFileSync(at('passage.txt'), passage!.text);
  writeFileSync(at('dev.json'), squad(madeUpPassages().valid));
  writeFileSync(at('long.txt'), 'word '.repeat(4500));
  await saveModel(at('other.onnx'), textClassifier({ vocabulary: 9, classes: 2, embedding: 3, hidden: [3] }));
  const iss = ['--iss', '0.01', '--threshold', '4e-4', ...context];
  await runJson([...tiny, ...iss, '--epochs', '8', '--out', 'tiny'], folder);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('train bidaf-tiny', () => {
  it('learns to answer, and its slim model computes the same with fewer units', () => {
    const { models, verify } = result('tiny');
    const [trained, slim] = models;
    expect(Object.keys(trained!.scores.valid!)).toEqual(['F1', 'EM', 'loss']);
    expect(trained!.scores.valid!.F1).toBeGreaterThan(0.9);
    expect(slim!.scores.valid!.F1).toBeCloseTo(trained!.scores.valid!.F1!, 6);
    expect(verify!.maxRelativeDifference).toBeLessThan(1e-4);
    const units = (hidden: readonly number[]) => hidden.reduce((a, b) => a + b, 0);
    expect(units(slim!.hidden)).toBeLessThan(10 * 16);
    expect(existsSync(at('tiny', 'vocabulary.txt'))).toBe(true);
  });
});

describe('train --init', () => {
  it('goes on with the sizes and the dropout of a model that has shrunk', async () => {
    const onward = [...tiny, '--init', 'tiny/slim.onnx', '--epochs', '1', '--keep', '0.7', '--out', 'onward'];
    const { stderr } = await runCli(onward, folder);
    expect(stderr).not.toContain('without dropout');
    const [before, after] = [result('tiny').models[1]!, result('onward').models[0]!];
    expect(after.hidden).toEqual(before.hidden);
    const dropped = await loadModel(at('onward', 'checkpoint.onnx'));
    expect(dropped.graph.nodes.some(({ op }) => op === 'Dropout')).toBe(true);
    const { model } = JSON.parse(readFileSync(at('onward', 'config.json'), 'utf8')) as { model: { hidden: number[] } };
    expect(model.hidden).toEqual(before.hidden.slice(2));
  });

  it('refuses a model that answers no questions', async () => {
    const args = [...tiny, '--init', 'other.onnx', '--out', 'refused'];
    await expectRefused(folder, args, '--init other.onnx: no model that answers questions');
  });
});

describe('answer', () => {
  it('finds the answer in the passage, with its place and its probability', async () => {
    const ask = ['answer', 'tiny', '--passage', 'passage.txt', '--question', question.question];
    const found = (await runJson(ask, folder)) as {
      text: string;
      start: number;
      probability: number;
      question: object;
    };
    expect(found).toMatchObject({ text: question.answers[0]!.text, start: question.answers[0]!.start });
    expect(found.question).toMatchObject({
      words: expect.any(Array),
      starts: expect.any(Array),
      ends: expect.any(Array),
    });
    expect(found.probability).toBeGreaterThan(0.5);
    const { stdout } = await runAlone(ask, folder);
    expect(stdout).toContain(question.answers[0]!.text);
  });

  it('answers a file of questions as the run scored them, and writes what the script of SQuAD takes', async () => {
    const { models } = result('tiny');
    const all = ['answer', 'tiny/slim.onnx', '--data', 'dev.json', '--out', 'answers.json'];
    const scores = (await runJson(all, folder)) as { questions: number; exactMatch: number; f1: number };
    expect(scores.questions).toBe(96);
    expect(scores.f1).toBeCloseTo(100 * models[1]!.scores.valid!.F1!, 4);
    expect(scores.exactMatch).toBeCloseTo(100 * models[1]!.scores.valid!.EM!, 4);
    const answers = JSON.parse(readFileSync(at('answers.json'), 'utf8')) as Record<string, string>;
    expect(Object.keys(answers)).toHaveLength(96);
    expect(answers[question.id]).toBe(question.answers[0]!.text);
  });

  it('answers questions that are longer than those it learned from, as training scores them', async () => {
    const long = madeUpPassages().valid.map((p) => ({
      ...p,
      questions: p.questions.map((q) => ({ ...q, question: `${'Tell me now, please: '.repeat(8)}${q.question}` })),
    }));
    writeFileSync(at('long.json'), squad(long));
    const all = ['answer', 'tiny', '--data', 'long.json', '--out', 'long-answers.json'];
    const { code, stderr } = await runCli(all, folder);
    expect(code).toBe(0);
    expect(stderr).not.toContain('no answer');
    const answers = JSON.parse(readFileSync(at('long-answers.json'), 'utf8')) as Record<string, string>;
    expect(Object.values(answers).filter((answer) => answer === '')).toEqual([]);
  });

  it('answers whatever the id of a question, in passages of any length, as training scores them', async () => {
    const odd = { ...question, id: '__proto__' };
    writeFileSync(
      at('odd.json'),
      squad([{ ...passage!, text: passage!.text + ' word'.repeat(4500), questions: [odd] }]),
    );
    const { stderr } = await runCli(['answer', 'tiny', '--data', 'odd.json', '--out', 'odd-answers.json'], folder);
    expect(stderr).not.toContain('no answer');
    const answers = JSON.parse(readFileSync(at('odd-answers.json'), 'utf8')) as Record<string, string>;
    expect(Object.entries(answers)).toEqual([['__proto__', expect.stringMatching(/./)]]);
  });

  it('gives answers of no more words than --max-answer', async () => {
    const ask = ['answer', 'tiny', '--data', 'dev.json', '--max-answer', '1', '--out', 'short-answers.json'];
    await runJson(ask, folder);
    const answers = JSON.parse(readFileSync(at('short-answers.json'), 'utf8')) as Record<string, string>;
    expect(new Set(Object.values(answers).map((answer) => spanTokens(answer).words.length))).toEqual(new Set([1]));
  });

  it('takes a vocabulary with the line ends of Windows', async () => {
    writeFileSync(at('windows.txt'), readFileSync(at('tiny', 'vocabulary.txt'), 'utf8').replaceAll('\n', '\r\n'));
    const ask = ['answer', 'tiny', '--passage', 'passage.txt', '--question', question.question];
    const found = (await runJson([...ask, '--vocabulary', 'windows.txt'], folder)) as { text: string };
    expect(found.text).toBe(question.answers[0]!.text);
  });

  it.each<[what: string, args: string[], message: string]>([
    ['nothing to ask about', ['tiny'], 'give --passage FILE'],
    ['a question beside a file of questions', ['tiny', '--data', 'dev.json', '--question', 'Who?'], '--data brings'],
    ['an empty question', ['tiny', '--passage', 'passage.txt', '--question', ' '], 'the question is empty'],
    [
      'a question that is too long',
      ['tiny', '--passage', 'passage.txt', '--question', 'why '.repeat(31)],
      'the question has 31 words; this model takes 30',
    ],
    ['a file in the way', ['tiny', '--data', 'dev.json', '--out', 'passage.txt'], 'passage.txt exists; add --force'],
    [
      'replacing the questions',
      ['tiny', '--data', 'dev.json', '--out', 'dev.json', '--force'],
      '--out must be another file than dev.json, which is read',
    ],
    ['answers of no word', ['tiny', '--data', 'dev.json', '--max-answer', '0'], '--max-answer'],
    ['a folder of questions', ['tiny', '--data', 'tiny'], 'tiny is a folder: name a file in it'],
    ['a passage that is a folder', ['tiny', '--passage', 'tiny'], 'tiny is a folder: name a file in it'],
    ['a passage that is too long', ['tiny', '--passage', 'long.txt'], 'long.txt: the passage has 4500 words'],
    [
      'words of another model',
      ['tiny', '--passage', 'passage.txt', '--vocabulary', 'passage.txt'],
      'passage.txt: the model was trained with other words',
    ],
    [
      'a model of another kind',
      ['other.onnx', '--passage', 'passage.txt'],
      'other.onnx: the model answers no questions',
    ],
    ['a model that is not there', ['none', '--passage', 'passage.txt'], 'none: there is no such file'],
  ])('%s is refused', async (_, args, message) => {
    await expectRefused(folder, ['answer', ...args], message);
  });
});

describe('word vectors beside the model', () => {
  const few = [...tiny, '--vectors', 'vectors.txt', '--epochs', '1', '--hidden', '4'];

  beforeAll(async () => {
    const { train, valid } = madeUpPassages();
    const texts = [...train, ...valid].flatMap((p) => [p.text, ...p.questions.map((q) => q.question)]);
    const words = [...new Set(texts.flatMap((text) => spanTokens(text).words.map((word) => word.toLowerCase())))];
    const random = randomStream(1);
    const line = (word: string) => [word, ...Array.from({ length: 6 }, () => (random() - 0.5).toFixed(3))].join(' ');
    writeFileSync(at('vectors.txt'), [...words.filter((word) => word !== 'born'), 'zebra'].map(line).join('\n'));
    writeFileSync(at('short.txt'), 'zebra 1 2\n');
    writeFileSync(at('others.txt'), readFileSync(at('vectors.txt'), 'utf8').replaceAll(/ -?0\./g, ' 1.'));
    await runJson([...few, '--out', 'few'], folder);
  });

  it('give the same answers as those inside, and know words that the data lack', async () => {
    const vectors = ['--vectors', 'vectors.txt'];
    const scores = (await runJson(['answer', 'few', '--data', 'dev.json', ...vectors], folder)) as { f1: number };
    expect(scores.f1).toBeCloseTo(100 * result('few').models.at(-1)!.scores.valid!.F1!, 4);
    const ask = ['answer', 'few', '--passage', 'passage.txt', '--question', 'Where was the zebra born?'];
    type Found = { unknown: number; probability: number };
    const [inside, beside] = [await runJson<Found>(ask, folder), await runJson<Found>([...ask, ...vectors], folder)];
    expect(beside.unknown).toBe(inside.unknown - 1);
    expect(beside.probability).not.toBe(inside.probability);
  });

  it('stand for those inside a model in 16 bits, too', async () => {
    await runJson(['quantize', 'few/model.onnx', '--to', 'fp16', '--out', 'few/half.onnx'], folder);
    const ask = ['--passage', 'passage.txt', '--question', question.question];
    type Found = { probability: number };
    const inside = await runJson<Found>(['answer', 'few/half.onnx', ...ask], folder);
    const beside = await runJson<Found>(['answer', 'few/half.onnx', ...ask, '--vectors', 'vectors.txt'], folder);
    expect(beside.probability / inside.probability).toBeCloseTo(1, 2);
  });

  it('are found again from another folder', async () => {
    const print = ['train', at('few', 'config.json'), '--print-config'];
    const { stdout } = await runCli(print, dirname(folder));
    expect(JSON.parse(stdout)).toMatchObject({ task: { vectors: at('vectors.txt') } });
  });

  it('must be those that a first model was trained with', async () => {
    const args = [...few, '--vectors', 'others.txt', '--init', 'few', '--out', 'refused'];
    await expectRefused(folder, args, 'it was trained with other word vectors');
  });

  it('may be left out of the file, which then answers with them beside it only', async () => {
    const open = withoutVectorTable(await loadModel(at('few', 'model.onnx')));
    await saveModel(at('open.onnx'), open);
    const words = ['--vocabulary', 'few/vocabulary.txt'];
    const ask = ['--passage', 'passage.txt', '--question', question.question];
    await expectRefused(folder, ['answer', 'open.onnx', ...words, ...ask], 'the model has no word vectors in its file');
    type Found = { text: string; probability: number };
    const vectors = ['--vectors', 'vectors.txt'];
    const found = await runJson<Found>(['answer', 'open.onnx', ...words, ...ask, ...vectors], folder);
    expect(found).toEqual(await runJson<Found>(['answer', 'few', ...ask, ...vectors], folder));
  });

  it('and words make a first model fit, not how long questions may be', async () => {
    const onward = [...few, '--init', 'few', '--learning-rate', '1e-12', '--max-question', '40', '--out', 'longer'];
    await runJson(onward, folder);
    const scores = ['few', 'longer'].map((run) => result(run).models.at(-1)!.scores.valid!.loss!);
    expect(scores[1]! / scores[0]!).toBeCloseTo(1, 5);
    const shorter = [...few, '--init', 'few', '--word-length', '9', '--out', 'refused'];
    await expectRefused(folder, shorter, 'it looks at 16 characters of a word: --word-length 16');
  });

  it.each<[what: string, model: string, vectors: string, message: string]>([
    ['of other values', 'few', 'others.txt', 'the model was trained with other word vectors'],
    ['of another size', 'few', 'short.txt', 'the word vectors have 2 numbers, those of the model 6'],
    ['for a model that trained all words', 'tiny', 'vectors.txt', 'the model has no table of word vectors'],
    ['that are not there', 'few', 'none.txt', 'none.txt'],
  ])('%s are refused', async (_, model, vectors, message) => {
    const ask = ['--passage', 'passage.txt', '--question', 'Where was the zebra born?'];
    await expectRefused(folder, ['answer', model, ...ask, '--vectors', vectors], message);
  });
});

describe('a threshold after training', () => {
  it('lets more units leave, and the model scores as calibrate says', async () => {
    const shrunk = ['shrink', 'tiny/model.onnx', '--threshold', '0.02', ...context, '--out', 'thin.onnx'];
    const { layers, lossless } = (await runJson(shrunk, folder)) as { layers: ShrunkLayer[]; lossless: boolean };
    const units = (which: 'before' | 'after') => layers.reduce((sum, layer) => sum + layer[which], 0);
    expect(lossless).toBe(false);
    expect(units('before')).toBe(result('tiny').models[0]!.hidden.reduce((a, b) => a + b, 0));
    expect(units('after')).toBeLessThan(result('tiny').models[1]!.hidden.reduce((a, b) => a + b, 0));

    const { points, score } = await runJson<Calibration>(['calibrate', 'tiny', '--tolerance', '0.01'], folder);
    const answers = ['answer', 'thin.onnx', '--vocabulary', 'tiny/vocabulary.txt', '--data', 'dev.json'];
    const { f1 } = (await runJson(answers, folder)) as { f1: number };
    expect(score.name).toBe('F1');
    expect(f1).toBeCloseTo(100 * points.find(({ threshold }) => threshold === 0.02)!.value, 4);
  });

  it('that nothing is below writes nothing', async () => {
    const { code, stderr } = await runCli(
      ['shrink', 'tiny/slim.onnx', '--threshold', '1e-6', '--out', 'none.onnx'],
      folder,
    );
    expect(code).toBe(3);
    expect(stderr).toContain('weights of at least 0.000001 read every unit');
    expect(existsSync(at('none.onnx'))).toBe(false);
  });
});

describe('bad input of train is one message before anything is written', () => {
  it.each<[what: string, file: string, content: string | Uint8Array, args: string[], message: string]>([
    [
      'an answer beside its offset',
      'moved.json',
      squad(madeUpPassages().train).replace(/"answer_start":\d+/, '"answer_start":1'),
      [],
      'does not stand at offset 1',
    ],
    [
      'an empty passage',
      'empty.json',
      squad([{ title: '', text: ' ', questions: passage!.questions }]),
      [],
      'the passage is empty',
    ],
    [
      'only questions that are too long',
      'dev.json',
      squad(madeUpPassages().valid),
      ['--max-question', '2'],
      'all 96 questions are left out',
    ],
    [
      'questions that are not UTF-8',
      'latin.json',
      Buffer.from(squad(madeUpPassages().train).replaceAll('was', 'wäs'), 'latin1'),
      [],
      'latin.json is not UTF-8 text',
    ],
    [
      'an answer of several lines beside its offset',
      'lines.json',
      squad([{ ...passage!, questions: [{ ...question, answers: [{ text: 'two\nlines', start: 0 }] }] }]),
      [],
      "the answer 'two lines' does not stand at offset 0",
    ],
    ['held-out questions alone', 'dev.txt', '', ['--valid', 'dev.json'], '--valid needs --data'],
    [
      'vectors of other words',
      'w.txt',
      'xyzzy 1 2\n',
      ['--vectors', 'w.txt'],
      'but for none of the words that are needed',
    ],
    ['a vector file with a broken line', 'v.txt', 'born 1 2\nin 1\n', ['--vectors', 'v.txt'], 'v.txt, line 2'],
    [
      'a number of hidden units for three layers',
      'dev.json',
      squad(madeUpPassages().valid),
      ['--hidden', '3,4,5'],
      '1, 4 or 8 numbers',
    ],
  ])('%s', async (_, file, content, args, message) => {
    writeFileSync(at(file), content);
    const data = file.endsWith('.json') ? ['--data', file] : [];
    await expectRefused(folder, [...tiny, ...data, ...args, '--out', 'refused'], message);
    expect(existsSync(at('refused'))).toBe(false);
  });
});
