import { grouped } from '../../base/format.ts';
import type { Model } from '../../graph/types.ts';
import { textClassifier } from '../../models/textClassifier.ts';
import type { DataSummary, LoadedTask } from '../task.ts';
import { withinMemory } from '../withinMemory.ts';
import type { TextConfig } from './definition.ts';
import { withTextMetadata } from './metadata.ts';
import { textProblem } from './problem.ts';
import type { TextData, TextSet } from './textData.ts';

/** Labelled texts with what to call them. */
export type NamedTexts = TextData & Pick<DataSummary, 'name' | 'source'>;

/** Labelled texts in memory as the task, trained from `first`, by default an untrained model. Free of Node. */
export function loadedTexts(
  config: TextConfig,
  texts: NamedTexts,
  first?: { readonly model: Model; readonly notes: readonly string[] },
): LoadedTask {
  const { name, source, vocabulary, classes, sets, sha256 } = texts;
  const { train, valid, test } = sets;
  const sizes = { train: train.texts.length, valid: valid.texts.length, ...(test && { test: test.texts.length }) };
  const { model, notes } = first ?? { model: freshModel(config, texts), notes: [] };
  return {
    problem: textProblem(texts, config),
    withBatch: (batch) => textProblem(texts, { ...config, batch }),
    data: { name, source, sha256, facts: { vocabulary: vocabulary.words.length, classes: classes.length, ...sizes } },
    model: () => model,
    notes: [describedTexts(texts), ...texts.notes, ...notes],
    files: {
      'vocabulary.txt': `${vocabulary.words.join('\n')}\n`,
      // The classes in the order of the model's outputs.
      'labels.txt': `${classes.join('\n')}\n`,
    },
  };
}

/** The untrained model of a configuration. */
export function freshModel({ task, model, seed }: TextConfig, { classes, vocabulary }: TextData): Model {
  const sizes = { vocabulary: vocabulary.words.length, classes: classes.length };
  return withTextMetadata(untrainedModel({ model, seed }, sizes), classes, vocabulary, task);
}

/** The same without its words and classes. Throws UsageError when it does not fit into memory. */
export function untrainedModel(
  { model, seed }: Pick<TextConfig, 'model' | 'seed'>,
  sizes: { readonly vocabulary: number; readonly classes: number },
): Model {
  return withinMemory(model.hidden, model.embedding, () => textClassifier({ ...model, ...sizes, seed }));
}

function describedTexts({ source, sets, classes, vocabulary }: NamedTexts): string {
  const count = ({ texts }: TextSet) => grouped(texts.length);
  const test = sets.test ? ` and ${count(sets.test)} test` : '';
  return (
    `${source}: ${count(sets.train)} training, ${count(sets.valid)} validation${test} texts of ${classes.length} classes ` +
    `(${classes.slice(0, 6).join(', ')}${classes.length > 6 ? ', …' : ''}), ${grouped(vocabulary.words.length)} words`
  );
}
