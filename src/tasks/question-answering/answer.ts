import { SlimError, UsageError } from '../../base/errors.ts';
import { logSumExp } from '../../base/softmax.ts';
import { type SpanTokens, spanTokens } from '../../data/questions/spanTokens.ts';
import { WordTable } from '../../data/wordTable.ts';
import type { Model } from '../../graph/types.ts';
import { QUESTION_INPUTS, QUESTION_OUTPUTS } from '../../models/bidaf.ts';
import type { Runtime, SessionOptions } from '../../runtime/runtime.ts';
import { fillFeeds, inputFeeds } from './batches.ts';
import { bestSpan } from './bestSpan.ts';
import { encoderOf, wordsDigest } from './lexicon.ts';
import { type QuestionMetadata, questionMetadata } from './metadata.ts';

/** Words of a passage, at most: what the model looks at grows with them and with those of the question. */
const MOST_WORDS = 4000;

/** An answer that a model found. */
export interface FoundAnswer {
  /** The words of the passage that are the answer. */
  readonly text: string;
  /** Where they stand in the passage, in code units. */
  readonly start: number;
  readonly end: number;
  /** Probability of the first word times that of the last. */
  readonly probability: number;
  /** Words of the question and the passage. */
  readonly question: SpanTokens;
  readonly passage: SpanTokens;
  /** For each word of the passage how much it looks at each word of the question; rows add up to 1. */
  readonly attention: readonly (readonly number[])[];
  /** Words of both that the model does not know. */
  readonly unknown: number;
}

/** A model that is ready to answer questions. */
export interface AnswerSession {
  /**
   * Finds the answer to a question in a passage. Throws a UsageError for an empty one, or one that is longer than what the
   * model learned from.
   */
  answer(passage: string, question: string): Promise<FoundAnswer>;
  release(): Promise<void>;
}

/**
 * Makes a trained model ready to answer questions, in Node or a browser. `words` are those of the `vocabulary.txt` that
 * training wrote beside it. Throws a SlimError when the model is none, or was trained with other words.
 */
export async function answerSession(
  model: Model,
  words: readonly string[],
  runtime: Runtime,
  options: SessionOptions = {},
): Promise<AnswerSession> {
  const about = requireQuestionModel(model);
  if (about.vocabulary !== wordsDigest(words)) {
    throw new SlimError('the model was trained with other words; take the vocabulary.txt of its run');
  }
  const session = await runtime.createSession(model, options);
  const encoder = encoderOf({ ...about, words });
  const { wordLength, maxQuestion } = about;
  return {
    async answer(passage, question) {
      const [asked, read] = [wordsOf(question, 'question', maxQuestion), wordsOf(passage, 'passage', MOST_WORDS)];
      const table = new WordTable();
      const numbers = (tokens: SpanTokens) => Int32Array.from(tokens.words, (word) => table.numberOf(word));
      const pair = { passage: numbers(read), question: numbers(asked) };
      const characters = Int32Array.from(table.words.flatMap((word) => [...encoder.characters(word, wordLength)]));
      const spelled = { words: Int32Array.from(table.words, (word) => encoder.word(word)), characters, wordLength };
      const sizes = { passage: read.words.length, question: asked.words.length, batch: 1 };
      const feeds = inputFeeds(sizes, spelled);
      fillFeeds([pair], feeds, spelled);
      const inputs = Object.fromEntries(Object.values(QUESTION_INPUTS).map((name) => [name, feeds[name]!]));
      const results = await session.run(inputs, { outputs: Object.values(QUESTION_OUTPUTS) });
      const values = (name: string) => results[name]!.data as Float32Array;
      const [first, last] = [values(QUESTION_OUTPUTS.start), values(QUESTION_OUTPUTS.end)];
      const span = bestSpan(first, last, sizes.passage);
      const [start, end] = [read.starts[span.first]!, read.ends[span.last]!];
      const attention = values(QUESTION_OUTPUTS.attention);
      const row = (t: number) => [...attention.subarray(t * sizes.question, (t + 1) * sizes.question)];
      const isUnknown = (word: string) => encoder.word(word) === encoder.unknown;
      return {
        text: passage.slice(start, end),
        start,
        end,
        probability: Math.exp(span.logit - logSumExp(first) - logSumExp(last)),
        question: asked,
        passage: read,
        attention: read.words.map((_, t) => row(t)),
        unknown: [...asked.words, ...read.words].filter(isUnknown).length,
      };
    },
    release: () => session.release(),
  };
}

/** What the file of a model says of its words. Throws a SlimError for a model that answers no questions. */
export function requireQuestionModel(model: Model): QuestionMetadata {
  const about = questionMetadata(model);
  if (about === undefined)
    throw new SlimError('the model answers no questions: its file names no words and characters');
  return about;
}

function wordsOf(text: string, what: string, most: number): SpanTokens {
  const tokens = spanTokens(text);
  const count = tokens.words.length;
  if (count === 0) throw new UsageError(`the ${what} is empty`);
  if (count > most) throw new UsageError(`the ${what} has ${count} words; this model takes ${most}`);
  return tokens;
}
