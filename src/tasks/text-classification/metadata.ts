import { z } from 'zod';
import { SlimError } from '../../base/errors.ts';
import { type Vocabulary, vocabularyDigest } from '../../data/vocabulary.ts';
import type { Model } from '../../graph/types.ts';
import { cuts, type TextFields } from './definition.ts';

/** Metadata entry with what a classifier's inputs and outputs stand for. */
const KEY = 'slimrnn.textClassifier';

const schema = z.object({
  classes: z.array(z.string()).min(2),
  /** Digest of the words that its token numbers stand for (`vocabularyDigest`). */
  vocabulary: z.string(),
  maxLength: z.int().positive(),
  cut: z.enum(cuts),
});

/** What a text classifier's file says of texts and classes. */
export type TextMetadata = Readonly<z.infer<typeof schema>>;

/** The model with a note of the classes of its outputs, and of how texts become its inputs. */
export function withTextMetadata(
  model: Model,
  classes: readonly string[],
  vocabulary: Vocabulary,
  { maxLength, cut }: Pick<TextFields, 'maxLength' | 'cut'>,
): Model {
  const entry = { classes, vocabulary: vocabularyDigest(vocabulary), maxLength, cut };
  return { ...model, metadata: { ...model.metadata, [KEY]: JSON.stringify(entry) } };
}

/** That note; undefined for a model without one. Throws a SlimError when it cannot be read. */
export function textMetadata({ metadata }: Model): TextMetadata | undefined {
  const text = metadata[KEY];
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new SlimError(`metadata '${KEY}' of the model is not what slimrnn writes: ${text}`, { cause });
  }
}
