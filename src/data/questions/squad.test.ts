import { describe, expect, it } from 'vitest';
import { UsageError } from '../../base/errors.ts';
import { madeUpPassages } from './madeUp.ts';
import { readSquad } from './squad.ts';

const CONTEXT = 'Ida sells maps in Brae.';

interface Row {
  readonly id?: unknown;
  readonly question?: unknown;
  readonly answers?: unknown;
  readonly is_impossible?: unknown;
}

const row = { id: 'q1', question: 'What does Ida sell?', answers: [{ text: 'maps', answer_start: 10 }] };

function file(rows: readonly Row[], context: unknown = CONTEXT): string {
  const qas = rows.map((r, i) => ({ ...row, id: `q${i + 1}`, ...r }));
  return JSON.stringify({ version: '1.1', data: [{ title: 'Trade', paragraphs: [{ context, qas }] }] });
}

const read = (json: string) => readSquad(json, 'dev.json');
const complaint = (json: string) => {
  try {
    read(json);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error('nothing was wrong');
};

describe('a file in the form of SQuAD', () => {
  it('gives passages, questions and answers with their places', () => {
    const place = 'dev.json: article 1 (Trade), paragraph 1, question q1';
    const { id, question } = row;
    const answers = [{ text: 'maps', start: 10 }];
    expect(read(file([{}]))).toEqual([
      { title: 'Trade', text: CONTEXT, questions: [{ id, question, place, answers }] },
    ]);
  });

  it('may begin with a byte order mark and have numbers for ids', () => {
    expect(read(`\uFEFF${file([{ id: 7 }])}`)[0]!.questions[0]!.id).toBe('7');
  });

  it('counts offsets in characters, also behind ones that take two code units', () => {
    const context = '𝒜𝒷 sells maps';
    const answers = [{ text: 'maps', answer_start: 9 }];
    const [passage] = read(file([{ answers }], context));
    const { start, text } = passage!.questions[0]!.answers[0]!;
    expect(context.slice(start, start + text.length)).toBe('maps');
  });

  it.each<[what: string, json: string, message: string]>([
    ['no JSON', '{"data":', 'dev.json is not JSON'],
    ['another form', '{"data": [{"paragraphs": [{"qas": []}]}]}', 'form of SQuAD 1.1: .data[0].paragraphs[0].context'],
    ['no questions', file([]), 'dev.json has no questions'],
    ['an empty passage', file([{}], ' \n'), 'paragraph 1: the passage is empty'],
    ['an empty question', file([{ question: ' ' }]), 'question q1: the question is empty'],
    ['no answers', file([{ answers: [] }]), 'question q1: it has no answers'],
    ['SQuAD 2.0', file([{ answers: [], is_impossible: true }]), 'it has no answer, as in SQuAD 2.0'],
    [
      'an answer beside its offset',
      file([{}, { answers: [{ text: 'maps', answer_start: 11 }] }]),
      "question q2: the answer 'maps' does not stand at offset 11 of the passage, where 'aps ' is",
    ],
    [
      'an answer behind the end',
      file([{ answers: [{ text: 'maps', answer_start: 99 }] }]),
      "does not stand at offset 99 of the passage, where '' is",
    ],
    ['an id twice', file([{}, { id: 'q1' }]), 'has the same id'],
  ])('with %s is refused with its place', (_, json, message) => {
    expect(complaint(json)).toContain(message);
  });
});

it('the made-up passages have their answers where they say, and are always the same', () => {
  const { train, valid } = madeUpPassages();
  expect(train).toHaveLength(80);
  expect(valid).toHaveLength(16);
  for (const { text, questions } of [...train, ...valid]) {
    expect(questions).toHaveLength(6);
    for (const { answers } of questions) {
      for (const answer of answers) expect(text.startsWith(answer.text, answer.start)).toBe(true);
    }
  }
  expect(madeUpPassages()).toEqual({ train, valid });
});
