import { z } from 'zod';
import { modelNote } from '../modelNote.ts';

/** What the numbers in a model's inputs stand for. */
const note = modelNote(
  'slimrnn.questionAnswering',
  z.object({
    /** Digest of its words (`wordsDigest`), in the order of their numbers. */
    vocabulary: z.string(),
    /** Characters from number 2 on. */
    characters: z.array(z.string()),
    trainedWords: z.int().positive(),
    wordLength: z.int().positive(),
    maxQuestion: z.int().positive(),
  }),
);

/** What the file of a model that answers questions says of words and characters. */
export type QuestionMetadata = NonNullable<ReturnType<typeof note.read>>;

/** The model with that note. */
export const withQuestionMetadata = note.write;

/** That note; undefined for a model without one. Throws a SlimError when it cannot be read. */
export const questionMetadata = note.read;
