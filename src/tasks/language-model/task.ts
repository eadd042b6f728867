import { UsageError } from '../../base/errors.ts';
import { grouped } from '../../base/format.ts';
import { loadCorpus } from '../../data/corpus.ts';
import type { LoadedCorpus } from '../../data/makeCorpus.ts';
import { loadSotu } from '../../data/sotu.ts';
import { loadModel } from '../../onnx/file.ts';
import { modelPath } from '../modelPath.ts';
import type { Task } from '../task.ts';
import { languageModelDefinition, readTaskFields } from './definition.ts';
import { modelFrom, sizesOf, untrainedModel } from './model.ts';
import { loadedText } from './problem.ts';

/** Language models on text: the embedded corpus, a folder of three texts, or one file. */
export const languageModelTask: Task = {
  ...languageModelDefinition,
  untrained: (config, { vocabulary }) => (vocabulary === undefined ? undefined : untrainedModel(config, vocabulary)),
  async load(config, { data = 'sotu', init }) {
    const { vocabulary: maxVocabulary, trainTokens: maxTrainTokens } = readTaskFields(config.task);
    const isEmbedded = data === 'sotu';
    if (maxTrainTokens !== undefined && !isEmbedded) {
      throw new UsageError('--train-tokens is for the embedded corpus only, not for --data');
    }
    const options = { maxVocabulary, maxTrainTokens };
    const corpus = await (isEmbedded ? loadSotu(options) : loadCorpus(data, options));
    const first =
      init === undefined ? undefined : modelFrom(await loadModel(modelPath(init)), config, corpus.vocabulary, init);
    return { ...loadedText(config, corpus, first), notes: notesOn(corpus) };
  },
  async settingsOf(init) {
    const { kind, ...sizes } = sizesOf(await loadModel(modelPath(init)), init);
    return { cell: kind, ...sizes };
  },
};

/** What a corpus holds, and how much of it the vocabulary does not know. */
function notesOn(corpus: LoadedCorpus): string[] {
  const held =
    `${corpus.source}: ${grouped(corpus.train.length)} training, ${grouped(corpus.valid.length)} validation and ` +
    `${grouped(corpus.test.length)} test tokens, ${grouped(corpus.vocabulary.words.length)} words`;
  const outside = (['valid', 'test'] as const).flatMap((part) => {
    const { dropped } = corpus.outside[part];
    if (dropped === 0) return [];
    return [
      `warning: ${grouped(dropped)} tokens of the ${part} text are not in the vocabulary and are left out ` +
        '(with --vocabulary N, or an <unk> in the training text, they would count as <unk>)',
    ];
  });
  return [held, ...outside];
}
