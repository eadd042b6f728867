import { UsageError } from '../base/errors.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { add, gather, matmul, transpose } from '../graph/ops.ts';
import { stateMetadata } from '../graph/states.ts';
import type { Model } from '../graph/types.ts';
import { type Initializer, uniformInitializer } from '../nn/layers.ts';
import { dropShared, dropWords } from '../nn/variationalDropout.ts';
import { rhnLayer } from '../recurrent/rhn.ts';
import { LOGITS, TOKENS } from './languageModel.ts';

/** Probabilities that the four masks of variational dropout keep a value; 1 leaves no trace in the graph. */
export interface RhnKeep {
  /** A word of a sequence, wherever it stands in the window: its whole embedding. */
  readonly words: number;
  /** A value of the embedding, on its way into the layer. */
  readonly input: number;
  /** A value of the state, on its way into each micro-layer. */
  readonly state: number;
  /** A value of the layer's output, on its way to the logits. */
  readonly output: number;
}

/** Shape of a language model with one Recurrent Highway Network. */
export interface RhnLanguageModelOptions {
  readonly vocabulary: number;
  /** w, size of embedding, state and output. */
  readonly width: number;
  /** D, micro-layers in a step. */
  readonly depth: number;
  readonly keep?: Partial<RhnKeep>;
  /** Where the biases of the transform gates start. */
  readonly transformBias?: number;
  /** All else starts uniform in ±initScale. */
  readonly initScale?: number;
  readonly seed?: number;
  /** Initial values in place of the uniform ones. */
  readonly init?: Initializer;
  /** Whether the embedding, transposed, is the output's matrix as well. */
  readonly tied?: boolean;
}

/**
 * The language model of Zilly et al. (2017): embedding → Recurrent Highway Network → logits, the embedding being the
 * output's matrix too, with variational dropout. Batch and time are free; the state is input and output, for text in
 * windows. Width is one space of units: that of the embedding, the state and all micro-layers.
 */
export function rhnLanguageModel(options: RhnLanguageModelOptions): Model {
  const { vocabulary, width, depth, transformBias = -2, tied = true } = options;
  if (depth < 1) throw new UsageError('a Recurrent Highway Network needs at least one micro-layer');
  const keep: RhnKeep = { words: 1, input: 1, state: 1, output: 1, ...options.keep };
  const init = options.init ?? uniformInitializer(options.initScale ?? 0.04, options.seed ?? 1);
  const b = new GraphBuilder('rhn_language_model');
  const tokens = b.input(TOKENS, 'int32', ['time', 'batch']);
  const embedding = b.parameter('embedding', init([vocabulary, width]));
  const words = dropWords(gather(embedding, tokens), tokens, vocabulary, keep.words);
  const { output, state } = rhnLayer(b, 'rhn', dropShared(words, keep.input), {
    inputs: width,
    hidden: width,
    depth,
    init,
    transformBias,
    keep: keep.state,
  });
  const matrix = tied ? transpose(embedding, [1, 0]) : b.parameter('head.weight', init([width, vocabulary]));
  const logits = add(matmul(dropShared(output, keep.output), matrix), b.parameter('head.bias', init([vocabulary])));
  b.output(logits, LOGITS);
  b.output(b.value(state.output));
  return modelOf(b.build(), stateMetadata([state]));
}
