import { z } from 'zod';
import { type Vocabulary, vocabularyDigest } from '../../data/vocabulary.ts';
import type { Model } from '../../graph/types.ts';
import { modelNote } from '../modelNote.ts';
import { cuts, type TextFields } from './definition.ts';

/** What a classifier's inputs and outputs stand for. */
const note = modelNote(
  'slimrnn.textClassifier',
  z.object({
    classes: z.array(z.string()).min(2),
    /** Digest of the words that its token numbers stand for (`vocabularyDigest`). */
    vocabulary: z.string(),
    maxLength: z.int().positive(),
    cut: z.enum(cuts),
  }),
);

/** What a text classifier's file says of texts and classes. */
export type TextMetadata = NonNullable<ReturnType<typeof note.read>>;

/** The model with a note of the classes of its outputs, and of how texts become its inputs. */
export function withTextMetadata(
  model: Model,
  classes: readonly string[],
  vocabulary: Vocabulary,
  { maxLength, cut }: Pick<TextFields, 'maxLength' | 'cut'>,
): Model {
  return note.write(model, { classes: [...classes], vocabulary: vocabularyDigest(vocabulary), maxLength, cut });
}

/** That note; undefined for a model without one. Throws a SlimError when it cannot be read. */
export const textMetadata = note.read;
