import { SlimError } from '../../base/errors.ts';
import { softmax } from '../../base/softmax.ts';
import { tokenizeWords } from '../../data/tokens.ts';
import { UNKNOWN, type Vocabulary, vocabularyDigest } from '../../data/vocabulary.ts';
import type { Model } from '../../graph/types.ts';
import { LOGITS } from '../../models/languageModel.ts';
import type { Runtime, SessionOptions } from '../../runtime/runtime.ts';
import { fillFeeds, inputFeeds } from './batches.ts';
import { cutWords } from './collectTexts.ts';
import { textMetadata } from './metadata.ts';

/** Texts that go through the model side by side. */
const BATCH = 32;

/** What a model says of a text. */
export interface Classified {
  /** The most probable class. */
  readonly label: string;
  /** Probability of each class, in the order of the session's `classes`. */
  readonly probabilities: readonly number[];
  /** Words of the text that the vocabulary does not have. */
  readonly unknown: number;
}

/** A model that is ready to classify texts. */
export interface TextSession {
  readonly classes: readonly string[];
  classify(texts: readonly string[]): Promise<Classified[]>;
  release(): Promise<void>;
}

/**
 * Makes a trained text classifier ready for use, in Node or a browser. Throws a SlimError when the model is none, or the
 * vocabulary is not the one that it was trained with.
 */
export async function textSession(
  model: Model,
  vocabulary: Vocabulary,
  runtime: Runtime,
  options: SessionOptions = {},
): Promise<TextSession> {
  const about = textMetadata(model);
  if (about === undefined) throw new SlimError('the model is no text classifier of slimrnn: its file names no classes');
  if (about.vocabulary !== vocabularyDigest(vocabulary)) {
    throw new SlimError('the model was trained with another vocabulary; take the vocabulary.txt of its run');
  }
  const session = await runtime.createSession(model, options);
  const unknown = vocabulary.ids.get(UNKNOWN)!;
  const encode = (text: string): Int32Array => {
    const words = cutWords(tokenizeWords(text), about);
    // A text needs one word at least.
    if (words.length === 0) return Int32Array.of(unknown);
    return Int32Array.from(words, (w) => vocabulary.ids.get(w) ?? unknown);
  };
  const classifyBatch = async (texts: readonly string[]): Promise<Classified[]> => {
    const encoded = texts.map(encode);
    const feeds = inputFeeds(Math.max(...encoded.map((words) => words.length)), texts.length);
    fillFeeds(encoded, feeds);
    const logits = (await session.run(feeds, { outputs: [LOGITS] }))[LOGITS]!.data as Float32Array;
    const count = about.classes.length;
    return encoded.map((words, i) => {
      const probabilities = softmax(logits.subarray(i * count, (i + 1) * count));
      const best = probabilities.indexOf(Math.max(...probabilities));
      const outside = words.filter((word) => word === unknown).length;
      return { label: about.classes[best]!, probabilities, unknown: outside };
    });
  };
  return {
    classes: about.classes,
    classify: async (texts) => {
      const found: Classified[] = [];
      for (let i = 0; i < texts.length; i += BATCH) found.push(...(await classifyBatch(texts.slice(i, i + BATCH))));
      return found;
    },
    release: () => session.release(),
  };
}

/** Classifies texts with a trained model; `textSession` is faster for more than one call. */
export async function classify(
  model: Model,
  vocabulary: Vocabulary,
  texts: readonly string[],
  runtime: Runtime,
): Promise<Classified[]> {
  const session = await textSession(model, vocabulary, runtime);
  try {
    return await session.classify(texts);
  } finally {
    await session.release();
  }
}
