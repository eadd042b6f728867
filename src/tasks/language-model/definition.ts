import { z } from 'zod';
import { type Settings, sectionReader } from '../../base/fields.ts';
import { tokenizationNames } from '../../data/tokenizations.ts';
import { cellNames } from '../../nn/layers.ts';
import { optimizerNamed } from '../../optimizers/registry.ts';
import { sgdKind } from '../../optimizers/sgd.ts';
import type { TaskDefinition } from '../task.ts';
import { presets } from './presets.ts';

const positive = z.int().positive();
const kept = z.number().gt(0).lte(1);

/** Fields of the task itself. */
export const taskFields = {
  vocabulary: z
    .int()
    .min(2)
    .optional()
    .describe('keep at most this many words (default: all that the text has; of the embedded corpus 10 000)'),
  trainTokens: positive.optional().describe('train on about this many tokens of the embedded corpus'),
  steps: positive.describe('time steps of a window'),
  shiftWindows: z.boolean().optional().describe('cut the text into windows at other places in each epoch'),
  tokens: z
    .enum(tokenizationNames)
    .optional()
    .describe(
      'what a token is: whitespace (what stands between blanks), words (in lower case, marks apart, numbers as N), ' +
        'characters, or bpe (pieces of words, by --tokenizer) (default: whitespace)',
    ),
  tokenizer: z.string().min(1).optional().describe('tokenizer.json (Hugging Face) that cuts the text, with bpe'),
  text: z
    .string()
    .min(1)
    .optional()
    .describe('column (field of JSON lines) with the text; a number where no line has names (default: text)'),
} as const;

const sizes = {
  hidden: z.array(positive).min(1).describe('hidden size of each recurrent layer, from the bottom'),
  embedding: positive.describe('embedding size'),
  initScale: z.number().positive().describe('weights start uniform in ± this'),
  keep: kept.describe('probability that dropout keeps a value (1: no dropout)'),
  keepWords: kept.optional().describe('probability that a word of a window is kept, wherever it stands (default: 1)'),
} as const;

/** Fields of stacked recurrent layers. */
export const stackedFields = {
  ...sizes,
  tied: z.boolean().optional().describe("let the embedding be the output's matrix as well"),
  variational: z.boolean().optional().describe('one dropout mask for all steps of a window'),
  keepRecurrent: kept.optional().describe('probability that a recurrent weight is kept in a window (default: 1)'),
  forgetBias: z.number().optional().describe('where the biases of forget gates start (default: 0)'),
} as const;

/** Fields of a Recurrent Highway Network. */
export const rhnFields = {
  ...sizes,
  depth: positive.describe('rhn: micro-layers in a step'),
  transformBias: z.number().optional().describe('rhn: where the biases of the transform gates start (default: -2)'),
  keepState: kept.optional().describe('rhn: probability that a value of the state is kept (default: 1)'),
} as const;

export const readTaskFields = sectionReader(taskFields);
export const readStackedFields = sectionReader(stackedFields);
export const readRhnFields = sectionReader(rhnFields);

/**
 * The threshold that goes with an optimizer and its rate, and the rate of one for which it is more than a factor. That factor
 * belongs to the loss, which is summed over a window: presets say it.
 */
function optimizerDefaults({ optimizer, learningRate }: Settings): Settings {
  const kind = optimizerNamed(optimizer) ?? sgdKind;
  const rate = typeof learningRate === 'number' ? learningRate : kind.usualRate;
  return { threshold: kind.usualThreshold(rate), ...(kind.rateOf && { learningRate: rate }) };
}

/** Text, word by word, in windows with carried state. */
export const languageModelDefinition: TaskDefinition = {
  name: 'language-model',
  about: 'predicts the next word of a text',
  fields: taskFields,
  models: [...cellNames.map((name) => ({ name, fields: stackedFields })), { name: 'rhn', fields: rhnFields }],
  presets,
  defaults: (given) => ({
    ...optimizerDefaults(given),
    ...{ shrink: true, shrinkEvery: 200, seed: 1, checkpointEvery: 1000, decayEvery: 0 },
  }),
  contradictions({ task, model, method }, nameOf) {
    const { tokens, tokenizer } = readTaskFields(task);
    const [bpe, file] = [`${nameOf('tokens')} bpe`, nameOf('tokenizer')];
    const cutting = [
      ...(tokens === 'bpe' && tokenizer === undefined ? [`${bpe} needs a tokenizer.json: name it with ${file}`] : []),
      ...(tokens !== 'bpe' && tokenizer !== undefined ? [`${file} goes with ${bpe}`] : []),
    ];
    if (model.kind !== 'rhn') return cutting;
    const { hidden, embedding } = readRhnFields(model);
    const cell = `${nameOf('cell')} rhn`;
    return [
      ...cutting,
      ...(method.issEmbedding
        ? [`${cell} has no columns of the embedding besides its units: leave out ${nameOf('issEmbedding')}`]
        : []),
      ...(hidden.length > 1 || hidden[0] !== embedding
        ? [`${cell} needs one hidden size that is the embedding's, got ${hidden.join(', ')} and ${embedding}`]
        : []),
    ];
  },
};
