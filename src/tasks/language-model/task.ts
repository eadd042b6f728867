import { UsageError } from '../../base/errors.ts';
import { grouped } from '../../base/format.ts';
import { loadCorpus } from '../../data/corpus.ts';
import type { LoadedCorpus } from '../../data/makeCorpus.ts';
import { loadSotu } from '../../data/sotu.ts';
import { loadModel } from '../../onnx/file.ts';
import { modelPath } from '../modelPath.ts';
import type { Sources, Task, TaskConfig } from '../task.ts';
import { languageModelDefinition, readTaskFields } from './definition.ts';
import { modelFrom, sizesOf, untrainedModel } from './model.ts';
import { loadedText } from './problem.ts';

/** Language models on text: the embedded corpus, a folder of three texts, or one file. */
export const languageModelTask: Task = {
  ...languageModelDefinition,
  untrained: (config, { vocabulary }) => (vocabulary === undefined ? undefined : untrainedModel(config, vocabulary)),
  async load(config, sources) {
    const corpus = await loadText(config, sources);
    const { init } = sources;
    const first =
      init === undefined ? undefined : modelFrom(await loadModel(modelPath(init)), config, corpus.vocabulary, init);
    return { ...loadedText(config, corpus, first), notes: notesOn(corpus) };
  },
  async settingsOf(init) {
    const { kind, ...sizes } = sizesOf(await loadModel(modelPath(init)), init);
    return { cell: kind, ...sizes };
  },
};

/** Reads the text that a configuration asks for. Throws UsageError when it cannot serve. */
async function loadText({ task }: Pick<TaskConfig, 'task'>, { data }: Sources): Promise<LoadedCorpus> {
  const { vocabulary: maxVocabulary, trainTokens } = readTaskFields(task);
  if (data === undefined || data === 'sotu') return loadSotu({ maxVocabulary, maxTrainTokens: trainTokens });
  if (trainTokens !== undefined) {
    throw new UsageError('--train-tokens is for the embedded corpus only, not for --data');
  }
  return loadCorpus(data, { maxVocabulary });
}

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
