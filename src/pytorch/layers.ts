import { SlimError } from '../base/errors.ts';
import { intAttribute } from '../graph/attributes.ts';
import { titleOf } from '../graph/names.ts';
import type { RecurrentNode } from '../graph/operators.ts';
import type { ElementType, Tensor } from '../graph/types.ts';
import { activationNames, type GateOrder, gateRows, weightsOf, whatLayersLack } from '../python/recurrent.ts';
import type { PythonLayer, PythonModule } from '../python/statement.ts';
import { directionsOf } from '../recurrent/directions.ts';
import { dtypeOf } from './forms.ts';
import type { Stack } from './stacks.ts';

/*
 * Nodes with stored weights as layers of `torch.nn`. I input size, H hidden size, G gates.
 */

type Stored = ReadonlyMap<string, Tensor>;

/** Gates in PyTorch's order. */
const GATES: GateOrder = {
  LSTM: ['input gate', 'forget gate', 'cell', 'output gate'],
  GRU: ['reset gate', 'update gate', 'candidate'],
  RNN: ['hidden'],
};

/** A lookup in a table [V, E] as `nn.Embedding`. */
export function embeddingLayer(table: Tensor): PythonLayer {
  const made = `nn.Embedding(${table.dims.join(', ')}${dtypeArgument(table.elementType)})`;
  return { made, weights: new Map([['weight', table]]), matrix: table };
}

/** A product with a matrix [O, I] as `nn.Linear`. */
export function linearLayer(matrix: Tensor, bias: Tensor | undefined): PythonLayer {
  const [outputs, inputs] = matrix.dims;
  const options = `${bias ? '' : ', bias=False'}${dtypeArgument(matrix.elementType)}`;
  return {
    made: `nn.Linear(${inputs}, ${outputs}${options})`,
    weights: new Map([['weight', matrix], ...(bias ? [['bias', bias] as const] : [])]),
    matrix,
  };
}

/** A layer whose weight is that of an earlier one. */
export function tiedLayer(layer: PythonLayer, holder: PythonModule): PythonLayer {
  const own = [...layer.weights].filter(([parameter]) => parameter !== 'weight');
  return { ...layer, weights: new Map(own), setUp: (member) => [`${member}.weight = self.${holder.name}.weight`] };
}

/** Recurrent nodes as one `nn.LSTM`, `nn.GRU` or `nn.RNN`. Throws a SlimError that says what PyTorch's layer lacks. */
export function recurrentLayer(
  { nodes, isBatchFirst }: Pick<Stack, 'nodes' | 'isBatchFirst'>,
  stored: Stored,
): PythonLayer {
  for (const node of nodes) {
    const lacks = whatTorchLacks(node, stored);
    if (lacks !== undefined) throw new SlimError(`${titleOf(node)} ${lacks}, which nn.${node.op} of PyTorch has not`);
  }
  const [node] = nodes;
  const { weight, recurrent, bias } = weightsOf(node, stored);
  const options = [
    ...(nodes.length > 1 ? [`, num_layers=${nodes.length}`] : []),
    ...(activationNames(node)?.[0] === 'relu' ? [', nonlinearity="relu"'] : []),
    ...(bias ? [] : [', bias=False']),
    ...(isBatchFirst ? [', batch_first=True'] : []),
    ...(directionsOf(node).length === 2 ? [', bidirectional=True'] : []),
    dtypeArgument(weight.elementType),
  ];
  const made = `nn.${node.op}(${weight.dims[2]}, ${recurrent.dims[2]}${options.join('')})`;
  return { made, weights: new Map(nodes.flatMap((each, level) => recurrentWeights(each, level, stored))) };
}

/** The weights of one level of a stack in PyTorch's layout: `weight_ih_l0` [GH, I], `weight_hh_l0` [GH, H], biases [GH]. */
function recurrentWeights(node: RecurrentNode, level: number, stored: Stored): [string, Tensor][] {
  const { weight, recurrent, bias } = weightsOf(node, stored);
  const hidden = recurrent.dims[2]!;
  return directionsOf(node).flatMap((_, direction): [string, Tensor][] => {
    const suffix = `_l${level}${direction === 0 ? '' : '_reverse'}`;
    const rows = (tensor: Tensor, part = 0) => gateRows(node, tensor, { order: GATES, hidden, direction, part });
    const matrices: [string, Tensor][] = [
      [`weight_ih${suffix}`, rows(weight)],
      [`weight_hh${suffix}`, rows(recurrent)],
    ];
    return bias ? [...matrices, [`bias_ih${suffix}`, rows(bias)], [`bias_hh${suffix}`, rows(bias, 1)]] : matrices;
  });
}

/** What a recurrent node has that PyTorch's layer of that name lacks, in words. */
function whatTorchLacks(node: RecurrentNode, stored: Stored): string | undefined {
  const lacks = whatLayersLack(node, stored);
  if (lacks !== undefined) return lacks;
  if (node.op === 'GRU' && intAttribute(node, 'linear_before_reset', 0) === 0) return 'resets before its product';
  const activations = activationNames(node);
  return activations === undefined ? undefined : strangeActivations(node, activations);
}

function strangeActivations(node: RecurrentNode, names: readonly string[]): string | undefined {
  const usual = { LSTM: ['sigmoid', 'tanh', 'tanh'], GRU: ['sigmoid', 'tanh'], RNN: [names[0] ?? 'tanh'] }[node.op];
  const isUsual = names.every((name, i) => name === usual[i % usual.length]);
  const isKnown = node.op !== 'RNN' || ['tanh', 'relu'].includes(usual[0]!);
  return isUsual && isKnown ? undefined : `has the activations ${names.join(', ')}`;
}

/** `, dtype=torch.float64` for what is not PyTorch's usual type. */
function dtypeArgument(elementType: ElementType): string {
  return elementType === 'float32' ? '' : `, dtype=${dtypeOf(elementType)}`;
}
