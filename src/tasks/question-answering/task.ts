import { basename, resolve } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { madeUpPassages } from '../../data/questions/madeUp.ts';
import { findQuestionFiles, readQuestionFile } from '../../data/questions/questionFiles.ts';
import { readWordVectors } from '../../data/wordVectors.ts';
import { bidafSizes, WORD_VECTORS } from '../../models/bidaf.ts';
import { AS_IT_IS, withWeightsOf } from '../freshWeights.ts';
import { refuseSources } from '../refuseSources.ts';
import type { Sources, Task } from '../task.ts';
import { trainedModel } from '../trainedModel.ts';
import { questionAnsweringDefinition, questionConfigOf } from './definition.ts';
import { withVectorTable } from './fedVectors.ts';
import { wordOf } from './lexicon.ts';
import { loadedQuestions, type QuestionSource, readSets, strangeness } from './loadedQuestions.ts';
import { questionMetadata } from './metadata.ts';

/** Name of the embedded passages, which are also there when nobody names any. */
const EMBEDDED = 'made-up';

/** Answers to questions about passages from files, or about made-up people. */
export const questionAnsweringTask: Task = {
  ...questionAnsweringDefinition,
  async load(given, { init, ...sources }) {
    const config = questionConfigOf(given);
    const questions = await loadQuestions(sources);
    const read = readSets(questions, config);
    const asked = new Set(read.table.words.map(wordOf));
    const { vectors: path } = config.task;
    const vectors = path === undefined ? undefined : await readWordVectors(path, (word) => asked.has(word));
    const task = loadedQuestions(config, questions, read, vectors);
    if (init === undefined) return task;
    const untrained = task.model();
    const loaded = await trainedModel(init);
    const strange = strangeness(loaded, untrained);
    if (strange !== undefined) throw new UsageError(`--init ${init}: ${strange}`);
    const trained = withVectorTable(loaded, untrained.graph.initializers.get(WORD_VECTORS));
    if (trained === undefined) {
      throw new UsageError(`--init ${init}: it was trained with other word vectors; use the same ones`);
    }
    const fresh = withWeightsOf(untrained, trained);
    const notes = fresh ? task.notes : [...task.notes, AS_IT_IS];
    return { ...task, model: () => fresh ?? trained, notes };
  },
  async settingsOf(init) {
    const model = await trainedModel(init);
    const about = questionMetadata(model);
    const sizes = bidafSizes(model);
    if (about === undefined || sizes === undefined) {
      throw new UsageError(`--init ${init}: no model that answers questions, made by slimrnn train`);
    }
    return { ...sizes, wordLength: about.wordLength };
  },
};

async function loadQuestions(sources: Omit<Sources, 'init'>): Promise<QuestionSource> {
  const { data, valid, test } = sources;
  if (data === undefined || data === EMBEDDED) {
    refuseSources(sources, ['valid', 'test'], 'needs --data: the made-up passages have held-out ones of their own');
    return { name: EMBEDDED, source: 'made-up passages', ...madeUpPassages() };
  }
  const found = await findQuestionFiles(data);
  const [train, ...held] = await Promise.all(
    [found.train, valid ?? found.valid, test ?? found.test].map((path) => path && readQuestionFile(path)),
  );
  return {
    name: basename(resolve(data)),
    source: data,
    train: train || [],
    valid: held[0] || undefined,
    test: held[1] || undefined,
  };
}
