import { z } from 'zod';
import { SlimError } from '../../base/errors.ts';
import type { Model } from '../../graph/types.ts';

/** Metadata entry with what the numbers in a model's inputs stand for. */
const KEY = 'slimrnn.questionAnswering';

const schema = z.object({
  /** Digest of its words (`wordsDigest`), in the order of their numbers. */
  vocabulary: z.string(),
  /** Characters from number 2 on. */
  characters: z.array(z.string()),
  trainedWords: z.int().positive(),
  wordLength: z.int().positive(),
  maxQuestion: z.int().positive(),
});

/** What the file of a model that answers questions says of words and characters. */
export type QuestionMetadata = Readonly<z.infer<typeof schema>>;

/** The model with that note. */
export function withQuestionMetadata(model: Model, about: QuestionMetadata): Model {
  return { ...model, metadata: { ...model.metadata, [KEY]: JSON.stringify(about) } };
}

/** That note; undefined for a model without one. Throws a SlimError when it cannot be read. */
export function questionMetadata({ metadata }: Model): QuestionMetadata | undefined {
  const text = metadata[KEY];
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new SlimError(`metadata '${KEY}' of the model is not what slimrnn writes`, { cause });
  }
}
