import { UsageError } from '../base/errors.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { cast, concat, div, dropout, reduceMax, reduceSum, unsqueeze, where, withinLengths } from '../graph/ops.ts';
import { removeDeadNodes } from '../graph/rewrite.ts';
import type { Model } from '../graph/types.ts';
import {
  type CellName,
  cellNames,
  DEFAULT_CELL,
  embedding,
  linear,
  sequenceLayer,
  uniformInitializer,
  unitsOfLayers,
} from '../nn/layers.ts';
import { LOGITS, TOKENS } from './languageModel.ts';

/** Name of the input of lengths, int32 [batch]: how many words of each text count. */
export const LENGTHS = 'lengths';

/** Ways to make one vector of a text out of one for each word. */
export const pools = ['last', 'mean', 'max'] as const;

/** One of `pools`. */
export type Pool = (typeof pools)[number];

/** Shape of a classifier of texts. */
export interface TextClassifierOptions {
  /** Kind of the recurrent layers; LSTM when left out. */
  readonly cell?: CellName | undefined;
  readonly vocabulary: number;
  /** Embedding size. */
  readonly embedding: number;
  /** Hidden size of each layer, from the bottom; of each direction, where there are two. */
  readonly hidden: readonly number[];
  /** Number of classes, C. */
  readonly classes: number;
  readonly bidirectional?: boolean | undefined;
  /** What the classes are told from: the last state, or the mean (default) or maximum over all words of the text. */
  readonly pool?: Pool | undefined;
  /** Probability that dropout keeps a value between layers; 1 is no dropout. */
  readonly keep?: number | undefined;
  /** Weights start uniform in ±initScale; biases at 0, those of forget gates at `forgetBias`. */
  readonly initScale?: number | undefined;
  readonly forgetBias?: number | undefined;
  readonly seed?: number | undefined;
}

/**
 * Embedding → recurrent layers, in one direction or both → last, mean or max over the words of each text → linear, with
 * dropout between them: tokens int32 [time, batch] and lengths int32 [batch] → logits [batch, C]. Batch and time are
 * free; every text has at least one word. Layers are called after their cell, `lstm_0` from the bottom; of two
 * directions each is a layer with units of its own, `lstm_0_forward` and `lstm_0_reverse`.
 */
export function textClassifier(options: TextClassifierOptions): Model {
  const { cell = DEFAULT_CELL, hidden, bidirectional = false, pool = 'mean', keep = 1 } = options;
  const { initScale = 0.1, forgetBias = 1, seed = 1 } = options;
  if (hidden.length === 0) throw new UsageError('a text classifier needs at least one hidden layer');
  const init = uniformInitializer(initScale, seed);
  const b = new GraphBuilder('text_classifier');
  const tokens = b.input(TOKENS, 'int32', ['time', 'batch']);
  const lengths = b.input(LENGTHS, 'int32', ['batch']);
  let x = dropout(embedding(b, 'embedding', tokens, options.vocabulary, options.embedding, init), 1 - keep);
  let inputs = options.embedding;
  let last = x;
  hidden.forEach((size, i) => {
    const directions = bidirectional ? ['forward', 'reverse'] : [''];
    const layers = directions.map((direction) => {
      const name = [cell, i, direction].filter((part) => part !== '').join('_');
      const sizes = { name, inputs, hidden: size, reverse: direction === 'reverse', forgetBias };
      return sequenceLayer(b, cell, sizes, x, lengths, init);
    });
    const [outputs, lasts] = [layers.map((layer) => layer.outputs), layers.map((layer) => layer.last)];
    x = concat(outputs, 2);
    last = concat(lasts, 1);
    if (i < hidden.length - 1) x = dropout(x, 1 - keep);
    inputs = size * directions.length;
  });
  const pooled = pool === 'last' ? last : pool === 'mean' ? meanOverTime(x, lengths) : maxOverTime(x, lengths);
  b.output(linear(b, 'head', dropout(pooled, 1 - keep), inputs, options.classes, init), LOGITS);
  return modelOf(removeDeadNodes(b.build()));
}

/** Cell, sizes and directions of a text classifier. */
export type ClassifierSizes = Required<Pick<TextClassifierOptions, 'embedding' | 'hidden' | 'bidirectional'>> & {
  readonly cell: CellName;
};

/**
 * The sizes of a text classifier, whatever its layers have lost; undefined where its two directions have lost
 * differently, which no option says, and for another model.
 */
export function classifierSizes({ graph }: Model): ClassifierSizes | undefined {
  const unitsOf = (cell: CellName, direction = '') => unitsOfLayers(graph, (i) => `${cell}_${i}${direction}.recurrent`);
  const size = graph.initializers.get('embedding')?.dims[1];
  if (size === undefined) return undefined;
  for (const cell of cellNames) {
    const hidden = unitsOf(cell);
    const [forward, reverse] = [unitsOf(cell, '_forward'), unitsOf(cell, '_reverse')];
    const bidirectional = forward.length > 0;
    if (forward.join() !== reverse.join()) return undefined;
    if (hidden.length > 0 || bidirectional) {
      return { cell, embedding: size, hidden: bidirectional ? forward : hidden, bidirectional };
    }
  }
  return undefined;
}

/** x [T, B, H], which is zero beyond the lengths → its mean over the steps of each text [B, H]. */
function meanOverTime(x: Value, lengths: Value): Value {
  return div(reduceSum(x, [0]), unsqueeze(cast(lengths, 'float32'), [1]));
}

/** Less than any output of a recurrent layer. */
const BELOW_ALL = -2;

/** x [T, B, H] → its maximum over the steps of each text [B, H]. */
function maxOverTime(x: Value, lengths: Value): Value {
  return reduceMax(where(unsqueeze(withinLengths(x, lengths), [2]), x, BELOW_ALL), [0]);
}
