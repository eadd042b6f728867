import { SlimError } from '../base/errors.ts';
import { floatAttribute, intAttribute, intsAttribute, stringsAttribute } from '../graph/attributes.ts';
import { isFloat } from '../graph/elementTypes.ts';
import { titleOf } from '../graph/names.ts';
import { isLookup, operators, type RecurrentNode, type RecurrentOp } from '../graph/operators.ts';
import { RECURRENT_INPUT } from '../graph/slots.ts';
import { sliceTensor, stridedTensor } from '../graph/tensors.ts';
import type { ElementType, Node, Tensor } from '../graph/types.ts';
import { allZero } from '../passes/zeroStates.ts';
import { directionsOf } from '../recurrent/directions.ts';
import { dtypeOf } from './python.ts';
import type { Stack } from './stacks.ts';

/*
 * Nodes with stored weights as layers of `torch.nn`. B batch, T time, I input size, H hidden size, G gates, D directions.
 */

/** A layer of `torch.nn` that a node is, without a name yet. */
export interface TorchLayer {
  /** What makes it: `nn.LSTM(4, 7)`. */
  readonly made: string;
  /** Its parameters in PyTorch's layouts by PyTorch's names: `weight_ih_l0` [GH, I]. */
  readonly weights: ReadonlyMap<string, Tensor>;
}

type Stored = ReadonlyMap<string, Tensor>;

/** Gates in PyTorch's order, by their names in the table of operators. */
const GATES: Readonly<Record<RecurrentOp, readonly string[]>> = {
  LSTM: ['input gate', 'forget gate', 'cell', 'output gate'],
  GRU: ['reset gate', 'update gate', 'candidate'],
  RNN: ['hidden'],
};

/** A lookup in a stored table as `nn.Embedding`; undefined for other nodes. */
export function embeddingLayer(node: Node, stored: Stored): TorchLayer | undefined {
  const table = stored.get(node.inputs[0] ?? '');
  const isConstant = stored.has(node.inputs[1] ?? '');
  if (!isLookup(node) || isConstant || table?.dims.length !== 2 || !isFloat(table.elementType)) return undefined;
  const made = `nn.Embedding(${table.dims.join(', ')}${dtypeArgument(table.elementType)})`;
  return { made, weights: new Map([['weight', table]]) };
}

/** A product with a stored matrix, and its bias, as they stand in a graph. */
export interface Product {
  /** The node's data. */
  readonly x: string;
  /** The stored matrix: [I, O], or [O, I] where it is transposed. */
  readonly weight: string;
  readonly isTransposed: boolean;
  /** The stored vector [O] that is added. */
  readonly bias?: string;
}

/** What a MatMul or Gemm multiplies with a stored matrix, as a linear layer does; undefined for other nodes. */
export function productOf(node: Node, stored: Stored, made: ReadonlyMap<string, Node>): Product | undefined {
  const [x = '', right = '', bias = ''] = node.inputs;
  const turned = made.get(right);
  const isTurned = turned?.op === 'Transpose' && (intsAttribute(turned, 'perm') ?? [1, 0]).join() === '1,0';
  const weight = isTurned ? turned.inputs[0]! : right;
  const matrix = stored.get(weight);
  if (node.domain !== '' || stored.has(x) || matrix?.dims.length !== 2 || !isFloat(matrix.elementType))
    return undefined;
  if (node.op === 'MatMul') return { x, weight, isTransposed: isTurned };
  if (node.op !== 'Gemm' || intAttribute(node, 'transA', 0) !== 0) return undefined;
  if (floatAttribute(node, 'alpha', 1) !== 1 || floatAttribute(node, 'beta', 1) !== 1) return undefined;
  if (bias !== '' && stored.get(bias)?.dims.length !== 1) return undefined;
  const isTransposed = isTurned !== (intAttribute(node, 'transB', 0) !== 0);
  return { x, weight, isTransposed, ...(bias !== '' && { bias }) };
}

/** True where a product's bias, if it has one, has an element for each output. */
export function hasFittingBias({ weight, isTransposed, bias }: Product, stored: Stored): boolean {
  const outputs = stored.get(weight)!.dims[isTransposed ? 0 : 1];
  return bias === undefined || stored.get(bias)?.dims.join() === String(outputs);
}

/** A product with a fitting bias as `nn.Linear`. */
export function linearLayer({ weight, isTransposed, bias }: Product, stored: Stored): TorchLayer {
  const matrix = stored.get(weight)!;
  const [rows, columns] = matrix.dims as [number, number];
  const tensor = isTransposed ? matrix : stridedTensor(matrix, [columns, rows], [1, columns]);
  const [outputs, inputs] = tensor.dims;
  const vector = bias === undefined ? undefined : stored.get(bias);
  const options = `${vector ? '' : ', bias=False'}${dtypeArgument(matrix.elementType)}`;
  return {
    made: `nn.Linear(${inputs}, ${outputs}${options})`,
    weights: new Map([['weight', tensor], ...(vector ? [['bias', vector] as const] : [])]),
  };
}

/** Recurrent nodes as one `nn.LSTM`, `nn.GRU` or `nn.RNN`. Throws a SlimError that says what PyTorch's layer lacks. */
export function recurrentLayer(
  { nodes, isBatchFirst }: Pick<Stack, 'nodes' | 'isBatchFirst'>,
  stored: Stored,
): TorchLayer {
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
  return directionsOf(node).flatMap((_, d): [string, Tensor][] => {
    const suffix = `_l${level}${d === 0 ? '' : '_reverse'}`;
    const rows = (tensor: Tensor, part = 0) => directionRows(tensor, d, gateRows(node.op, hidden, part));
    const matrices: [string, Tensor][] = [
      [`weight_ih${suffix}`, rows(weight)],
      [`weight_hh${suffix}`, rows(recurrent)],
    ];
    return bias ? [...matrices, [`bias_ih${suffix}`, rows(bias)], [`bias_hh${suffix}`, rows(bias, 1)]] : matrices;
  });
}

/** W [D, GH, I], R [D, GH, H] and B [D, 2GH]. */
function weightsOf(node: RecurrentNode, stored: Stored) {
  const at = (i: number) => stored.get(node.inputs[i] ?? '');
  const [weight, recurrent] = [at(RECURRENT_INPUT.weight)!, at(RECURRENT_INPUT.recurrent)!];
  return { weight, recurrent, bias: at(RECURRENT_INPUT.bias) };
}

/** Rows of W, R or a half of B for the gates in PyTorch's order; `part` 1 is the second half of B. */
function gateRows(op: RecurrentOp, hidden: number, part: number): number[] {
  const gates: readonly string[] = operators[op].recurrent.gates;
  const first = part * gates.length;
  return GATES[op].flatMap((gate) => {
    const start = (first + gates.indexOf(gate)) * hidden;
    return Array.from({ length: hidden }, (_, i) => start + i);
  });
}

function directionRows(tensor: Tensor, direction: number, rows: readonly number[]): Tensor {
  const { elementType, dims, data } = sliceTensor(tensor, [[direction], rows]);
  return { elementType, dims: dims.slice(1), data };
}

/** What a recurrent node has that PyTorch's layer of that name lacks, in words. */
function whatTorchLacks(node: RecurrentNode, stored: Stored): string | undefined {
  const { weight, recurrent, bias, peepholes } = RECURRENT_INPUT;
  const given = [weight, recurrent, bias].filter((i) => (node.inputs[i] ?? '') !== '');
  const places = node.inputs[peepholes] ?? '';
  const peeps = stored.get(places);
  if (given.some((i) => !stored.has(node.inputs[i]!))) return 'has weights that are computed';
  if (places !== '' && !(peeps && allZero(peeps))) return 'has peepholes';
  if (intAttribute(node, 'layout', 0) !== 0) return 'has layout 1';
  if (floatAttribute(node, 'clip', 0) !== 0) return 'clips its gates';
  if (intAttribute(node, 'input_forget', 0) !== 0) return 'couples its input and forget gates';
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

/** The activations that a node names, in small letters; undefined where it has the usual ones. */
function activationNames(node: Node): string[] | undefined {
  const names = stringsAttribute(node, 'activations') ?? [];
  return names.length === 0 ? undefined : names.map((name) => name.toLowerCase());
}

/** `, dtype=torch.float64` for what is not PyTorch's usual type. */
function dtypeArgument(elementType: ElementType): string {
  return elementType === 'float32' ? '' : `, dtype=${dtypeOf(elementType)}`;
}
