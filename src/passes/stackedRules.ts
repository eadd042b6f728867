import { floatAttribute, int64s, intAttribute, intsAttribute, stringAttribute } from '../graph/attributes.ts';
import type { AttributeValues, GraphBuilder, Value } from '../graph/builder.ts';
import { isStatic, normalizeAxis } from '../graph/dims.ts';
import { isBroadcasting, isUnary } from '../graph/operators.ts';
import { add, apply, expand, gather, matmul, mul, reshape, transpose, unsqueeze } from '../graph/ops.ts';
import { operatorsWith, type Rules, ruleFor, ruleForEach } from '../graph/rules.ts';
import type { Dim, Node, Tensor } from '../graph/types.ts';

/*
 * An operator of one step for all steps of a loop at once. A value that differs from step to step is stacked: [S, …], the
 * steps first. Whoever stacks (`hoistLoops`, `sinkLoops`) asks rules what becomes of a node.
 */

/** Steps that are computed side by side. */
export interface Stacking {
  /** Where nodes for all steps go. */
  readonly b: GraphBuilder;
  /** Knows the types of the values in one step. */
  readonly scope: GraphBuilder;
  isStacked(name: string): boolean;
  /** A value for all steps: [S, …] where it is stacked, else the value itself. */
  value(name: string): Value;
}

/** A node, and what its inputs are in one step. */
interface Stacked extends Stacking {
  readonly node: Node;
  /** Rank of an input in one step. */
  rank(input: number): number;
  /** Sizes of an input in one step; undefined where one is free. */
  shape(input: number): readonly number[] | undefined;
  /** The value of an input for all steps. */
  input(input: number): Value;
  differs(input: number): boolean;
}

/** The outputs for all steps; undefined where that is not known to be possible. */
type StackRule = (s: Stacked) => Value | readonly Value[] | undefined;

/**
 * The outputs of a node for all steps at once, [S, …], given that some input is stacked; undefined where that is not
 * known to be possible.
 */
export function stackNode(stacking: Stacking, node: Node): readonly Value[] | undefined {
  const types = node.inputs.map((name) => (name === '' ? undefined : stacking.scope.value(name).type));
  if (node.domain !== '' || types.some((t) => t !== undefined && t.shape === undefined)) return undefined;
  const rule = ruleFor<StackRule>(rules, node) ?? generalRule(node);
  const made = rule?.({
    ...stacking,
    node,
    rank: (i) => types[i]?.shape?.length ?? 0,
    shape: (i) => staticShape(types[i]?.shape),
    input: (i) => stacking.value(node.inputs[i]!),
    differs: (i) => isStackedInput(stacking, node, i),
  });
  if (made === undefined) return undefined;
  return 'builder' in made ? [made] : made;
}

/** The same value at every step, stacked; undefined where the number of steps is not known. */
export function repeated({ value }: Stacking, name: string, steps: number): Value {
  const once = value(name);
  return expand(once, [steps, ...(once.type.shape ?? []).map(() => 1)]);
}

/** Integers that a node computes from sizes alone, the same at every step: the shape of a stacked value. */
export function fixedIntegers(scope: GraphBuilder, { outputs }: Node): Tensor | undefined {
  const [name = ''] = outputs;
  if (outputs.length !== 1 || name === '') return undefined;
  const value = scope.value(name);
  const ints = scope.knownInts(value);
  const { elementType, shape } = value.type;
  if (elementType !== 'int64' || !isStatic(ints) || !isStatic(shape)) return undefined;
  return int64s(shape, ints);
}

/** The number of steps, from a stacked value. */
export function stepsOf(stacked: Value): number | undefined {
  const first = stacked.type.shape?.[0];
  return typeof first === 'number' ? first : undefined;
}

function isStackedInput({ isStacked }: Stacking, { inputs }: Node, input: number): boolean {
  const name = inputs[input] ?? '';
  return name !== '' && isStacked(name);
}

function staticShape(shape: readonly Dim[] | undefined): readonly number[] | undefined {
  return isStatic(shape) ? shape : undefined;
}

function generalRule(node: Node): StackRule | undefined {
  if (isUnary(node)) return unary;
  return isBroadcasting(node) ? broadcast : undefined;
}

/** Inputs behind the first one, where they are the same at every step. */
function settings(s: Stacked): (Value | undefined)[] | undefined {
  const rest = s.node.inputs.slice(1);
  if (rest.some((_, i) => s.differs(i + 1))) return undefined;
  return rest.map((name) => (name === '' ? undefined : s.value(name)));
}

/** Integers that an input holds at every step. */
function known(s: Stacked, input: number): readonly number[] | undefined {
  const name = s.node.inputs[input];
  if (!name || s.differs(input)) return undefined;
  const ints = s.scope.knownInts(s.scope.value(name));
  return isStatic(ints) ? ints : undefined;
}

const unary: StackRule = (s) => {
  const rest = settings(s);
  return rest && s.b.node(s.node.op, [s.input(0), ...rest], s.node.attributes);
};

/** Axes are aligned at the right, so that a stacked operand of fewer axes gets ones behind the steps. */
function aligned(s: Stacked, rank: number): Value[] {
  return s.node.inputs.map((_, i) => {
    const added = s.differs(i) ? Array.from({ length: rank - s.rank(i) }, (_, k) => 1 + k) : [];
    return added.length === 0 ? s.input(i) : unsqueeze(s.input(i), added);
  });
}

const broadcast: StackRule = (s) => {
  const highest = Math.max(...s.node.inputs.map((_, i) => s.rank(i)));
  return s.b.node(s.node.op, aligned(s, highest), s.node.attributes);
};

/** The node over other inputs, with other attributes. */
function again(s: Stacked, inputs: readonly (Value | undefined)[], attributes: AttributeValues = {}): Value[] {
  return s.b.node(s.node.op, inputs, { ...s.node.attributes, ...attributes }, s.node.outputs.length);
}

/** An axis of one step as one of all steps. */
function behindSteps(s: Stacked, axis: number): number {
  return (normalizeAxis(axis, s.rank(0)) ?? 0) + 1;
}

/** The node along an axis, which an attribute names. */
const along =
  (fallback: number): StackRule =>
  (s) => {
    const rest = settings(s);
    const axis = behindSteps(s, intAttribute(s.node, 'axis', fallback));
    return rest && again(s, [s.input(0), ...rest], { axis });
  };

/** Operators that only rename axes: the sizes of the output follow the steps. */
const reshaping: StackRule = (s) => {
  const shape = staticShape(s.scope.value(s.node.outputs[0]!).type.shape);
  if (shape === undefined || settings(s) === undefined) return undefined;
  return reshape(s.input(0), [stepsOf(s.input(0)) ?? -1, ...shape]);
};

/** Reductions take their axes as an attribute, a sum as an input. */
const reduction: StackRule = (s) => {
  const { node } = s;
  const given = node.inputs[1] ? known(s, 1) : (intsAttribute(node, 'axes') ?? []);
  if (given === undefined || intAttribute(node, 'noop_with_empty_axes', 0) !== 0) return undefined;
  const all = Array.from({ length: s.rank(0) }, (_, i) => i);
  const axes = (given.length > 0 ? given : all).map((axis) => behindSteps(s, axis));
  if (axes.length === 0) return apply('Identity', [s.input(0)]);
  if (node.op === 'ReduceSum') return again(s, [s.input(0), s.b.ints(axes)]);
  return again(s, [s.input(0)], { axes });
};

/** Operators over examples that stand side by side: the examples of all steps do. */
const overExamples: StackRule = (s) => {
  const rest = settings(s);
  const shape = s.shape(0);
  const result = staticShape(s.scope.value(s.node.outputs[0]!).type.shape);
  if (rest === undefined || shape === undefined || result === undefined || s.node.outputs.length > 1) return undefined;
  const steps = stepsOf(s.input(0)) ?? -1;
  const joined = reshape(s.input(0), [steps < 0 ? -1 : steps * shape[0]!, ...shape.slice(1)]);
  return reshape(again(s, [joined, ...rest])[0]!, [steps, ...result]);
};

/** The steps as the last axis: indices count only the axes before. */
function stepsLast(x: Value): Value {
  const rank = x.type.shape!.length;
  return transpose(x, [...Array.from({ length: rank - 1 }, (_, i) => i + 1), 0]);
}

function stepsFirst(x: Value): Value {
  const rank = x.type.shape!.length;
  return transpose(x, [rank - 1, ...Array.from({ length: rank - 1 }, (_, i) => i)]);
}

const matrixProduct: StackRule = (s) => {
  const [xs, ys] = [s.differs(0), s.differs(1)];
  const [rx, ry] = [s.rank(0), s.rank(1)];
  if (rx === 2 && ry === 2) {
    const [x, y] = [s.input(0), s.input(1)];
    // W · x_t for all t: (x_tᵀ · Wᵀ)ᵀ, so that the steps become rows of one product.
    if (!xs && ys) return transpose(matmul(transpose(y, [0, 2, 1]), transpose(x, [1, 0])), [0, 2, 1]);
    return matmul(x, y);
  }
  if (rx === 1 && ry === 2 && !ys) return matmul(s.input(0), s.input(1));
  if (rx < 2 || ry < 2) return undefined;
  const [x, y] = aligned(s, Math.max(rx, ry)) as [Value, Value];
  return matmul(x, y);
};

/** α·A·B + β·C as a product and a sum. */
const gemm: StackRule = (s) => {
  const { node } = s;
  const factor = (input: number, flag: string) => {
    if (intAttribute(node, flag, 0) === 0) return s.input(input);
    return transpose(s.input(input), s.differs(input) ? [0, 2, 1] : [1, 0]);
  };
  const scaled = (x: Value, attribute: string) => {
    const by = floatAttribute(node, attribute, 1);
    return by === 1 ? x : mul(x, by);
  };
  const product = scaled(matmul(factor(0, 'transA'), factor(1, 'transB')), 'alpha');
  if (!node.inputs[2]) return s.differs(0) || s.differs(1) ? product : undefined;
  const addend = s.differs(2) && s.rank(2) < 2 ? unsqueeze(s.input(2), s.rank(2) === 1 ? [1] : [1, 2]) : s.input(2);
  return add(product, scaled(addend, 'beta'));
};

const rules = {
  ...ruleForEach(operatorsWith({ reduces: 'value' }), reduction),
  ArgMax: along(0),
  ArgMin: along(0),
  AveragePool: overExamples,
  BatchNormalization: overExamples,
  Concat: (s) => {
    const steps = s.node.inputs.map((_, i) => (s.differs(i) ? stepsOf(s.input(i)) : undefined)).find((n) => n);
    const axis = behindSteps(s, intAttribute(s.node, 'axis', 0));
    const isSame = s.node.inputs.every((_, i) => s.differs(i));
    if (steps === undefined && !isSame) return undefined;
    return again(
      s,
      s.node.inputs.map((name, i) => (s.differs(i) ? s.input(i) : repeated(s, name, steps!))),
      { axis },
    );
  },
  Conv: overExamples,
  ConvTranspose: overExamples,
  CumSum: (s) => {
    const axis = known(s, 1)?.[0];
    if (axis === undefined) return undefined;
    const behind = s.b.ints([behindSteps(s, axis)]);
    return again(s, [s.input(0), reshape(behind, [])]);
  },
  Einsum: (s) => {
    const equation = stringAttribute(s.node, 'equation', '').replaceAll(' ', '');
    const [left = '', right] = equation.split('->');
    const letter = [...'zyxwvutsrqponmlkjihgfedcba'].find((l) => !equation.includes(l));
    if (right === undefined || letter === undefined || equation.includes('.')) return undefined;
    const terms = left.split(',').map((term, i) => (s.differs(i) ? `${letter}${term}` : term));
    const inputs = s.node.inputs.map((_, i) => s.input(i));
    return again(s, inputs, { equation: `${terms.join()}->${letter}${right}` });
  },
  Expand: (s) => {
    const [shape, result] = [s.shape(0), staticShape(s.scope.value(s.node.outputs[0]!).type.shape)];
    if (shape === undefined || result === undefined || settings(s) === undefined) return undefined;
    const ones = result.slice(shape.length).map(() => 1);
    return expand(reshape(s.input(0), [stepsOf(s.input(0)) ?? -1, ...ones, ...shape]), [1, ...result]);
  },
  Flatten: reshaping,
  Gather: (s) => {
    const axis = normalizeAxis(intAttribute(s.node, 'axis', 0), s.rank(0)) ?? 0;
    if (!s.differs(1)) return gather(s.input(0), s.input(1), axis + 1);
    return !s.differs(0) && axis === 0 ? gather(s.input(0), s.input(1)) : undefined;
  },
  GatherND: (s) => {
    if (s.differs(1) || intAttribute(s.node, 'batch_dims', 0) !== 0) return undefined;
    return stepsFirst(apply('GatherND', [stepsLast(s.input(0)), s.input(1)]));
  },
  Gemm: gemm,
  GlobalAveragePool: overExamples,
  GlobalMaxPool: overExamples,
  InstanceNormalization: overExamples,
  LayerNormalization: (s) => (s.node.outputs.length === 1 ? along(-1)(s) : undefined),
  LogSoftmax: along(-1),
  MatMul: matrixProduct,
  MaxPool: overExamples,
  Pad: (s) => {
    const pads = known(s, 1);
    if (pads === undefined || settings(s) === undefined || s.node.inputs[3]) return undefined;
    const rank = s.rank(0);
    const all = s.b.ints([0, ...pads.slice(0, rank), 0, ...pads.slice(rank)]);
    return again(s, [s.input(0), all, s.node.inputs[2] ? s.input(2) : undefined]);
  },
  Reshape: reshaping,
  ScatterND: (s) => {
    const steps = stepsOf(s.input(s.differs(0) ? 0 : 2));
    if (s.differs(1) || steps === undefined) return undefined;
    const [data, updates] = [0, 2].map((i) =>
      stepsLast(s.differs(i) ? s.input(i) : repeated(s, s.node.inputs[i]!, steps)),
    );
    return stepsFirst(again(s, [data, s.input(1), updates])[0]!);
  },
  Slice: (s) => {
    const rest = settings(s);
    const starts = known(s, 1);
    const axes = s.node.inputs[3] ? known(s, 3) : starts?.map((_, i) => i);
    if (rest === undefined || axes === undefined) return undefined;
    const behind = s.b.ints(axes.map((axis) => behindSteps(s, axis)));
    return again(s, [s.input(0), rest[0], rest[1], behind, rest[3]]);
  },
  Softmax: along(-1),
  Split: along(0),
  Squeeze: reshaping,
  Tile: (s) => {
    const repeats = known(s, 1);
    return repeats && again(s, [s.input(0), s.b.ints([1, ...repeats])]);
  },
  Transpose: (s) => {
    const rank = s.rank(0);
    const perm = intsAttribute(s.node, 'perm') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
    return transpose(s.input(0), [0, ...perm.map((p) => p + 1)]);
  },
  Unsqueeze: reshaping,
} satisfies Rules<StackRule>;
