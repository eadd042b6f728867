import { UsageError } from '../../base/errors.ts';
import { vocabularyDigest } from '../../data/vocabulary.ts';
import { classifierSizes } from '../../models/textClassifier.ts';
import { AS_IT_IS, withWeightsOf } from '../freshWeights.ts';
import type { Task } from '../task.ts';
import { trainedModel } from '../trainedModel.ts';
import { type TextConfig, textClassificationDefinition, textConfigOf } from './definition.ts';
import { freshModel, loadedTexts, untrainedModel } from './loadedTexts.ts';
import { loadTexts } from './loadTexts.ts';
import { textMetadata } from './metadata.ts';
import type { TextData } from './textData.ts';

/** Classifiers of labelled texts from files, or of the embedded e-mails. */
export const textClassificationTask: Task = {
  ...textClassificationDefinition,
  untrained(config, { vocabulary, classes }) {
    const { model, seed } = textConfigOf(config);
    if (vocabulary === undefined || classes === undefined) return undefined;
    return untrainedModel({ model, seed }, { vocabulary, classes });
  },
  async load(given, { init, ...sources }) {
    const config = textConfigOf(given);
    const texts = await loadTexts(sources, config.task, config.seed);
    return loadedTexts(config, texts, init === undefined ? undefined : await firstModel(init, config, texts));
  },
  async settingsOf(init) {
    const model = await trainedModel(init);
    if (textMetadata(model) === undefined) throw notMade(init);
    return classifierSizes(model) ?? {};
  },
};

function notMade(init: string): UsageError {
  return new UsageError(`--init ${init}: not a text classifier made by slimrnn train`);
}

/**
 * A trained model to go on from. Where it has the sizes of the configuration its weights go into a fresh model, which
 * has the dropout that files lack; else it is taken as it is. Throws a UsageError when it tells other classes or knows
 * other words.
 */
async function firstModel(init: string, config: TextConfig, data: TextData) {
  const trained = await trainedModel(init);
  const about = textMetadata(trained);
  if (about === undefined) throw notMade(init);
  if (about.classes.join('\n') !== data.classes.join('\n')) {
    throw new UsageError(
      `--init ${init}: it tells the classes ${about.classes.join(', ')}; the data have ${data.classes.join(', ')}`,
    );
  }
  if (about.vocabulary !== vocabularyDigest(data.vocabulary)) {
    throw new UsageError(
      `--init ${init}: it was trained with another vocabulary; use the same data, seed and vocabulary`,
    );
  }
  const fresh = freshModel(config, data);
  const model = withWeightsOf(fresh, trained);
  return model ? { model, notes: [] } : { model: trained, notes: [AS_IT_IS] };
}
