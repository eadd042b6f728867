import { UsageError } from '../base/errors.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { add, dropout, matmul, transpose } from '../graph/ops.ts';
import { type StatePair, stateMetadata } from '../graph/states.ts';
import type { Model } from '../graph/types.ts';
import {
  type CellName,
  DEFAULT_CELL,
  embedding,
  type Initializer,
  linear,
  recurrentLayer,
  uniformInitializer,
  zeros,
} from '../nn/layers.ts';
import { dropShared, dropWords } from '../nn/variationalDropout.ts';

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
  /** Variational dropout: one mask of a connection for all steps of a window, in place of one for each step. */
  readonly variational?: boolean | undefined;
  /** Probability that a word of a window is kept, wherever it stands: its whole embedding. */
  readonly keepWords?: number | undefined;
  /** Probability that a recurrent weight is kept, for a whole window. */
  readonly keepRecurrent?: number | undefined;
  /**
   * Whether the embedding, transposed, is the output's matrix as well (Press and Wolf 2017); a last layer of another size
   * is projected to that of the embedding.
   */
  readonly tied?: boolean | undefined;
  /** Weights start uniform in ±initScale; biases of recurrent layers start at 0, but for those of forget gates. */
  readonly initScale?: number;
  /** Where the biases of forget gates start: above 0, so that a state lasts at first (Jozefowicz et al. 2015). */
  readonly forgetBias?: number | undefined;
  readonly seed?: number;
}

/** Name of the token input, int32 [time, batch]. */
export const TOKENS = 'tokens';
/** Name of the logits output, [time, batch, vocabulary]. */
export const LOGITS = 'logits';

/**
 * The stacked LSTM language model of Zaremba et al. (2014): embedding → LSTM → … → LSTM → linear, with dropout on the
 * non-recurrent connections only; or the same with another cell, and with what later models added (Merity et al. 2018). Layers are called after it, `lstm_0` from the bottom.
 * Batch and time are free; states are inputs and outputs, for text in windows.
 */
export function languageModel(options: LanguageModelOptions): Model {
  const { vocabulary, cell = DEFAULT_CELL, hidden, keep = 1, initScale = 0.1, seed = 1 } = options;
  if (hidden.length === 0) throw new UsageError('a language model needs at least one hidden layer');
  const init = uniformInitializer(initScale, seed);
  const b = new GraphBuilder('language_model');
  const tokens = b.input(TOKENS, 'int32', ['time', 'batch']);
  const drop = (x: Value) => (options.variational ? dropShared(x, keep) : dropout(x, 1 - keep));
  const states: StatePair[] = [];
  const words = embedding(b, 'embedding', tokens, vocabulary, options.embedding, init);
  let x = drop(dropWords(words, tokens, vocabulary, options.keepWords ?? 1));
  let inputs = options.embedding;
  hidden.forEach((size, i) => {
    const layer = recurrentLayer(b, cell, `${cell}_${i}`, x, inputs, size, init, options);
    states.push(...layer.states);
    x = drop(layer.output);
    inputs = size;
  });
  const logits = options.tied ? tiedHead(b, x, inputs, options, init) : linear(b, 'head', x, inputs, vocabulary, init);
  b.output(logits, LOGITS);
  for (const { output } of states) b.output(b.value(output));
  return modelOf(b.build(), stateMetadata(states));
}

/** x [T, B, H] · P · Eᵀ + b: logits by the embedding E [V, size]; without P [H, size] where the sizes agree. */
function tiedHead(
  b: GraphBuilder,
  x: Value,
  inputs: number,
  { vocabulary, embedding: size }: LanguageModelOptions,
  init: Initializer,
): Value {
  const projected = inputs === size ? x : matmul(x, b.parameter('projection.weight', init([inputs, size])));
  return add(matmul(projected, transpose(b.value('embedding'), [1, 0])), b.parameter('head.bias', zeros([vocabulary])));
}
