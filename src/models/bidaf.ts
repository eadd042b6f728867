import { UsageError } from '../base/errors.ts';
import { randomStream, uniform } from '../base/random.ts';
import { floats } from '../graph/attributes.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { sizeOf } from '../graph/dims.ts';
import { modelOf } from '../graph/model.ts';
import {
  add,
  apply,
  concat,
  dropout,
  expand,
  gather,
  less,
  matmul,
  max,
  min,
  mul,
  reduceMax,
  reduceSum,
  relu,
  reshape,
  shapeOf,
  sigmoid,
  softmax,
  squeeze,
  sub,
  transpose,
  unsqueeze,
  where,
  withinLengths,
} from '../graph/ops.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { type Initializer, layerWeights, linear, sequenceLayer, zeros } from '../nn/layers.ts';

/*
 * Bidirectional attention flow (Seo et al. 2017) in the form of the experiment on SQuAD of Wen et al. (2018, section
 * 4.3). Legend of shapes: T passage, J question, B batch, C characters of a word, d hidden size.
 */

/** Inputs: numbers of words int32 [T, B] or [J, B], of their characters int32 [T, B, C] or [J, B, C], lengths int32 [B]. */
export const QUESTION_INPUTS = {
  passage: 'passage',
  passageCharacters: 'passage_characters',
  passageLength: 'passage_length',
  question: 'question',
  questionCharacters: 'question_characters',
  questionLength: 'question_length',
} as const;

/** Outputs: logits that the answer begins, or ends, at a word [B, T]; where the passage looks at the question [B, T, J]. */
export const QUESTION_OUTPUTS = { start: 'start', end: 'end', attention: 'attention' } as const;

/** Names of the recurrent layers, each of which is an operator for each direction. */
const LAYERS = { context: 'context', modelling: 'modelling_0', modelling2: 'modelling_1', output: 'output' } as const;
const DIRECTIONS = ['forward', 'reverse'] as const;

/** Name of a layer's operator in one direction. */
function directed(layer: string, direction: (typeof DIRECTIONS)[number]): string {
  return `${layer}_${direction}`;
}

/** Names of the operators of the second modelling layer. */
export const SECOND_MODELLING: readonly string[] = DIRECTIONS.map((d) => directed(LAYERS.modelling2, d));

/** Names of the weights [1, 4d, I] of the output layer, whose inputs are [p₀, g₁, a₁, g₁ ⊙ a₁]. */
export const OUTPUT_WEIGHTS: readonly string[] = DIRECTIONS.map((d) => `${directed(LAYERS.output, d)}.weight`);

/** Name of the table of word vectors that is not trained. */
export const WORD_VECTORS = 'word_vectors';

/** Name of the vectors [T, B, size] that an input's words have in that table. */
export function vectorsOf(words: string): string {
  return `${words}_vectors`;
}

/** Logits of places that no answer can have. */
const NEVER = -1e30;

/** Sizes of a BiDAF model. */
export interface BidafOptions {
  /** Words that have rows of their own which are trained: the first of the vocabulary. */
  readonly trainedWords: number;
  /** Vectors of all other words [words, size], which stay as they are; undefined where there are none. */
  readonly vectors?: Tensor | undefined;
  /** Size of word vectors. */
  readonly wordSize: number;
  /** Different characters, those for padding and for unknown ones included. */
  readonly characters: number;
  /** Characters of a word that count, C. */
  readonly wordLength: number;
  /** Size of a character's vector. */
  readonly characterSize: number;
  /** Filters over characters, and how many characters each sees. */
  readonly filters: number;
  readonly filterWidth: number;
  /**
   * Units of each direction of the contextual layer, the two modelling layers and the output layer: one number for all,
   * four (a layer each), or eight (forward and reverse of each).
   */
  readonly hidden: readonly number[];
  /** Probability that dropout keeps a value; 1 is no dropout. */
  readonly keep?: number | undefined;
  /** Where the biases of forget gates start. */
  readonly forgetBias?: number | undefined;
  readonly seed?: number | undefined;
}

/** Sizes that weights show. */
export type BidafSizes = Pick<BidafOptions, 'wordSize' | 'characterSize' | 'filters' | 'filterWidth' | 'hidden'>;

/** Glorot and Bengio's (2010) uniform start, ±√(6 / (inputs + outputs)), all drawn from one stream. */
function glorot(seed: number) {
  const random = randomStream(seed);
  return (inputs: number, outputs: number): Initializer => {
    const scale = Math.sqrt(6 / (inputs + outputs));
    return (dims) => ({ elementType: 'float32', dims, data: uniform(sizeOf(dims), scale, random) });
  };
}

type Start = ReturnType<typeof glorot>;

/** What all parts of the model are built with. */
interface Build {
  readonly b: GraphBuilder;
  readonly start: Start;
  readonly drop: (x: Value) => Value;
  readonly options: BidafOptions;
}

/**
 * Words and characters → two highway layers → contextual BiLSTM, the same for question and passage → attention in both
 * directions → two modelling BiLSTMs → output BiLSTM → logits of the answer's first and last word. Free sizes: `batch`,
 * `passage` and `question`; every passage and question has at least one word.
 */
export function bidaf(options: BidafOptions): Model {
  const { keep = 1, seed = 1, hidden, filters, wordSize } = options;
  const b = new GraphBuilder('bidaf');
  const build: Build = { b, start: glorot(seed), drop: (x) => dropout(x, 1 - keep), options };
  const [context, modelling, modelling2, output] = unitsOf(hidden);
  const [widthOf0, widthOf1, widthOf2] = [width(context!), width(modelling!), width(modelling2!)];
  const names = QUESTION_INPUTS;
  const inputs = (words: string, characters: string, length: string, axis: string) => ({
    words: b.input(words, 'int32', [axis, 'batch']),
    characters: b.input(characters, 'int32', [axis, 'batch', options.wordLength]),
    lengths: b.input(length, 'int32', ['batch']),
  });
  const passage = inputs(names.passage, names.passageCharacters, names.passageLength, 'passage');
  const question = inputs(names.question, names.questionCharacters, names.questionLength, 'question');

  const embed = embedder(build);
  const size = wordSize + filters;
  const shared = biLstm(build, LAYERS.context, size, context!);
  // The reference drops inputs of the question only.
  const u = shared(build.drop(embed(question.words, question.characters)), question.lengths, 'question');
  const h = shared(embed(passage.words, passage.characters), passage.lengths, 'passage');

  const p0 = attend(build, h, u, passage.lengths, question.lengths, widthOf0);
  const g0 = biLstm(build, LAYERS.modelling, 4 * widthOf0, modelling!)(build.drop(p0), passage.lengths);
  const g1 = biLstm(build, LAYERS.modelling2, widthOf1, modelling2!)(build.drop(g0), passage.lengths);
  const startLogits = place(build, 'start', [g1, p0], widthOf2 + 4 * widthOf0, passage.lengths);
  // What g1 is on average where the answer begins, beside every word.
  const weights = unsqueeze(transpose(softmax(startLogits, 1), [1, 0]), [2]);
  const a1 = expand(reduceSum(mul(weights, g1), [0], true), shapeOf(g1));
  const joined = concat([p0, g1, a1, mul(g1, a1)], 2);
  const g2 = biLstm(build, LAYERS.output, 4 * widthOf0 + 3 * widthOf2, output!)(build.drop(joined), passage.lengths);
  const endLogits = place(build, 'end', [g2, p0], width(output!) + 4 * widthOf0, passage.lengths);
  b.output(startLogits, QUESTION_OUTPUTS.start);
  b.output(endLogits, QUESTION_OUTPUTS.end);
  b.output(b.value('attention_weights'), QUESTION_OUTPUTS.attention);
  return modelOf(b.build());
}

/** Units of a layer's two directions. */
type Units = readonly [forward: number, reverse: number];

const width = ([forward, reverse]: Units) => forward + reverse;

/** The units of the four layers. Throws a UsageError for another count of numbers than 1, 4 or 8. */
export function unitsOf(hidden: readonly number[]): Units[] {
  if (![1, 4, 8].includes(hidden.length)) {
    throw new UsageError(
      `BiDAF takes 1, 4 or 8 numbers of hidden units (all, of each layer, of each direction), got ${hidden.length}`,
    );
  }
  const at = (i: number) => hidden[Math.floor((i * hidden.length) / 8)]!;
  return [0, 2, 4, 6].map((i): Units => [at(i), at(i + 1)]);
}

/** The sizes of a BiDAF model, whatever its layers have lost; undefined for another model. */
export function bidafSizes({ graph: { initializers } }: Model): BidafSizes | undefined {
  const dimsOf = (name: string) => initializers.get(name)?.dims ?? [];
  const units = Object.values(LAYERS).flatMap((layer) =>
    DIRECTIONS.map((direction) => dimsOf(`${directed(layer, direction)}.recurrent`)[2]),
  );
  const [, wordSize] = dimsOf('words');
  const [, characterSize] = dimsOf('characters');
  const [filters, , filterWidth] = dimsOf('filters.weight');
  const sizes = [wordSize, characterSize, filters, filterWidth, ...units];
  if (sizes.includes(undefined)) return undefined;
  const isEven = units.every((n) => n === units[0]);
  const hidden = (isEven ? units.slice(0, 1) : units) as number[];
  return { wordSize, characterSize, filters, filterWidth, hidden } as BidafSizes;
}

/** Words [T, B] and characters [T, B, C] → vectors [T, B, E], the same weights at every call. */
function embedder({ b, start, drop, options }: Build): (words: Value, characters: Value) => Value {
  const { trainedWords, vectors, wordSize, characters, characterSize, filters, filterWidth } = options;
  const trained = b.parameter('words', start(wordSize, wordSize)([trainedWords, wordSize]));
  const fixed = vectors && b.parameter(WORD_VECTORS, vectors);
  const table = b.parameter('characters', start(characterSize, characterSize)([characters, characterSize]));
  const filter = b.parameter(
    'filters.weight',
    start(filterWidth * characterSize, filterWidth * filters)([filters, characterSize, filterWidth]),
  );
  const bias = b.parameter('filters.bias', zeros([filters]));
  const size = wordSize + filters;
  const highways = [0, 1].map((i) => highway(b, `highway_${i}`, size, start(size, size)));
  const int = (value: number) => b.constant({ elementType: 'int32', dims: [], data: Int32Array.of(value) });
  const wordVectors = (words: Value): Value => {
    if (fixed === undefined) return gather(trained, words);
    const own = gather(trained, min(words, int(trainedWords - 1)));
    const row = max(sub(words, int(trainedWords)), int(0));
    const [other] = b.node('Gather', [fixed, row], {}, [vectorsOf(words.name)]);
    return where(unsqueeze(less(words, int(trainedWords)), [2]), own, other!);
  };
  /** The largest answer of each filter anywhere in the word. */
  const spelled = (words: Value, letters: Value): Value => {
    const seen = drop(gather(table, letters));
    const flat = transpose(reshape(seen, [-1, options.wordLength, characterSize]), [0, 2, 1]);
    const found = reduceMax(relu(apply('Conv', [flat, filter, bias])), [2]);
    return reshape(found, concat([shapeOf(words), b.ints([filters])], 0));
  };
  return (words, letters) =>
    highways.reduce((x, layer) => layer(x), concat([spelled(words, letters), wordVectors(words)], 2));
}

/** x → t ⊙ relu(W x + b) + (1 − t) ⊙ x with t = σ(V x + c) (Srivastava et al. 2015). */
function highway(b: GraphBuilder, name: string, size: number, init: Initializer): (x: Value) => Value {
  const layer = (part: string) => {
    const weight = b.parameter(`${name}.${part}.weight`, init([size, size]));
    const bias = b.parameter(`${name}.${part}.bias`, zeros([size]));
    return (x: Value) => add(matmul(x, weight), bias);
  };
  const [transform, gate] = [layer('transform'), layer('gate')];
  return (x) => {
    const open = sigmoid(gate(x));
    return add(x, mul(open, sub(relu(transform(x)), x)));
  };
}

/** Two LSTMs, one for each direction, whose outputs stand side by side: [T, B, I] → [T, B, 2d]; the same at every call. */
function biLstm({ b, start, options }: Build, name: string, inputs: number, units: Units) {
  const { forgetBias = 1 } = options;
  const directions = DIRECTIONS.map((direction, i) => {
    const hidden = units[i]!;
    const sizes = { name: directed(name, direction), inputs, hidden, forgetBias, reverse: direction === 'reverse' };
    // One kernel [I + d, 4d] in the reference, which sets the scale of both.
    return { sizes, weights: layerWeights(b, 'lstm', sizes, start(inputs + hidden, 4 * hidden)) };
  });
  return (x: Value, lengths: Value, suffix = ''): Value => {
    const outputs = directions.map(({ sizes, weights }) => {
      const own = { ...sizes, name: suffix ? `${sizes.name}_${suffix}` : sizes.name };
      return sequenceLayer(b, 'lstm', own, x, lengths, weights).outputs;
    });
    return concat(outputs, 2);
  };
}

/**
 * Attention both ways over s[t, j] = w_h·h_t + w_u·u_j + w_m·(h_t ⊙ u_j) + c: h [T, B, D], u [J, B, D] →
 * [h, ũ, h ⊙ ũ, h ⊙ h̃] [T, B, 4D], where ũ_t is what the question's words are for word t, and h̃ what the words of the
 * passage are that some word of the question looks at most.
 */
function attend(
  { b, start }: Build,
  h: Value,
  u: Value,
  passageLengths: Value,
  questionLengths: Value,
  size: number,
): Value {
  const init = start(3 * size, 1);
  const weight = (part: string, dims: readonly number[]) => b.parameter(`attention.${part}`, init(dims));
  const [hs, us] = [transpose(h, [1, 0, 2]), transpose(u, [1, 0, 2])];
  const ofPassage = matmul(hs, weight('passage', [size, 1]));
  const ofQuestion = transpose(matmul(us, weight('question', [size, 1])), [0, 2, 1]);
  const ofBoth = matmul(mul(hs, weight('both', [size])), transpose(us, [0, 2, 1]));
  const sum = add(add(add(ofBoth, ofPassage), ofQuestion), b.parameter('attention.bias', floats([1], [0])));
  const inQuestion = unsqueeze(transpose(withinLengths(u, questionLengths), [1, 0]), [1]);
  const inPassage = transpose(withinLengths(h, passageLengths), [1, 0]);
  const similarity = where(inQuestion, sum, NEVER);
  const [weights] = b.node('Softmax', [similarity], { axis: -1 }, ['attention_weights']);
  const question = transpose(matmul(weights!, transpose(u, [1, 0, 2])), [1, 0, 2]);
  const most = where(inPassage, reduceMax(similarity, [2]), NEVER);
  const looked = unsqueeze(transpose(softmax(most, 1), [1, 0]), [2]);
  const passage = reduceSum(mul(looked, h), [0], true);
  return concat([h, question, mul(h, question), mul(h, passage)], 2);
}

/** Logits of each place [B, T] from values side by side [T, B, …]; places beyond the passage never. */
function place({ b, start, drop }: Build, name: string, xs: readonly Value[], size: number, lengths: Value): Value {
  const logits = linear(b, name, drop(concat(xs, 2)), size, 1, start(size, 1));
  const within = transpose(withinLengths(xs[0]!, lengths), [1, 0]);
  return where(within, transpose(squeeze(logits, [2]), [1, 0]), NEVER);
}
