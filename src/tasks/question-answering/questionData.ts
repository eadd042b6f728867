import { sha256Hex } from '../../base/digest.ts';
import { UsageError } from '../../base/errors.ts';
import { spanTokens, wordsIn } from '../../data/questions/spanTokens.ts';
import type { Passage } from '../../data/questions/squad.ts';
import type { WordTable } from '../../data/wordTable.ts';
import type { QuestionFields } from './definition.ts';

/** A passage as words: their numbers in the table of spellings, and where they stand in the text. */
export interface ReadPassage {
  readonly text: string;
  readonly words: Int32Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/** A question about a passage. */
export interface ReadQuestion {
  readonly id: string;
  /** Index of its passage. */
  readonly passage: number;
  readonly words: Int32Array;
  /** First and last word of the first answer. */
  readonly first: number;
  readonly last: number;
  /** All answers as people wrote them. */
  readonly answers: readonly string[];
}

/** Passages with their questions. */
export interface QuestionSet {
  readonly passages: readonly ReadPassage[];
  readonly questions: readonly ReadQuestion[];
}

/** Reads questions to words. Memory grows with 12 bytes for each word and the texts. */
export function readQuestions(passages: readonly Passage[], table: WordTable): QuestionSet {
  const numbers = (words: readonly string[]) => Int32Array.from(words, (word) => table.numberOf(word));
  const read = passages.map(({ text }) => ({ text, ...spanTokens(text) }));
  const questions = passages.flatMap((passage, index) =>
    passage.questions.map(({ id, question, answers, place }): ReadQuestion => {
      const words = spanTokens(question).words;
      const [answer] = answers;
      const span = wordsIn(read[index]!, answer!.start, answer!.start + answer!.text.length);
      if (words.length === 0) throw new UsageError(`${place}: the question '${question}' has no words`);
      if (span === undefined) throw new UsageError(`${place}: the answer '${answer!.text}' has no words`);
      return {
        id,
        passage: index,
        words: numbers(words),
        first: span[0],
        last: span[1],
        answers: answers.map((a) => a.text),
      };
    }),
  );
  return {
    passages: read.map(({ text, words, starts, ends }) => ({ text, words: numbers(words), starts, ends })),
    questions,
  };
}

/** The questions that are not too long, and how many were left out. Throws a UsageError when none is left. */
export function withinLimits(
  set: QuestionSet,
  { maxPassage, maxQuestion }: Pick<QuestionFields, 'maxPassage' | 'maxQuestion'>,
  source: string,
): { set: QuestionSet; leftOut: number } {
  const questions = set.questions.filter(
    ({ words, passage }) => words.length <= maxQuestion && set.passages[passage]!.words.length <= maxPassage,
  );
  if (questions.length === 0) {
    throw new UsageError(
      `${source}: all ${set.questions.length} questions are left out: each has more than ${maxQuestion} words, or a ` +
        `passage of more than ${maxPassage}; raise --max-question or --max-passage`,
    );
  }
  return { set: { ...set, questions }, leftOut: set.questions.length - questions.length };
}

/** How often each spelling occurs in what is learned from: a passage counts for each of its questions. */
export function countWords({ passages, questions }: QuestionSet, spellings: number): Float64Array {
  const counts = new Float64Array(spellings);
  const asked = new Float64Array(passages.length);
  for (const { words, passage } of questions) {
    asked[passage]!++;
    for (const word of words) counts[word]!++;
  }
  for (const [i, { words }] of passages.entries()) for (const word of words) counts[word]! += asked[i]!;
  return counts;
}

/** Hex digest of questions, passages and answers. */
export function digestOf(sets: Readonly<Record<string, QuestionSet>>): string {
  const parts = Object.entries(sets).flatMap(([name, { passages, questions }]) => [
    `\n\n${name}\n`,
    JSON.stringify(passages.map(({ text }) => text)),
    JSON.stringify(
      questions.map(({ words, first, last, passage, answers }) => [[...words], first, last, passage, answers]),
    ),
  ]);
  return sha256Hex(...parts);
}
