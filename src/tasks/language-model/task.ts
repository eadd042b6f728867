import { UsageError } from '../../base/errors.ts';
import { loadCorpus } from '../../data/corpus.ts';
import type { LoadedCorpus } from '../../data/makeCorpus.ts';
import { loadSotu } from '../../data/sotu.ts';
import { tokenizers } from '../../data/tokenizations.ts';
import { loadTokenizer } from '../../data/tokenizerFile.ts';
import { refuseSources } from '../refuseSources.ts';
import type { Task, TaskConfig } from '../task.ts';
import { trainedModel } from '../trainedModel.ts';
import { corpusNotes } from './corpusNotes.ts';
import { languageModelDefinition, readTaskFields } from './definition.ts';
import { modelFrom, sizesOf, untrainedModel } from './model.ts';
import { loadedText } from './problem.ts';

/** What stands for the corpus that comes along in the place of a path. */
const EMBEDDED = 'sotu';

/** Language models on text: the embedded corpus, a folder of three texts, or one file. */
export const languageModelTask: Task = {
  ...languageModelDefinition,
  untrained: (config, { vocabulary }) => (vocabulary === undefined ? undefined : untrainedModel(config, vocabulary)),
  async load(config, { data = EMBEDDED, init, ...others }) {
    refuseSources(others, ['valid', 'test'], 'goes into the folder of --data: train.txt, valid.txt and test.txt');
    const { tokens = 'whitespace' } = readTaskFields(config.task);
    const corpus = await corpusOf(config, data);
    const first = init === undefined ? undefined : modelFrom(await trainedModel(init), config, corpus.vocabulary, init);
    return { ...loadedText(config, corpus, first), notes: corpusNotes(corpus, tokens) };
  },
  async settingsOf(init) {
    const { kind, ...sizes } = sizesOf(await trainedModel(init), init);
    return { cell: kind, ...sizes };
  },
};

/** The embedded corpus, or the text at a path. Throws a UsageError for fields that are for the other one. */
async function corpusOf(config: TaskConfig, data: string): Promise<LoadedCorpus> {
  const { vocabulary, trainTokens, tokens = 'whitespace', tokenizer, text } = readTaskFields(config.task);
  if (data !== EMBEDDED) {
    if (trainTokens !== undefined)
      throw new UsageError('--train-tokens is for the embedded corpus only, not for --data');
    const tokenize = tokens === 'bpe' ? await loadTokenizer(tokenizer!) : tokenizers[tokens];
    return loadCorpus(data, { maxVocabulary: vocabulary, tokenize, column: text });
  }
  if (tokens !== 'whitespace' || text !== undefined) {
    throw new UsageError('--tokens and --text are for texts of --data: the embedded corpus is cut into words');
  }
  return loadSotu({ maxVocabulary: vocabulary, maxTrainTokens: trainTokens });
}
