import { floatAttribute, intAttribute, intsAttribute, stringAttribute } from '../graph/attributes.ts';
import { knownTypes } from '../graph/infer/infer.ts';
import { type Numbers, numbersOf } from '../graph/numbers.ts';
import { isRecurrent, type RecurrentOp } from '../graph/operators.ts';
import { type Rules, ruleFor } from '../graph/rules.ts';
import { RECURRENT_INPUT } from '../graph/slots.ts';
import { SparseTensor } from '../graph/sparseTensor.ts';
import { storedHere } from '../graph/stored.ts';
import type { Graph, Node, Tensor } from '../graph/types.ts';

/** What the last axis of a value holds, index by index, for any data; NaN where that depends on them. */
export type Channels = Float64Array;

/**
 * Finds values of a graph that are the same for any data at some indices of their last axis: what only biases drive, and
 * what is computed from that alone. Nothing is known of values inside loops and branches. Takes as long as reading all weights once.
 */
export function constantChannels(graph: Graph): ReadonlyMap<string, Channels> {
  const known = new Map<string, Channels>();
  const types = knownTypes(graph);
  const stored = storedHere(graph);
  const size = (name: string | undefined) => {
    const last = name ? types.type(name)?.shape?.at(-1) : undefined;
    return typeof last === 'number' ? last : undefined;
  };
  for (const node of graph.nodes) {
    const context: Context = {
      node,
      stored: (i) => (node.inputs[i] ? stored.get(node.inputs[i]) : undefined),
      channels: (i) => (node.inputs[i] ? known.get(node.inputs[i]) : undefined),
      size: (i) => size(node.inputs[i]),
      made: size(node.outputs.find((name) => name !== '')),
      rank: (i) => (node.inputs[i] ? types.type(node.inputs[i])?.shape?.length : undefined),
    };
    const found = isRecurrent(node) ? recurrent(context) : ruleFor(rules, node)?.(context);
    if (found === undefined || found.every(Number.isNaN)) continue;
    for (const [i, name] of node.outputs.entries()) {
      // Of what else an operator may give out, nothing is said.
      if (name !== '' && (i === 0 || isRecurrent(node))) known.set(name, found);
    }
  }
  return known;
}

/** What a rule sees of a node. */
interface Context {
  readonly node: Node;
  /** The tensor that is stored as an input. */
  stored(input: number): Tensor | undefined;
  channels(input: number): Channels | undefined;
  /** Length of the last axis of an input, and of what is made, where they are known. */
  size(input: number): number | undefined;
  readonly made: number | undefined;
  rank(input: number): number | undefined;
}

type Rule = (c: Context) => Channels | undefined;

const unknown = (size: number) => new Float64Array(size).fill(Number.NaN);

/** Values of a stored tensor; none of one that is stored sparse. */
const valuesOf = (tensor: Tensor | undefined): Numbers | undefined =>
  tensor === undefined || tensor instanceof SparseTensor ? undefined : numbersOf(tensor);

/**
 * W x for a matrix whose row j begins at `begin + j · row` with entries `step` apart: known where each weight that is not
 * zero reads what is known.
 */
function product(
  weight: Numbers,
  x: Channels | undefined,
  { rows, columns, begin, row, step }: Record<'rows' | 'columns' | 'begin' | 'row' | 'step', number>,
): Channels {
  return Float64Array.from({ length: rows }, (_, j) => {
    let sum = 0;
    for (let i = 0; i < columns; i++) {
      const w = weight[begin + j * row + i * step]!;
      if (w !== 0) sum += w * (x?.[i] ?? Number.NaN);
    }
    return sum;
  });
}

const matmul: Rule = (c) => {
  const weight = valuesOf(c.stored(1));
  const dims = c.stored(1)?.dims;
  if (weight === undefined || dims?.length !== 2) return undefined;
  const [columns, rows] = dims as [number, number];
  return product(weight, c.channels(0), { rows, columns, begin: 0, row: 1, step: rows });
};

const gemm: Rule = (c) => {
  const weight = valuesOf(c.stored(1));
  const dims = c.stored(1)?.dims;
  if (weight === undefined || dims?.length !== 2 || intAttribute(c.node, 'transA', 0) === 1) return undefined;
  const isTurned = intAttribute(c.node, 'transB', 0) === 1;
  const [columns, rows] = (isTurned ? dims.toReversed() : dims) as [number, number];
  const place = isTurned ? { row: columns, step: 1 } : { row: 1, step: rows };
  const made = product(weight, c.channels(0), { rows, columns, begin: 0, ...place });
  const bias = c.node.inputs[2] ? operand(c, 2, rows) : new Float64Array(rows);
  const [alpha, beta] = [floatAttribute(c.node, 'alpha', 1), floatAttribute(c.node, 'beta', 1)];
  return made.map((value, j) => alpha * value + (beta === 0 ? 0 : beta * bias[j]!));
};

/** An operand of something that combines last axes index by index, in the length of the result. */
function operand(c: Context, input: number, length: number): Channels {
  const stored = c.stored(input);
  const values = stored && (stored.data.length === 1 || stored.dims.at(-1) === stored.data.length) && valuesOf(stored);
  const given = values || c.channels(input);
  if (given === undefined || (given.length !== 1 && given.length !== length)) return unknown(length);
  return Float64Array.from({ length }, (_, j) => given[given.length === 1 ? 0 : j]!);
}

const combined =
  (combine: (a: number, b: number) => number): Rule =>
  (c) => {
    if (c.made === undefined || c.node.inputs.length !== 2) return undefined;
    const [a, b] = [operand(c, 0, c.made), operand(c, 1, c.made)];
    return a.map((value, j) => combine(value, b[j]!));
  };

const mapped =
  (f: (x: number, node: Node) => number): Rule =>
  ({ node, channels }) =>
    channels(0)?.map((x) => f(x, node));

/** An operator after which each element has the index on the last axis that it had: that axis is innermost in memory. */
const kept: Rule = (c) => (c.size(0) !== undefined && c.size(0) === c.made ? c.channels(0) : undefined);

const transposed: Rule = (c) => {
  const rank = c.rank(0);
  const order = intsAttribute(c.node, 'perm');
  return rank !== undefined && order?.at(-1) === rank - 1 ? c.channels(0) : undefined;
};

/** Picks along an axis, which is another one than the last. */
const pickedAlong =
  (fallback: number): Rule =>
  (c) => {
    const [rank, axis] = [c.rank(0), intAttribute(c.node, 'axis', fallback)];
    return rank !== undefined && axis !== -1 && axis !== rank - 1 ? c.channels(0) : undefined;
  };

const joined: Rule = (c) => {
  const rank = c.rank(0);
  if (rank === undefined) return undefined;
  const axis = intAttribute(c.node, 'axis', -1);
  const parts = c.node.inputs.map((_, i) => {
    const size = c.size(i);
    return size === undefined ? undefined : (c.channels(i) ?? unknown(size));
  });
  if (!parts.every((part) => part !== undefined)) return undefined;
  if (axis === -1 || axis === rank - 1) return Float64Array.from(parts.flatMap((part) => [...part]));
  return parts[0]!.map((x, j) => (parts.every((part) => part[j] === x) ? x : Number.NaN));
};

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

const rules: Rules<Rule> = {
  MatMul: matmul,
  Gemm: gemm,
  Add: combined((a, b) => a + b),
  Sub: combined((a, b) => a - b),
  // What is gated by 0 is 0.
  Mul: combined((a, b) => (a === 0 || b === 0 ? 0 : a * b)),
  Div: combined((a, b) => a / b),
  Identity: mapped((x) => x),
  // Who trains says so by its third input.
  Dropout: (c) => (c.node.inputs[2] ? undefined : c.channels(0)),
  Neg: mapped((x) => -x),
  Abs: mapped(Math.abs),
  Relu: mapped((x) => Math.max(x, 0)),
  LeakyRelu: mapped((x, node) => (x < 0 ? floatAttribute(node, 'alpha', 0.01) * x : x)),
  Elu: mapped((x, node) => (x < 0 ? floatAttribute(node, 'alpha', 1) * Math.expm1(x) : x)),
  Tanh: mapped(Math.tanh),
  Sigmoid: mapped(sigmoid),
  Softplus: mapped((x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))),
  Softsign: mapped((x) => x / (1 + Math.abs(x))),
  Squeeze: kept,
  Unsqueeze: kept,
  Reshape: kept,
  Flatten: kept,
  Transpose: transposed,
  Gather: pickedAlong(0),
  Split: pickedAlong(0),
  Concat: joined,
};

/** Gates of whose stacked rows one is the candidate for the new state, which tanh makes. */
const CANDIDATE: Readonly<Record<RecurrentOp, { readonly gates: number; readonly at: number }>> = {
  RNN: { gates: 1, at: 0 },
  GRU: { gates: 3, at: 2 },
  LSTM: { gates: 4, at: 3 },
};

/**
 * A unit whose candidate is 0 at every step is 0 at every step where it is at the first, be its gates what they are. One
 * of an RNN whose inputs and recurrent weights are all zero is what its bias says, but in the state that it begins with:
 * who reads the layer's own state must look for that.
 */
function recurrent(c: Context): Channels | undefined {
  const { node } = c;
  const [w, r, b] = [RECURRENT_INPUT.weight, RECURRENT_INPUT.recurrent, RECURRENT_INPUT.bias].map(c.stored);
  const [weight, own] = [valuesOf(w), valuesOf(r)];
  const isPlain =
    stringAttribute(node, 'direction', 'forward') !== 'bidirectional' && !('activations' in node.attributes);
  if (weight === undefined || own === undefined || !isPlain || w!.dims[0] !== 1) return undefined;
  const bias = node.inputs[RECURRENT_INPUT.bias] ? valuesOf(b) : undefined;
  if (bias === undefined && node.inputs[RECURRENT_INPUT.bias]) return undefined;
  if (node.inputs[RECURRENT_INPUT.hidden] || node.inputs[RECURRENT_INPUT.cell]) return undefined;
  const { gates, at } = CANDIDATE[node.op as RecurrentOp];
  const [columns, hidden] = [w!.dims[2]!, r!.dims[2]!];
  const begin = at * hidden;
  const layout = { rows: hidden, step: 1 };
  const read = product(weight, c.channels(RECURRENT_INPUT.x), {
    ...{ ...layout, columns },
    ...{ begin: begin * columns, row: columns },
  });
  const carried = product(own, undefined, { ...layout, columns: hidden, begin: begin * hidden, row: hidden });
  const isEqual = !node.inputs[RECURRENT_INPUT.lengths] && !('clip' in node.attributes) && node.op === 'RNN';
  return read.map((x, k) => {
    const [forInput, forState] = [bias?.[begin + k] ?? 0, bias?.[(gates + at) * hidden + k] ?? 0];
    const isZero = x === 0 && carried[k] === 0 && forInput === 0 && forState === 0;
    if (isZero) return 0;
    return isEqual ? Math.tanh(x + carried[k]! + forInput + forState) : Number.NaN;
  });
}
