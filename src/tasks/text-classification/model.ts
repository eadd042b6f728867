import type { Model } from '../../graph/types.ts';
import { textClassifier } from '../../models/textClassifier.ts';
import { withinMemory } from '../withinMemory.ts';
import type { TextConfig } from './definition.ts';
import { withTextMetadata } from './metadata.ts';
import type { TextData } from './textData.ts';

/** The untrained model of a configuration. */
export function freshModel({ task, model, seed }: TextConfig, { classes, vocabulary }: TextData): Model {
  const sizes = { vocabulary: vocabulary.words.length, classes: classes.length };
  return withTextMetadata(untrainedModel({ model, seed }, sizes), classes, vocabulary, task);
}

/** The same without its words and classes. */
export function untrainedModel(
  { model, seed }: Pick<TextConfig, 'model' | 'seed'>,
  sizes: { readonly vocabulary: number; readonly classes: number },
): Model {
  return withinMemory(model.hidden, model.embedding, () => textClassifier({ ...model, ...sizes, seed }));
}
