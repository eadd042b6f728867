import { SlimError } from '../base/errors.ts';
import { floatAttribute, intAttribute, integers, intsAttribute, stringAttribute } from '../graph/attributes.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import { isStatic, normalizeAxis } from '../graph/dims.ts';
import { OPSET } from '../graph/model.ts';
import type { OpWith } from '../graph/operators.ts';
import {
  add,
  apply,
  div,
  flatten,
  mul,
  type Operand,
  pow,
  reduceMean,
  reshape,
  shapeOf,
  sigmoid,
  sqrt,
  tanh,
} from '../graph/ops.ts';
import { mapBodies, replaceWith, rewriteNodes } from '../graph/rewrite.ts';
import { operatorsWith, type Rules, ruleFor, ruleForEach } from '../graph/rules.ts';
import type { Graph, Model, Node } from '../graph/types.ts';

/*
 * Gradients are written in the operator set of graphs made here; an imported graph is rewritten to it first. From
 * operator set 7 on this changes few operators: what was an attribute became an input, or is one later on.
 */

/** Emits a node in the form of the operator set made here; false when the node is right as it is. */
type Conversion = (c: { readonly b: GraphBuilder; readonly node: Node; readonly from: number }) => boolean;

/** The graph of a model in the operator set of graphs made here. Throws a SlimError for sets older than 7. */
export function toOwnOpset(model: Model): Graph {
  const from = model.opsets[''] ?? model.opsets['ai.onnx'] ?? OPSET;
  if (from < 7) throw new SlimError(`the model is in operator set ${from}; training needs at least 7: export it anew`);
  return from === OPSET ? model.graph : convertGraph(model.graph, from);
}

function convertGraph(graph: Graph, from: number, outer?: GraphBuilder): Graph {
  const convert = (b: GraphBuilder, node: Node): boolean => {
    const inside = mapBodies(node, (body) => convertGraph(body, from, b));
    const conversion = ruleFor<Conversion>(conversions, node);
    if (!conversion?.({ b, node: inside, from })) b.addNode(inside);
    return true;
  };
  return rewriteNodes(graph, convert, { outer });
}

/** The same operator with other inputs and without some attributes. */
function emit(b: GraphBuilder, node: Node, inputs: readonly (Operand | undefined)[], without: readonly string[]): true {
  const attributes = Object.fromEntries(Object.entries(node.attributes).filter(([key]) => !without.includes(key)));
  const values = inputs.map((x) => (typeof x === 'number' ? b.float(x) : x));
  b.node(node.op, values, attributes, node.outputs, '', node.name || undefined);
  return true;
}

function operand(b: GraphBuilder, node: Node, index: number): Value {
  return b.value(node.inputs[index]!);
}

/** A list that was an attribute before `since` becomes an input. */
const listToInput =
  (attribute: string, since: number): Conversion =>
  ({ b, node, from }) => {
    const list = intsAttribute(node, attribute);
    if (from >= since || list === undefined) return false;
    return emit(b, node, [operand(b, node, 0), b.ints(list)], [attribute]);
  };

/** Reductions take their axes as an input from operator set 18 on. */
const reduction: Conversion = ({ b, node, from }) => {
  if (from < 18) return false;
  const x = operand(b, node, 0);
  const axes = node.inputs[1] ? integers(b.tensorOf(operand(b, node, 1))) : [];
  if (axes === undefined) throw new SlimError(`${node.op} '${nameOf(node)}' must have constant axes to be trained`);
  if (axes.length === 0 && intAttribute(node, 'noop_with_empty_axes', 0) === 1) return replaceWith(b, node, x);
  const { noop_with_empty_axes: _, ...attributes } = node.attributes;
  b.node(node.op, [x], { ...attributes, ...(axes.length > 0 && { axes }) }, node.outputs);
  return true;
};

/** Before operator set 13 a softmax ran over all axes from `axis` (1) on, laid side by side. */
const oldSoftmax: Conversion = ({ b, node, from }) => {
  if (from >= 13) return false;
  const x = operand(b, node, 0);
  const axis = intAttribute(node, 'axis', 1);
  const rank = x.type.shape?.length;
  if (rank !== undefined && normalizeAxis(axis, rank) === rank - 1) {
    b.node(node.op, [x], { axis: -1 }, node.outputs);
    return true;
  }
  return replaceWith(b, node, reshape(apply(node.op, [flatten(x, axis)], { axis: -1 }), shapeOf(x)));
};

const slice: Conversion = ({ b, node, from }) => {
  const [starts, ends, axes] = ['starts', 'ends', 'axes'].map((name) => intsAttribute(node, name));
  if (from >= 10 || starts === undefined || ends === undefined) return false;
  const inputs = [operand(b, node, 0), b.ints(starts), b.ints(ends), axes && b.ints(axes)];
  return emit(b, node, inputs, ['starts', 'ends', 'axes']);
};

const clip: Conversion = ({ b, node, from }) => {
  if (from >= 11) return false;
  const limit = (name: string) => (name in node.attributes ? floatAttribute(node, name, 0) : undefined);
  return emit(b, node, [operand(b, node, 0), limit('min'), limit('max')], ['min', 'max']);
};

const pad: Conversion = ({ b, node, from }) => {
  const x = operand(b, node, 0);
  if (from < 11) {
    const pads = intsAttribute(node, 'pads') ?? [];
    return emit(b, node, [x, b.ints(pads), floatAttribute(node, 'value', 0)], ['pads', 'value']);
  }
  if (!node.inputs[3]) return false;
  // Axes came with operator set 18: pads for the others are 0.
  const rank = x.type.shape?.length;
  const [pads, axes] = [b.knownInts(operand(b, node, 1)), b.knownInts(operand(b, node, 3))];
  if (rank === undefined || !isStatic(pads) || !isStatic(axes)) {
    throw new SlimError(`Pad '${nameOf(node)}' must have constant pads and axes to be trained`);
  }
  const all = new Array<number>(2 * rank).fill(0);
  axes.forEach((given, i) => {
    const axis = normalizeAxis(given, rank)!;
    all[axis] = pads[i]!;
    all[axis + rank] = pads[axes.length + i]!;
  });
  return emit(b, node, [x, b.ints(all), node.inputs[2] ? operand(b, node, 2) : undefined], []);
};

const split: Conversion = ({ b, node, from }) => {
  const list = intsAttribute(node, 'split');
  if (from < 13) return list === undefined ? false : emit(b, node, [operand(b, node, 0), b.ints(list)], ['split']);
  if (node.attributes.num_outputs === undefined) return false;
  // Parts as large as the rounded-up quotient, the last one what is left.
  const x = operand(b, node, 0);
  const shape = x.type.shape;
  const size = shape?.[normalizeAxis(intAttribute(node, 'axis', 0), shape.length) ?? -1];
  if (typeof size !== 'number') return emit(b, node, [x], ['num_outputs']);
  const count = node.outputs.length;
  const part = Math.ceil(size / count);
  const parts = Array.from({ length: count }, (_, i) => (i < count - 1 ? part : size - part * (count - 1)));
  return emit(b, node, [x, b.ints(parts)], ['num_outputs']);
};

const dropout: Conversion = ({ b, node, from }) => {
  if (from >= 12) return false;
  return emit(b, node, [operand(b, node, 0), floatAttribute(node, 'ratio', 0.5)], ['ratio']);
};

/** x/2 · (1 + erf(x/√2)), or its approximation by tanh. */
const gelu: Conversion = ({ b, node }) => {
  const x = operand(b, node, 0);
  const inner =
    stringAttribute(node, 'approximate', 'none') === 'tanh'
      ? tanh(mul(add(x, mul(pow(x, 3), 0.044715)), Math.sqrt(2 / Math.PI)))
      : apply('Erf', [mul(x, Math.SQRT1_2)]);
  return replaceWith(b, node, mul(mul(x, 0.5), add(inner, 1)));
};

/** x / √(mean(x²) + ε) · γ */
const rmsNormalization: Conversion = ({ b, node }) => {
  const x = operand(b, node, 0);
  const rank = x.type.shape?.length;
  const first = rank === undefined ? undefined : normalizeAxis(intAttribute(node, 'axis', -1), rank);
  if (first === undefined) throw new SlimError(`RMSNormalization '${nameOf(node)}' needs a known rank to be trained`);
  const axes = Array.from({ length: rank! - first }, (_, i) => first + i);
  const root = sqrt(add(reduceMean(mul(x, x), axes, true), floatAttribute(node, 'epsilon', 1e-5)));
  return replaceWith(b, node, mul(div(x, root), operand(b, node, 1)));
};

/** Attributes that say nothing new about the operator set made here. */
const without =
  (...names: string[]): Conversion =>
  ({ b, node }) => {
    if (!names.some((name) => name in node.attributes)) return false;
    return emit(
      b,
      node,
      node.inputs.map((name) => (name === '' ? undefined : b.value(name))),
      names,
    );
  };

const refuseOldScan: Conversion = ({ node, from }) => {
  if (from >= 9) return false;
  throw new SlimError(
    `Scan '${nameOf(node)}' of operator set 8 cannot be trained; export the model with set 9 or newer`,
  );
};

const nameOf = (node: Node) => node.name || (node.outputs[0] ?? '');

/** Operators whose gradient is that of what they are rewritten to. */
type Rewritten = OpWith<{ gradient: 'rewritten' }>;

const conversions: Rules<Conversion> & Readonly<Record<Rewritten, Conversion>> = {
  ...ruleForEach(operatorsWith({ reduces: 'value' }), reduction),
  ReduceSum: listToInput('axes', 13),
  Squeeze: listToInput('axes', 13),
  Unsqueeze: listToInput('axes', 13),
  Softmax: oldSoftmax,
  LogSoftmax: oldSoftmax,
  Hardmax: oldSoftmax,
  Slice: slice,
  Clip: clip,
  Pad: pad,
  Split: split,
  Dropout: dropout,
  Scan: refuseOldScan,
  Cast: without('saturate', 'round_mode'),
  BatchNormalization: without('spatial'),
  Gelu: gelu,
  // x · tanh(ln(1 + eˣ))
  Mish: ({ b, node }) => {
    const x = operand(b, node, 0);
    return replaceWith(b, node, mul(x, tanh(apply('Softplus', [x]))));
  },
  // x · σ(αx)
  Swish: ({ b, node }) => {
    const x = operand(b, node, 0);
    return replaceWith(b, node, mul(x, sigmoid(mul(x, floatAttribute(node, 'alpha', 1)))));
  },
  RMSNormalization: rmsNormalization,
};
