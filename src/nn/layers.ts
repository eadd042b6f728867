import type { GraphBuilder, Value } from '../graph/builder.ts';
import { sizeOf } from '../graph/dims.ts';
import { add, concat, gather, matmul, squeeze } from '../graph/ops.ts';
import type { StatePair } from '../graph/states.ts';
import type { Tensor } from '../graph/types.ts';

/*
 * Layers as functions on the builder. Legend of shapes: B batch, T time, I input size, H hidden size, V vocabulary.
 */

/** Makes the initial values of a parameter. */
export type Initializer = (dims: readonly number[]) => Tensor;

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
  return gather(b.parameter(name, init([rows, size])), indices);
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

/**
 * An LSTM layer as ONNX's own operator, x [T, B, I] → [T, B, H]. Its states h and c become inputs of the graph; the
 * caller makes the next states (`states[i].output`) outputs. ONNX adds two bias vectors; the second one is a constant
 * zero here, so that the layer has one bias, as in Zaremba et al. (2014).
 */
export function lstmLayer(
  b: GraphBuilder,
  name: string,
  x: Value,
  inputs: number,
  hidden: number,
  init: Initializer,
): { output: Value; states: StatePair[] } {
  const weight = b.parameter(`${name}.weight`, init([1, 4 * hidden, inputs]));
  const recurrent = b.parameter(`${name}.recurrent`, init([1, 4 * hidden, hidden]));
  const bias = b.parameter(`${name}.bias`, zeros([1, 4 * hidden]));
  const batch = x.type.shape?.[1] ?? 'batch';
  const state = (s: string) => b.input(`${name}.${s}`, 'float32', [1, batch, hidden]);
  const [h, c] = [state('h'), state('c')];
  const biases = concat([bias, b.constant(zeros([1, 4 * hidden]))], 1);
  const [sequence, hNext, cNext] = b.node(
    'LSTM',
    [x, weight, recurrent, biases, undefined, h, c],
    { hidden_size: hidden },
    [`${name}.sequence`, `${name}.h_next`, `${name}.c_next`],
    '',
    name,
  );
  const states = [
    { input: h.name, output: hNext!.name },
    { input: c.name, output: cNext!.name },
  ];
  return { output: squeeze(sequence!, [1]), states };
}
