import { UsageError } from '../base/errors.ts';
import { randomStream, uniform } from '../base/random.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { sizeOf } from '../graph/dims.ts';
import { modelOf } from '../graph/model.ts';
import { dropout } from '../graph/ops.ts';
import { type StatePair, stateMetadata } from '../graph/states.ts';
import type { Model } from '../graph/types.ts';
import { type CellName, DEFAULT_CELL, embedding, type Initializer, linear, recurrentLayer } from '../nn/layers.ts';

/** Shape of a stacked recurrent language model. */
export interface LanguageModelOptions {
  /** Kind of the recurrent layers; LSTM when left out. */
  readonly cell?: CellName | undefined;
  readonly vocabulary: number;
  /** Embedding size. */
  readonly embedding: number;
  /** Hidden size of each layer, from the bottom. */
  readonly hidden: readonly number[];
  /** Probability that dropout keeps a value of a non-recurrent connection; 1 is no dropout. */
  readonly keep?: number;
  /** Weights start uniform in ±initScale; biases of recurrent layers start at 0. */
  readonly initScale?: number;
  readonly seed?: number;
}

/** Name of the token input, int32 [time, batch]. */
export const TOKENS = 'tokens';
/** Name of the logits output, [time, batch, vocabulary]. */
export const LOGITS = 'logits';

/**
 * The stacked LSTM language model of Zaremba et al. (2014): embedding → LSTM → … → LSTM → linear, with dropout on the
 * non-recurrent connections only; or the same with another cell. Layers are called after it, `lstm_0` from the bottom.
 * Batch and time are free; states are inputs and outputs, for text in windows.
 */
export function languageModel(options: LanguageModelOptions): Model {
  const { vocabulary, cell = DEFAULT_CELL, hidden, keep = 1, initScale = 0.1, seed = 1 } = options;
  if (hidden.length === 0) throw new UsageError('a language model needs at least one hidden layer');
  const random = randomStream(seed);
  const init: Initializer = (dims) => ({
    elementType: 'float32',
    dims,
    data: uniform(sizeOf(dims), initScale, random),
  });
  const b = new GraphBuilder('language_model');
  const tokens = b.input(TOKENS, 'int32', ['time', 'batch']);
  const states: StatePair[] = [];
  let x = dropout(embedding(b, 'embedding', tokens, vocabulary, options.embedding, init), 1 - keep);
  let inputs = options.embedding;
  hidden.forEach((size, i) => {
    const layer = recurrentLayer(b, cell, `${cell}_${i}`, x, inputs, size, init);
    states.push(...layer.states);
    x = dropout(layer.output, 1 - keep);
    inputs = size;
  });
  b.output(linear(b, 'head', x, inputs, vocabulary, init), LOGITS);
  for (const { output } of states) b.output(b.value(output));
  return modelOf(b.build(), stateMetadata(states));
}
