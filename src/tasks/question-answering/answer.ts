import { UsageError } from '../../base/errors.ts';
import { logSumExp } from '../../base/softmax.ts';
import { type SpanTokens, spanTokens } from '../../data/questions/spanTokens.ts';
import { WordTable } from '../../data/wordTable.ts';
import type { WordVectors } from '../../data/wordVectors.ts';
import type { Model } from '../../graph/types.ts';
import { QUESTION_OUTPUTS } from '../../models/bidaf.ts';
import { wholeWeights } from '../../passes/wholeWeights.ts';
import type { Runtime, SessionOptions } from '../../runtime/runtime.ts';
import { fillFeeds, inputFeeds, type Spelled } from './batches.ts';
import { bestSpan } from './bestSpan.ts';
import { hasOpenTable, hasVectors, vectorSizeOf, withFedVectors } from './fedVectors.ts';
import { type Encoder, encoderOf, spell, vectorRows, wordOf, wordsDigest } from './lexicon.ts';
import { type QuestionMetadata, questionMetadata } from './metadata.ts';

/** Words of a passage, at most: the time and memory of an answer grow with them times those of the question. */
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
  /** Finds the answer to a question in a passage. Throws a UsageError for an empty one, or one that is too long. */
  answer(passage: string, question: string): Promise<FoundAnswer>;
  release(): Promise<void>;
}

/** How a model is run, and what it knows of words. */
export interface AnswerOptions extends SessionOptions {
  /**
   * Vectors of words, instead of those in the model's file: the ones that it was trained with, but also for words that its
   * training data lacked. Those of the words to come are enough.
   */
  readonly vectors?: WordVectors | undefined;
  /** Words of a question, at most (default: as many as it was trained with at most). */
  readonly maxQuestion?: number | undefined;
  /** Words of a passage, at most (default: 4000). */
  readonly maxPassage?: number | undefined;
  /** Words of an answer, at most (default: any number, as training scores it). */
  readonly maxAnswer?: number | undefined;
}

/**
 * Makes a trained model ready to answer questions, in Node or a browser. `words` are those of the `vocabulary.txt` that
 * training wrote beside it. Throws a UsageError when the model is none or was trained with other words or vectors, and for
 * vectors that it has no table of; also where a model without its table comes without vectors, and for limits that are no
 * numbers of words.
 */
export async function answerSession(
  model: Model,
  words: readonly string[],
  runtime: Runtime,
  { vectors, maxQuestion, maxPassage = MOST_WORDS, maxAnswer, ...options }: AnswerOptions = {},
): Promise<AnswerSession> {
  const about = requireQuestionModel(model);
  requireWords(about, words);
  requireLimits({ maxQuestion, maxPassage, maxAnswer });
  const longest = maxQuestion ?? about.maxQuestion;
  if (vectors === undefined && hasOpenTable(model.graph)) {
    throw new UsageError('the model has no word vectors in its file: give those that it was trained with (--vectors)');
  }
  const session = await runtime.createSession(vectors ? withVectors(model, about, words, vectors) : model, options);
  const spellingOf = vectors ? spellerByVectors(about, words, vectors) : spellerByTable(about, words);
  return {
    async answer(passage, question) {
      const [asked, read] = [wordsOf(question, 'question', longest), wordsOf(passage, 'passage', maxPassage)];
      const table = new WordTable();
      const numbers = (tokens: SpanTokens) => Int32Array.from(tokens.words, (word) => table.numberOf(word));
      const pair = { passage: numbers(read), question: numbers(asked) };
      const { spelled, encoder } = spellingOf(table.words);
      const sizes = { passage: read.words.length, question: asked.words.length, batch: 1 };
      const feeds = inputFeeds(sizes, spelled);
      fillFeeds([pair], feeds, spelled);
      const results = await session.run(feeds, { outputs: Object.values(QUESTION_OUTPUTS) });
      const values = (name: string) => results[name]!.data as Float32Array;
      const [first, last] = [values(QUESTION_OUTPUTS.start), values(QUESTION_OUTPUTS.end)];
      const span = bestSpan(first, last, sizes.passage, maxAnswer);
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

/** The model that is fed these vectors. */
function withVectors(model: Model, about: QuestionMetadata, words: readonly string[], vectors: WordVectors): Model {
  const whole = wholeWeights(model.graph);
  const own = vectorSizeOf(whole);
  const graph = withFedVectors(whole);
  if (own === undefined || graph === whole) {
    throw new UsageError('the model has no table of word vectors that others could stand for: leave the vectors out');
  }
  const { size } = vectors;
  if (own !== size) throw new UsageError(`the word vectors have ${size} numbers, those of the model ${own}`);
  if (!hasVectors(whole, words.slice(about.trainedWords), vectors)) {
    throw new UsageError('the model was trained with other word vectors; use the same ones');
  }
  return { ...model, graph };
}

/** Throws a UsageError for limits that are no numbers of words. */
function requireLimits(limits: Readonly<Record<string, number | undefined>>): void {
  for (const [name, limit] of Object.entries(limits)) {
    if (limit === undefined || limit === Number.POSITIVE_INFINITY) continue;
    if (!Number.isInteger(limit) || limit < 1)
      throw new UsageError(`${name} must be a whole number from 1 on, got ${limit}`);
  }
}

/** Spellings as a model sees them, and what has numbered them. */
type Speller = (spellings: readonly string[]) => { readonly spelled: Spelled; readonly encoder: Encoder };

/** Numbers words by the rows of the model's own table. */
function spellerByTable(about: QuestionMetadata, words: readonly string[]): Speller {
  const encoder = encoderOf({ ...about, words });
  return (spellings) => ({ spelled: spell(spellings, encoder, about.wordLength), encoder });
}

/** Gives each word that is not trained the vector that it has there. */
function spellerByVectors(
  { trainedWords, characters, wordLength }: QuestionMetadata,
  words: readonly string[],
  vectors: WordVectors,
): Speller {
  const trained = words.slice(0, trainedWords);
  const isTrained = new Set(trained);
  return (spellings) => {
    const known = [...new Set(spellings.map(wordOf))].filter((w) => !isTrained.has(w) && vectors.vectors.has(w));
    const encoder = encoderOf({ words: [...trained, ...known], characters });
    const table = vectorRows(known, vectors);
    return { spelled: spell(spellings, encoder, wordLength, { trainedWords, table }), encoder };
  };
}

/** What the file of a model says of its words. Throws a UsageError for a model that answers no questions. */
export function requireQuestionModel(model: Model): QuestionMetadata {
  const about = questionMetadata(model);
  if (about === undefined)
    throw new UsageError('the model answers no questions: its file names no words and characters');
  return about;
}

/** Throws a UsageError for other words than a model was trained with. */
export function requireWords({ vocabulary }: QuestionMetadata, words: readonly string[]): void {
  if (vocabulary === wordsDigest(words)) return;
  throw new UsageError('the model was trained with other words; take the vocabulary.txt of its run');
}

/** Throws a UsageError for a passage that no question can be asked about. */
export function requirePassage(text: string): void {
  wordsOf(text, 'passage', MOST_WORDS);
}

function wordsOf(text: string, what: string, most: number): SpanTokens {
  const tokens = spanTokens(text);
  const count = tokens.words.length;
  if (count === 0) throw new UsageError(`the ${what} is empty`);
  if (count > most) throw new UsageError(`the ${what} has ${count} words; this model takes ${most}`);
  return tokens;
}
