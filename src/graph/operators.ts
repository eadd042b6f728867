import { intAttribute } from './attributes.ts';
import type { InputRole, Movement, OperatorTraits } from './traits.ts';
import type { Node } from './types.ts';

/*
 * What every operator is that this library knows. Whoever wants to know something of operators asks this table, and
 * tables of rules are typed by it, so that a name that is misspelled or missing does not compile.
 */

const unary = { elementwise: 'unary' } as const;
/** Differentiable functions of one number. */
const smooth = { ...unary, gradient: 'rule' } as const;
/** Functions of one number that jump between levels. */
const steps = { ...unary, gradient: 'zero' } as const;
const keepsZero = { keepsZero: true } as const;
const rounds = { rounds: true } as const;
const binary = { elementwise: 'broadcast' } as const;
const test = { ...binary, decides: true, gradient: 'zero' } as const;
const rule = { gradient: 'rule' } as const;
const reduction = { reduces: 'value' } as const;
const keeping = { ...reduction, keepsSingle: true } as const;
const scaled = { inputs: ['data', 'vector', 'vector'] } as const;
/** X, W, R, B, sequence_lens, initial_h, initial_c and P; see `slots.ts`. */
const layer = ['data', 'matrix', 'matrix', 'vector', 'lengths', 'state'] as const;
/** Numbers from 0 to 1. */
const probability = { probability: true } as const;
/** Activations of cells, with bounds and without. */
const bounds = { activation: 'bounded' } as const;
const activates = { activation: 'open' } as const;
const overClasses = { overClasses: true } as const;
const noise = { random: true, gradient: 'zero' } as const;

/** All operators that this library knows, by name. */
export const operators = {
  Abs: { ...smooth, ...keepsZero },
  Acos: unary,
  Acosh: unary,
  Add: { ...binary, ...rule, linear: 'sum' },
  And: test,
  ArgMax: { reduces: 'place', gradient: 'zero' },
  ArgMin: { reduces: 'place', gradient: 'zero' },
  Asin: { ...unary, ...keepsZero },
  Asinh: { ...unary, ...keepsZero },
  Atan: { ...unary, ...keepsZero },
  Atanh: { ...unary, ...keepsZero },
  AveragePool: {},
  BatchNormalization: { ...rule, inputs: ['data', 'vector', 'vector', 'statistic', 'statistic'] },
  Bernoulli: { random: true },
  BitShift: { ...binary, mixesTypes: true },
  BitwiseAnd: binary,
  BitwiseNot: unary,
  BitwiseOr: binary,
  BitwiseXor: binary,
  Cast: { ...smooth, ...keepsZero, moves: 'converts' },
  CastLike: { ...unary, ...keepsZero, moves: 'converts' },
  Ceil: { ...steps, ...keepsZero, ...rounds },
  Celu: { ...smooth, ...keepsZero },
  Clip: { ...smooth, ...rounds, ...bounds },
  Compress: { moves: 'picks' },
  Concat: rule,
  Constant: {},
  ConstantOfShape: {},
  Conv: { ...rule, product: true, inputs: ['data', 'matrix', 'vector'] },
  ConvTranspose: { ...rule, product: true, inputs: ['data', 'matrix', 'vector'] },
  Cos: smooth,
  Cosh: unary,
  CumSum: rule,
  DepthToSpace: { moves: 'reorders' },
  DequantizeLinear: {},
  Div: { ...binary, ...rule },
  Dropout: { ...smooth, ...keepsZero, random: true },
  DynamicQuantizeLinear: {},
  Einsum: { ...rule, product: true, inputs: ['matrix', 'matrix'] },
  Elu: { ...smooth, ...keepsZero, ...activates },
  Equal: test,
  Erf: { ...smooth, ...keepsZero },
  Exp: smooth,
  Expand: { ...rule, moves: 'copies' },
  EyeLike: { gradient: 'zero' },
  Flatten: { ...rule, moves: 'keeps' },
  Floor: { ...steps, ...keepsZero, ...rounds },
  GRU: {
    recurrent: { gates: ['update gate', 'reset gate', 'candidate'], states: ['h'] },
    inputs: layer,
    gradient: 'lowered',
  },
  Gather: { ...rule, moves: 'picks', inputs: ['data', 'index'] },
  GatherElements: { ...rule, moves: 'picks', inputs: ['data', 'index'] },
  GatherND: { ...rule, moves: 'picks' },
  Gelu: { ...unary, ...keepsZero, gradient: 'rewritten', ...activates },
  Gemm: { ...rule, product: true, inputs: ['matrix', 'matrix', 'vector'] },
  GlobalAveragePool: rule,
  GlobalLpPool: {},
  GlobalMaxPool: {},
  Greater: test,
  GreaterOrEqual: test,
  GroupNormalization: scaled,
  HardSigmoid: { ...smooth, ...bounds },
  HardSwish: { ...smooth, ...keepsZero },
  Hardmax: { gradient: 'zero', ...overClasses },
  Identity: { ...smooth, ...keepsZero, moves: 'keeps' },
  If: { ...rule, bodies: ['then_branch', 'else_branch'] },
  InstanceNormalization: { ...rule, ...scaled },
  IsInf: { ...steps, decides: true },
  IsNaN: { ...steps, decides: true },
  LRN: {},
  LSTM: {
    recurrent: { gates: ['input gate', 'output gate', 'forget gate', 'cell'], states: ['h', 'c'] },
    inputs: [...layer, 'state', 'vector'],
    gradient: 'lowered',
  },
  LayerNormalization: { ...rule, ...scaled },
  LeakyRelu: { ...smooth, ...keepsZero, ...activates },
  Less: test,
  LessOrEqual: test,
  Log: smooth,
  LogSoftmax: { ...rule, ...overClasses },
  Loop: { bodies: ['body'], loop: { inputsBefore: 2, outputsBefore: 1 } },
  LpNormalization: {},
  LpPool: {},
  MatMul: { ...rule, product: true, linear: 'product', inputs: ['matrix', 'matrix'] },
  Max: { ...binary, ...rule },
  MaxPool: rule,
  Mean: { ...binary, ...rule, linear: 'sum' },
  MeanVarianceNormalization: {},
  Min: { ...binary, ...rule },
  Mish: { ...unary, ...keepsZero, gradient: 'rewritten', ...activates },
  Mod: binary,
  Mul: { ...binary, ...rule, linear: 'product' },
  Neg: { ...smooth, ...keepsZero },
  NonZero: { gradient: 'zero' },
  Not: steps,
  OneHot: { inputs: ['index'] },
  Or: test,
  PRelu: { ...binary, ...rule, inputs: ['data', 'vector'] },
  Pad: rule,
  Pow: { ...binary, ...rule, mixesTypes: true },
  QuantizeLinear: {},
  RMSNormalization: { gradient: 'rewritten', inputs: ['data', 'vector'] },
  RNN: { recurrent: { gates: ['hidden'], states: ['h'] }, inputs: layer, gradient: 'lowered' },
  RandomNormal: noise,
  RandomNormalLike: noise,
  RandomUniform: noise,
  RandomUniformLike: noise,
  Range: {},
  Reciprocal: smooth,
  ReduceL1: { ...reduction, ...rule },
  ReduceL2: { ...reduction, ...rule },
  ReduceLogSum: reduction,
  ReduceLogSumExp: { ...reduction, ...rule },
  ReduceMax: { ...keeping, ...rule },
  ReduceMean: { ...keeping, ...rule },
  ReduceMin: { ...keeping, ...rule },
  ReduceProd: reduction,
  ReduceSum: { ...keeping, ...rule },
  ReduceSumSquare: { ...reduction, ...rule },
  Relu: { ...smooth, ...keepsZero, ...activates },
  Reshape: { ...rule, moves: 'keeps' },
  Resize: rule,
  ReverseSequence: { ...rule, moves: 'reorders', inputs: ['data', 'lengths'] },
  Round: { ...steps, ...keepsZero, ...rounds },
  Scan: { ...rule, bodies: ['body'], loop: { inputsBefore: 0, outputsBefore: 0 } },
  Scatter: { inputs: ['data', 'index'] },
  ScatterElements: { ...rule, inputs: ['data', 'index'] },
  ScatterND: rule,
  Selu: { ...smooth, ...keepsZero, ...activates },
  Shape: { gradient: 'zero' },
  Shrink: unary,
  Sigmoid: { ...smooth, ...probability, ...bounds },
  Sign: { ...steps, ...keepsZero },
  Sin: { ...smooth, ...keepsZero },
  Sinh: { ...unary, ...keepsZero },
  Size: { gradient: 'zero' },
  Slice: { ...rule, moves: 'drops' },
  Softmax: { ...rule, ...probability, ...bounds, ...overClasses },
  SoftmaxCrossEntropyLoss: rule,
  Softplus: { ...smooth, ...activates },
  Softsign: { ...smooth, ...keepsZero, ...bounds },
  SpaceToDepth: { moves: 'reorders' },
  Split: { ...rule, moves: 'drops' },
  Sqrt: { ...smooth, ...keepsZero },
  Squeeze: { ...rule, moves: 'keeps' },
  Sub: { ...binary, ...rule, linear: 'sum' },
  Sum: { ...binary, ...rule, linear: 'sum' },
  Swish: { ...unary, ...keepsZero, gradient: 'rewritten', ...activates },
  Tan: { ...unary, ...keepsZero },
  Tanh: { ...smooth, ...keepsZero, ...bounds },
  ThresholdedRelu: { ...smooth, ...keepsZero },
  Tile: { ...rule, moves: 'copies' },
  TopK: {},
  Transpose: { ...rule, moves: 'reorders' },
  Trilu: {},
  Unique: {},
  Unsqueeze: { ...rule, moves: 'keeps' },
  Upsample: {},
  Where: { ...binary, ...rule },
  Xor: test,
} as const satisfies Readonly<Record<string, OperatorTraits>>;

/** The name of an operator that this library knows. */
export type Op = keyof typeof operators;

/** Names of the operators that have these traits. */
export type OpWith<T extends OperatorTraits> = { [O in Op]: (typeof operators)[O] extends T ? O : never }[Op];

/** True for the name of an operator in the table. */
function isOp(name: string): name is Op {
  return Object.hasOwn(operators, name);
}

/** True for a node of an operator in the table. */
export function isKnown(node: Node): node is Node & { readonly op: Op } {
  return node.domain === '' && isOp(node.op);
}

const NOTHING: OperatorTraits = {};

/** What is known of ONNX's operator of that name, be it nothing. */
export function traitsOf(name: string): OperatorTraits {
  return isOp(name) ? operators[name] : NOTHING;
}

/** What is known of a node's operator: nothing of one of another domain. */
export function traits(node: Node): OperatorTraits {
  return node.domain === '' ? traitsOf(node.op) : NOTHING;
}

/** The name of a recurrent layer's operator. */
export type RecurrentOp = OpWith<{ recurrent: NonNullable<OperatorTraits['recurrent']> }>;

/** The name of a loop's operator. */
export type LoopOp = OpWith<{ loop: NonNullable<OperatorTraits['loop']> }>;

/** A node that is a recurrent layer. */
export type RecurrentNode = Node & { readonly op: RecurrentOp };

/** A node that is a loop. */
export type LoopNode = Node & { readonly op: LoopOp };

/** Names of the gates of the recurrent operator that has so many of them; none for a single one. */
export function gateNames(count: number): readonly string[] {
  const all = [operators.LSTM, operators.GRU].map(({ recurrent }) => recurrent.gates);
  return all.find(({ length }) => length === count) ?? [];
}

/** True for a recurrent layer: LSTM, GRU or RNN. */
export function isRecurrent(node: Node): node is RecurrentNode {
  return traits(node).recurrent !== undefined;
}

/** True for a loop over a body: Scan or Loop. */
export function isLoop(node: Node): node is LoopNode {
  return traits(node).loop !== undefined;
}

/** How the outputs get the elements of the first input; undefined for an operator that makes new ones. */
export function moves(node: Node): Movement | undefined {
  return traits(node).moves;
}

/** True where every element of the first input comes out once, as it is. */
export function movesAll(node: Node): boolean {
  const how = moves(node);
  return how === 'keeps' || how === 'reorders';
}

/** True where elements of the first input come out at most once each, perhaps as another type. */
export function movesOnce(node: Node): boolean {
  const how = moves(node);
  return movesAll(node) || how === 'converts' || how === 'drops';
}

/** True for a function of each element of the first input; other inputs are settings. */
export function isUnary(node: Node): boolean {
  return traits(node).elementwise === 'unary';
}

/** True for an operator that combines elements at the same place of its inputs, under broadcasting. */
export function isBroadcasting(node: Node): boolean {
  return traits(node).elementwise === 'broadcast';
}

/** True where rows of a table are picked by their numbers: Gather along the first axis. */
export function isLookup(node: Node): boolean {
  return node.op === 'Gather' && node.domain === '' && intAttribute(node, 'axis', 0) === 0;
}

/** True where the loss may depend smoothly on the inputs, and training can find out how. */
export function isDifferentiable(node: Node): boolean {
  const { gradient } = traits(node);
  return gradient !== undefined && gradient !== 'zero';
}

/** Places of the inputs that are for one of these ends, as far as the node has them. */
export function inputsFor(node: Node, ...roles: readonly InputRole[]): number[] {
  const places = traits(node).inputs ?? [];
  return places.flatMap((role, i) => (roles.includes(role) && node.inputs[i] ? [i] : []));
}
