import { UsageError } from '../../base/errors.ts';
import { type Vocabulary, vocabularyDigest } from '../../data/vocabulary.ts';
import type { Model } from '../../graph/types.ts';
import { languageModel } from '../../models/languageModel.ts';
import { rhnLanguageModel } from '../../models/rhnLanguageModel.ts';
import type { TrainConfig } from '../../train/config.ts';

/** Metadata entry with the digest of the words that a model's token numbers stand for. */
const VOCABULARY = 'slimrnn.vocabulary';

/** Digest of the words that a model was trained with; undefined for one that slimrnn did not train. */
export function trainedVocabulary({ metadata }: Model): string | undefined {
  return metadata[VOCABULARY];
}

/** The untrained model of a configuration. */
export function freshModel(config: TrainConfig, vocabulary: Vocabulary): Model {
  const model = untrainedModel(config, vocabulary.words.length);
  return { ...model, metadata: { ...model.metadata, [VOCABULARY]: vocabularyDigest(vocabulary) } };
}

/** The same without a mark of its vocabulary, for so many words. */
export function untrainedModel(config: TrainConfig, words: number): Model {
  return withinMemory(config, () => modelFor(config, words));
}

function modelFor(
  { cell, hidden, depth = 1, transformBias = -2, keep, keepWords = 1, keepState = 1, ...rest }: TrainConfig,
  vocabulary: number,
) {
  if (cell !== 'rhn') return languageModel({ ...rest, cell, hidden, keep, vocabulary });
  const kept = { words: keepWords, input: keep, state: keepState, output: keep };
  const { initScale, seed } = rest;
  return rhnLanguageModel({ vocabulary, width: hidden[0]!, depth, transformBias, initScale, seed, keep: kept });
}

/** JavaScript answers a request for too much memory with a RangeError. */
function withinMemory<T>({ hidden, embedding }: TrainConfig, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new UsageError(
      `the weights of --hidden ${hidden} and --embedding ${embedding} do not fit into memory: choose smaller sizes`,
      { cause },
    );
  }
}
