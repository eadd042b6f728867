import { randomStream, uniform } from '../base/random.ts';
import { floats } from '../graph/attributes.ts';
import type { AttributeValues, GraphBuilder, Value } from '../graph/builder.ts';
import { sizeOf } from '../graph/dims.ts';
import { DrawnTensor } from '../graph/drawnTensor.ts';
import { operators, type RecurrentOp } from '../graph/operators.ts';
import { add, concat, dropout, gather, matmul, squeeze } from '../graph/ops.ts';
import type { StatePair } from '../graph/states.ts';
import type { Graph, Tensor } from '../graph/types.ts';

/*
 * Layers as functions on the builder. Legend of shapes: B batch, T time, I input size, H hidden size, V vocabulary.
 */

/** Makes the initial values of a parameter; those of a table only when they are wanted, for it may become sparse. */
export type Initializer = (dims: readonly number[], isTable?: boolean) => Tensor;

/** Values uniform in ±scale, all drawn from one stream. */
export function uniformInitializer(scale: number, seed: number): Initializer {
  const random = randomStream(seed);
  return (dims, isTable = false) =>
    isTable
      ? new DrawnTensor(dims, scale, random)
      : { elementType: 'float32', dims, data: uniform(sizeOf(dims), scale, random) };
}

/** All zeros, as biases start. */
export const zeros: Initializer = (dims) => ({ elementType: 'float32', dims, data: new Float32Array(sizeOf(dims)) });

/** Embedding lookup: indices [T, B] → [T, B, size]. */
export function embedding(
  b: GraphBuilder,
  name: string,
  indices: Value,
  rows: number,
  size: number,
  init: Initializer,
): Value {
  return gather(b.parameter(name, init([rows, size], true)), indices);
}

/** x [..., inputs] → x · W + b, [..., outputs]. */
export function linear(
  b: GraphBuilder,
  name: string,
  x: Value,
  inputs: number,
  outputs: number,
  init: Initializer,
): Value {
  const weight = b.parameter(`${name}.weight`, init([inputs, outputs]));
  return add(matmul(x, weight), b.parameter(`${name}.bias`, init([outputs])));
}

/** A kind of recurrent layer. */
export type CellName = 'lstm' | 'gru' | 'rnn';

/** The kinds of recurrent layers, each as the ONNX operator that it becomes. */
const recurrentKinds: Readonly<Record<CellName, { operator: RecurrentOp; attributes: AttributeValues }>> = {
  lstm: { operator: 'LSTM', attributes: {} },
  // The form of cuDNN, PyTorch and Keras: one recurrent product a step.
  gru: { operator: 'GRU', attributes: { linear_before_reset: 1 } },
  rnn: { operator: 'RNN', attributes: {} },
};

/** Names of the kinds of recurrent layers. */
export const cellNames = Object.keys(recurrentKinds) as CellName[];

/** Units of the layers whose recurrent matrices have these names, numbered from 0, up to the first that is not there. */
export function unitsOfLayers(
  { initializers }: Pick<Graph, 'initializers'>,
  nameOf: (layer: number) => string,
): number[] {
  const found: number[] = [];
  for (;;) {
    const dims = initializers.get(nameOf(found.length))?.dims;
    if (dims === undefined) return found;
    found.push(dims[dims.length - 1]!);
  }
}

/** The kind that a model has when nobody asks for another. */
export const DEFAULT_CELL: CellName = 'lstm';

/** Names and sizes of a recurrent layer. */
export interface LayerSizes {
  readonly name: string;
  readonly inputs: number;
  readonly hidden: number;
  /** Where the biases of forget gates start: above 0, so that a state lasts at first (Jozefowicz et al. 2015). */
  readonly forgetBias?: number | undefined;
}

/** What a layer with states that are carried may have besides its sizes. */
export interface RecurrentLayerOptions extends Pick<LayerSizes, 'forgetBias'> {
  /**
   * Probability that a recurrent weight is kept, the same weights for all steps and sequences of a window (weight drop,
   * Merity et al. 2018). Default: 1.
   */
  readonly keepRecurrent?: number | undefined;
}

/**
 * A recurrent layer as ONNX's own operator, x [T, B, I] → [T, B, H]. Its states (h, and c for LSTM) become inputs of the
 * graph; the caller makes the next states (`states[i].output`) outputs.
 */
export function recurrentLayer(
  b: GraphBuilder,
  cell: CellName,
  name: string,
  x: Value,
  inputs: number,
  hidden: number,
  init: Initializer,
  { keepRecurrent = 1, forgetBias }: RecurrentLayerOptions = {},
): { output: Value; states: StatePair[] } {
  const { states } = operators[recurrentKinds[cell].operator].recurrent;
  const weights = layerWeights(b, cell, { name, inputs, hidden, forgetBias }, init, keepRecurrent);
  const batch = x.type.shape?.[1] ?? 'batch';
  const before = states.map((s) => b.input(`${name}.${s}`, 'float32', [1, batch, hidden]));
  const outputs = ['sequence', ...states.map((s) => `${s}_next`)];
  const [sequence, ...after] = layerNode(b, cell, name, hidden, [x, ...weights, undefined, ...before], outputs);
  const pairs = before.map((s, i) => ({ input: s.name, output: after[i]!.name }));
  return { output: squeeze(sequence!, [1]), states: pairs };
}

/**
 * A recurrent layer over whole sequences, x [T, B, I] and lengths int32 [B]: its output at each step [T, B, H], zero
 * beyond the lengths, and the one at the last step of each sequence [B, H] (in reverse, at its first step). It starts
 * from states of zero. With `weights` (`layerWeights`) it is the same layer as another one, over other sequences.
 */
export function sequenceLayer(
  b: GraphBuilder,
  cell: CellName,
  { reverse, ...sizes }: LayerSizes & { readonly reverse: boolean },
  x: Value,
  lengths: Value,
  weights: Initializer | readonly Value[],
): { outputs: Value; last: Value } {
  const own = typeof weights === 'function' ? layerWeights(b, cell, sizes, weights) : weights;
  const direction = reverse ? 'reverse' : undefined;
  const outputs = ['sequence', 'last'];
  const [sequence, last] = layerNode(b, cell, sizes.name, sizes.hidden, [x, ...own, lengths], outputs, direction);
  return { outputs: squeeze(sequence!, [1]), last: squeeze(last!, [0]) };
}

/** The operator of a layer, and its outputs, which are called after the layer. */
function layerNode(
  b: GraphBuilder,
  cell: CellName,
  name: string,
  hidden: number,
  inputs: readonly (Value | undefined)[],
  outputs: readonly string[],
  direction?: string,
): Value[] {
  const { operator, attributes } = recurrentKinds[cell];
  const names = outputs.map((output) => `${name}.${output}`);
  return b.node(operator, inputs, { hidden_size: hidden, direction, ...attributes }, names, '', name);
}

/** The weights of a layer's operator: W [1, GH, I], R [1, GH, H] and B. */
export function layerWeights(
  b: GraphBuilder,
  cell: CellName,
  { name, inputs, hidden, forgetBias = 0 }: LayerSizes,
  init: Initializer,
  keepRecurrent = 1,
): Value[] {
  const gates: readonly string[] = operators[recurrentKinds[cell].operator].recurrent.gates;
  const rows = gates.length * hidden;
  const first = new Float32Array(rows);
  const forget = gates.indexOf('forget gate');
  if (forget >= 0) first.fill(forgetBias, forget * hidden, (forget + 1) * hidden);
  return [
    b.parameter(`${name}.weight`, init([1, rows, inputs])),
    dropout(b.parameter(`${name}.recurrent`, init([1, rows, hidden])), 1 - keepRecurrent),
    biasesOf(b, cell, name, hidden, first),
  ];
}

/**
 * ONNX adds two bias vectors [GH], one of W·x and one of R·h. The second is a constant zero, so that the layer has one
 * bias, as in Zaremba et al. (2014). Only the candidate of a GRU has a second one of its own, last of the gates: it lies
 * inside the product with the reset gate, r ⊙ (R h + b_R), and is no sum with the first.
 */
function biasesOf(b: GraphBuilder, cell: CellName, name: string, hidden: number, first: Float32Array): Value {
  const bias = b.parameter(`${name}.bias`, floats([1, first.length], first));
  if (cell !== 'gru') return concat([bias, b.constant(zeros([1, first.length]))], 1);
  const candidate = b.parameter(`${name}.recurrent_bias`, zeros([1, hidden]));
  return concat([bias, b.constant(zeros([1, first.length - hidden])), candidate], 1);
}
