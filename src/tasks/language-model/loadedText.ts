import type { Corpus } from '../../data/makeCorpus.ts';
import type { Model } from '../../graph/types.ts';
import type { LoadedTask, TaskConfig } from '../task.ts';
import { freshModel } from './model.ts';
import { languageModelProblem } from './problem.ts';

/**
 * A corpus that is in memory, as the task with its data; training starts from `first`, by default an untrained model.
 * Throws a UsageError when a text is too short for one window.
 */
export function loadedText(config: TaskConfig, corpus: Corpus, first?: Model): LoadedTask {
  const { name, source, sha256, vocabulary } = corpus;
  const model = first ?? freshModel(config, vocabulary);
  return {
    problem: languageModelProblem(config, corpus),
    data: { name, source, sha256, facts: { vocabulary: vocabulary.words.length } },
    model: () => model,
    notes: [],
    files: { 'vocabulary.txt': `${vocabulary.words.join('\n')}\n` },
  };
}
