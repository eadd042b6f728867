import { SlimError } from '../base/errors.ts';
import { intAttribute } from '../graph/attributes.ts';
import { titleOf } from '../graph/names.ts';
import type { RecurrentNode } from '../graph/operators.ts';
import { concatTensors, emptyData, transposedMatrix } from '../graph/tensors.ts';
import type { ElementType, Tensor } from '../graph/types.ts';
import { type GateOrder, gateRows, isReverse, weightsOf, whatLayersLack } from '../python/recurrent.ts';
import type { PythonLayer, PythonModule } from '../python/statement.ts';
import { directionsOf } from '../recurrent/directions.ts';
import { activationsFor, helpersFor } from './activations.ts';
import { dtypeOf } from './forms.ts';

/*
 * Nodes with stored weights as layers of `keras.layers`. Their weights are named by the attributes that hold them:
 * `rnn.cell.kernel` [I, GH]. I input size, H hidden size, G gates, V vocabulary, E embedding, O outputs.
 */

type Stored = ReadonlyMap<string, Tensor>;

/** Gates in the order of Keras. */
const GATES: GateOrder = {
  LSTM: ['input gate', 'forget gate', 'cell', 'output gate'],
  GRU: ['update gate', 'reset gate', 'candidate'],
  RNN: ['hidden'],
};

const LAYERS = { LSTM: 'LSTM', GRU: 'GRU', RNN: 'SimpleRNN' } as const;

/** What the calls of a layer ask of it. */
export interface Wanted {
  /** The states at the end. */
  readonly states: boolean;
  /** Sequences of different lengths. */
  readonly lengths: boolean;
}

/** A lookup in a table [V, E] as `layers.Embedding`. */
export function embeddingLayer(table: Tensor): PythonLayer {
  return {
    made: `layers.Embedding(${table.dims.join(', ')}${dtypeArgument(table.elementType)})`,
    weights: new Map([['embeddings', table]]),
    matrix: table,
    setUp: (member) => [`${member}.build()`],
  };
}

/** A product with a matrix [O, I] as `layers.Dense`. */
export function denseLayer(matrix: Tensor, bias: Tensor | undefined): PythonLayer {
  const [outputs, inputs] = matrix.dims;
  return {
    made: `layers.Dense(${outputs}${bias ? '' : ', use_bias=False'}${dtypeArgument(matrix.elementType)})`,
    weights: new Map([['kernel', transposedMatrix(matrix)], ...(bias ? [['bias', bias] as const] : [])]),
    matrix,
    setUp: (member) => [`${member}.build((None, ${inputs}))`],
  };
}

/** A dense layer that reads the table of an embedding; undefined for other pairs, whose weights Keras keeps apart. */
export function tiedLayer({ weights, matrix }: PythonLayer, holder: PythonModule): PythonLayer | undefined {
  if (!weights.has('kernel') || !holder.weights.has('embeddings') || matrix?.elementType !== 'float32')
    return undefined;
  const bias = weights.get('bias');
  return {
    made: `TiedDense(self.${holder.name}${bias ? '' : ', use_bias=False'})`,
    weights: new Map(bias ? [['bias', bias]] : []),
    helpers: ['TiedDense'],
  };
}

/** A recurrent node as `layers.LSTM`, `GRU` or `SimpleRNN`. Throws a SlimError that says what the layer lacks. */
export function recurrentLayer(node: RecurrentNode, wanted: Wanted, stored: Stored): PythonLayer {
  const lacks = whatLayersLack(node, stored);
  if (lacks !== undefined) throw lacking(node, lacks);
  const activations = activationsFor(node);
  if ('strange' in activations) throw lacking(node, activations.strange);
  const { weight, recurrent, bias } = weightsOf(node, stored);
  if (weight.elementType !== 'float32' && weight.elementType !== 'float64') {
    throw lacking(node, `has weights of the type ${weight.elementType}`);
  }
  const isBoth = directionsOf(node).length === 2;
  const options = [
    ...activations.options,
    ...(bias ? [] : ['use_bias=False']),
    ...(node.op === 'GRU' && !resetsAfter(node) ? ['reset_after=False'] : []),
    'return_sequences=True',
    ...(wanted.states ? ['return_state=True'] : []),
    ...(isReverse(node) ? ['go_backwards=True'] : []),
    // Both directions see to it themselves.
    ...(wanted.lengths && !isBoth ? ['zero_output_for_mask=True'] : []),
  ];
  const layer = `layers.${LAYERS[node.op]}(${[recurrent.dims[2], ...options].join(', ')}${dtypeArgument(weight.elementType)})`;
  return {
    made: isBoth ? `layers.Bidirectional(${layer})` : layer,
    weights: new Map(recurrentWeights(node, stored)),
    setUp: (member) => [`${member}.build((None, None, ${weight.dims[2]}))`],
    helpers: helpersFor(activations.options),
  };
}

function lacking(node: RecurrentNode, lacks: string): SlimError {
  return new SlimError(`${titleOf(node)} ${lacks}, which layers.${LAYERS[node.op]} of Keras has not`);
}

/** True for a GRU whose reset gate comes after the product with its state, which has a bias of its own. */
function resetsAfter(node: RecurrentNode): boolean {
  return intAttribute(node, 'linear_before_reset', 0) !== 0;
}

/** The weights in the layout of Keras: `cell.kernel` [I, GH], `cell.recurrent_kernel` [H, GH], `cell.bias` [GH] or [2, GH]. */
function recurrentWeights(node: RecurrentNode, stored: Stored): [string, Tensor][] {
  const { weight, recurrent, bias } = weightsOf(node, stored);
  const hidden = recurrent.dims[2]!;
  const directions = directionsOf(node);
  return directions.flatMap((_, direction): [string, Tensor][] => {
    const layer = directions.length === 1 ? '' : `${['forward', 'backward'][direction]}_layer.`;
    const rows = (tensor: Tensor, part = 0) => gateRows(node, tensor, { order: GATES, hidden, direction, part });
    const matrices: [string, Tensor][] = [
      [`${layer}cell.kernel`, transposedMatrix(rows(weight))],
      [`${layer}cell.recurrent_kernel`, transposedMatrix(rows(recurrent))],
    ];
    if (!bias) return matrices;
    const join = node.op === 'GRU' && resetsAfter(node) ? besideEachOther : sum;
    return [...matrices, [`${layer}cell.bias`, join(rows(bias), rows(bias, 1))]];
  });
}

/** Two vectors [N] as a matrix [2, N]. */
function besideEachOther(a: Tensor, b: Tensor): Tensor {
  return { ...concatTensors([a, b], 0), dims: [2, ...a.dims] };
}

function sum(a: Tensor, b: Tensor): Tensor {
  const data = emptyData(a.elementType, a.data.length);
  for (let i = 0; i < a.data.length; i++) data[i] = Number(a.data[i]) + Number(b.data[i]);
  return { ...a, data };
}

/** `, dtype="float64"` for what is not Keras' usual type. */
function dtypeArgument(elementType: ElementType): string {
  return elementType === 'float32' ? '' : `, dtype=${dtypeOf(elementType)}`;
}
