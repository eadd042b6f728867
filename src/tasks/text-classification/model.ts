import type { Model } from '../../graph/types.ts';
import { textClassifier } from '../../models/textClassifier.ts';
import type { TextConfig } from './definition.ts';
import { withTextMetadata } from './metadata.ts';
import type { TextData } from './textData.ts';

/** The untrained model of a configuration. */
export function freshModel({ task, model, seed }: TextConfig, { classes, vocabulary }: TextData): Model {
  const fresh = textClassifier({ ...model, vocabulary: vocabulary.words.length, classes: classes.length, seed });
  return withTextMetadata(fresh, classes, vocabulary, task);
}
