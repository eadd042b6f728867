import { randomStream, uniform } from '../../src/base/random.ts';
import { int64s } from '../../src/graph/attributes.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import { sizeOf } from '../../src/graph/dims.ts';
import { modelOf } from '../../src/graph/model.ts';
import {
  add,
  apply,
  concat,
  cos,
  expand,
  gather,
  matmul,
  mul,
  pow,
  reduceMean,
  relu,
  reshape,
  shapeOf,
  sigmoid,
  slice,
  softmax,
  split,
  sqrt,
  squeeze,
  sub,
  tanh,
  transpose,
  unsqueeze,
  where,
} from '../../src/graph/ops.ts';
import type { Model } from '../../src/graph/types.ts';
import { loop } from './graphs.ts';

/*
 * For tests: recurrent models at random. Features [time, batch, size] go through layers and other operators in any
 * order; whatever is left over in the end is read by a linear head.
 */

/** Features [time, batch, size]. */
export interface Features {
  readonly value: Value;
  readonly size: number;
}

/** What an operator is made with. */
export interface Maker {
  readonly b: GraphBuilder;
  /** A uniform number below `limit`. */
  below(limit: number): number;
  parameter(...dims: number[]): Value;
  /** Other features of the same size, or the same ones. */
  partner(x: Features): Features;
}

export type Step = (m: Maker, x: Features) => Features;

export const gates: Readonly<Record<string, number>> = { LSTM: 4, GRU: 3, RNN: 1 };

/** A recurrent layer of any kind and direction, its directions side by side. */
const layer =
  (operator: string): Step =>
  ({ b, below, parameter }, x) => {
    const hidden = 2 + below(4);
    const direction = ['forward', 'reverse', 'bidirectional'][below(3)]!;
    const directions = direction === 'bidirectional' ? 2 : 1;
    const rows = gates[operator]! * hidden;
    const bias = below(2) === 0 ? parameter(directions, 2 * rows) : undefined;
    const weights = [parameter(directions, rows, x.size), parameter(directions, rows, hidden)];
    const reset = operator === 'GRU' ? { linear_before_reset: below(2) } : {};
    const [y] = b.node(operator, [x.value, ...weights, bias], { hidden_size: hidden, direction, ...reset });
    if (directions === 1) return { value: squeeze(y!, [1]), size: hidden };
    return { value: reshape(transpose(y!, [0, 2, 1, 3]), [0, 0, -1]), size: 2 * hidden };
  };

/** A gated cell in primitive operators: u = σ(x W + h R), h' = u ⊙ h + (1 − u) ⊙ tanh(x V). */
const cell: Step = ({ b, below, parameter }, x) => {
  const hidden = 2 + below(3);
  const [w, r, v] = [parameter(x.size, hidden), parameter(hidden, hidden), parameter(x.size, hidden)];
  const batch = slice(shapeOf(x.value), [1], [2], [0]);
  const zeros = expand(b.float(0), concat([batch, b.ints([hidden])], 0));
  const [, sequence] = loop([zeros], [x.value], ([h], [row]) => {
    const u = sigmoid(add(matmul(row!, w), matmul(h!, r)));
    const next = add(mul(u, h!), mul(sub(1, u), tanh(matmul(row!, v))));
    return [next, relu(next)];
  });
  return { value: sequence!, size: hidden };
};

const convolution: Step = ({ b, below, parameter }, x) => {
  const channels = transpose(x.value, [1, 2, 0]);
  const size = 1 + below(4);
  const each = below(2) === 0;
  const weights = each ? [parameter(x.size, 1, 3), parameter(x.size)] : [parameter(size, x.size, 3), parameter(size)];
  const made = b.node('Conv', [channels, ...weights], { pads: [1, 1], group: each ? x.size : 1 })[0]!;
  return { value: transpose(made, [2, 0, 1]), size: each ? x.size : size };
};

const batchNormalization: Step = ({ b, parameter }, { value, size }) => {
  const variance = b.float(Array.from({ length: size }, (_, i) => 0.5 + i));
  const rows = reshape(value, [-1, size]);
  const statistics = [parameter(size), parameter(size), parameter(size), variance];
  return { value: reshape(apply('BatchNormalization', [rows, ...statistics]), shapeOf(value)), size };
};

/** (x − mean) / √(variance + ε) ⊙ scale, as exporters of old write it. */
const layerNormalization: Step = ({ parameter, below }, { value, size }) => {
  if (below(2) === 0) return { value: apply('LayerNormalization', [value, parameter(size), parameter(size)]), size };
  const centred = sub(value, reduceMean(value, [-1], true));
  const deviation = sqrt(add(reduceMean(pow(centred, 2), [-1], true), 1e-3));
  return { value: mul(parameter(size), apply('Div', [centred, deviation])), size };
};

const sliced: Step = ({ below }, { value, size }) => {
  const start = below(size);
  const length = 1 + below(size - start);
  return { value: slice(value, [start], [start + length], [2]), size: length };
};

const parts: Step = ({ below }, { value, size }) => {
  if (size < 2) return { value, size };
  const first = 1 + below(size - 1);
  const pieces = split(value, [first, size - first], 2);
  return below(2) === 0 ? { value: pieces[0]!, size: first } : { value: pieces[1]!, size: size - first };
};

const picked: Step = ({ b, below }, { value, size }) => {
  const indices = Array.from({ length: 1 + below(size + 1) }, () => below(size));
  return { value: gather(value, b.ints(indices), 2), size: indices.length };
};

const heads: Step = (_, { value, size }) => {
  if (size % 2 !== 0) return { value, size };
  const turned = transpose(reshape(value, [0, 0, 2, size / 2]), [0, 2, 1, 3]);
  return { value: reshape(transpose(tanh(turned), [0, 2, 1, 3]), [0, 0, size]), size };
};

const stacked: Step = ({ partner }, x) => {
  const other = partner(x).value;
  const both = concat([unsqueeze(x.value, [0]), unsqueeze(other, [0])], 0);
  return { value: reduceMean(both, [0]), size: x.size };
};

const masked: Step = ({ b }, { value, size }) => {
  const limit = apply('ReduceMax', [value], { axes: [0, 2], keepdims: 1 });
  const flag = apply('Greater', [limit, b.float(0.2)]);
  return { value: where(flag, value, 0), size };
};

/** Attention over the steps, whose scores come from products of projections. */
const attention: Step = ({ parameter }, { value, size }) => {
  const rows = transpose(value, [1, 0, 2]);
  const project = () => matmul(rows, parameter(size, 2));
  const scores = softmax(matmul(project(), transpose(project(), [0, 2, 1])));
  return { value: transpose(matmul(scores, rows), [1, 0, 2]), size };
};

/** All steps, by the name of the operator that each is there for. */
export const steps: Readonly<Record<string, Step>> = {
  LSTM: layer('LSTM'),
  GRU: layer('GRU'),
  RNN: layer('RNN'),
  Scan: cell,
  MatMul: ({ below, parameter }, x) => {
    const size = 1 + below(5);
    return { value: add(matmul(x.value, parameter(x.size, size)), parameter(size)), size };
  },
  Gemm: ({ below, parameter }, x) => {
    const size = 1 + below(5);
    const rows = apply('Gemm', [reshape(x.value, [-1, x.size]), parameter(size, x.size)], { transB: 1 });
    return {
      value: reshape(rows, concat([slice(shapeOf(x.value), [0], [2], [0]), x.value.builder.ints([size])], 0)),
      size,
    };
  },
  Add: ({ partner }, x) => ({ ...x, value: add(x.value, partner(x).value) }),
  Mul: ({ partner }, x) => ({ ...x, value: mul(x.value, sigmoid(partner(x).value)) }),
  Relu: (_, x) => ({ ...x, value: relu(x.value) }),
  Cos: (_, x) => ({ ...x, value: cos(x.value) }),
  Bias: ({ parameter }, x) => ({ ...x, value: add(x.value, parameter(1, 1, x.size)) }),
  Concat: ({ partner }, x) => ({ value: concat([x.value, partner(x).value], 2), size: 2 * x.size }),
  Stack: stacked,
  Slice: sliced,
  Split: parts,
  Gather: picked,
  Reshape: heads,
  Conv: convolution,
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  Softmax: (_, x) => ({ ...x, value: softmax(x.value, 0) }),
  ReduceMean: (_, x) => ({ ...x, value: add(x.value, reduceMean(x.value, [0], true)) }),
  Where: masked,
  CumSum: ({ b }, x) => ({ ...x, value: apply('CumSum', [x.value, b.constant(int64s([], [0]))]) }),
  Einsum: ({ below, parameter }, x) => {
    const size = 1 + below(4);
    return { value: apply('Einsum', [x.value, parameter(size, x.size)], { equation: 'tbh,kh->tbk' }), size };
  },
  Attention: attention,
};

/** A model of these steps, in order; weights and what each step takes come from the seed. */
export function randomGraph(names: readonly string[], seed: number): Model {
  const random = randomStream(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const b = new GraphBuilder('random');
  const parameter = (...dims: number[]) =>
    b.parameter(b.fresh('weight'), { elementType: 'float32', dims, data: uniform(sizeOf(dims), 0.6, random) });
  const inputs = 1 + below(4);
  const pool: Features[] = [{ value: b.input('x', 'float32', ['time', 'batch', inputs]), size: inputs }];
  const read = new Set<Features>();
  const take = (found: Features) => {
    read.add(found);
    return found;
  };
  const partner = (x: Features) => {
    const alike = pool.filter((other) => other.size === x.size);
    return take(alike[below(alike.length)]!);
  };
  for (const name of names) {
    // Later features are more likely, so that layers come to stand on each other.
    const x = take(pool[pool.length - 1 - below(Math.min(2, pool.length))]!);
    pool.push(steps[name]!({ b, below, parameter, partner }, x));
  }
  for (const { value, size } of pool.filter((f) => !read.has(f))) b.output(matmul(value, parameter(size, 2)));
  return modelOf(b.build());
}
