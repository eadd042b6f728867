import { int64s } from '../../src/graph/attributes.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import { modelOf } from '../../src/graph/model.ts';
import type { Attribute, Model, Tensor } from '../../src/graph/types.ts';
import { randomTensor } from './graphs.ts';

/*
 * For tests: a voice detector as exporters leave it. The LSTM stands in both branches of an If on the rank of what comes
 * in, behind an If on its size; gates are put in order by Slice and Concat of constants; the rate is used up by a
 * product with zero; the state holds h and c.
 */

const [CHANNELS, HIDDEN, SAMPLES] = [3, 6, 8];

/** What `detectorModel` is made with: units that nothing reads, by their numbers. */
export interface DetectorOptions {
  readonly dead?: readonly number[];
}

/** Operators of a graph or a body. */
const op = (b: GraphBuilder, name: string, inputs: readonly Value[], attributes = {}): Value =>
  b.node(name, inputs, attributes)[0]!;

/** Weights [4H, …] in PyTorch's order of gates, zero where dead units are read. */
function gates(size: number, seed: number, dead: readonly number[]): Tensor {
  const tensor = randomTensor([4 * HIDDEN, size], seed);
  const data = Float32Array.from(tensor.data as Float32Array, (v, i) => (dead.includes(i % size) ? 0 : v));
  return { ...tensor, data };
}

/** [4H, …] in ONNX's order i, o, f, c, as [1, 4H, …]. */
function reordered(b: GraphBuilder, weight: Value): Value {
  const part = (k: number) => op(b, 'Slice', [weight, b.ints([k * HIDDEN]), b.ints([(k + 1) * HIDDEN]), b.ints([0])]);
  return op(b, 'Unsqueeze', [op(b, 'Concat', [part(0), part(3), part(1), part(2)], { axis: 0 }), b.ints([0])]);
}

/** Inputs: input [batch, samples], state [2, batch, 6], rate; outputs: score [batch, 1], state_next. */
export function detectorModel({ dead = [] }: DetectorOptions = {}): Model {
  const b = new GraphBuilder('detector');
  const x = b.input('input', 'float32', ['batch', 'samples']);
  const state = b.input('state', 'float32', [2, 'batch', HIDDEN]);
  const rate = b.input('rate', 'int64', []);
  const filter = b.parameter('filter', randomTensor([CHANNELS, 1, SAMPLES], 1));
  const weights = [b.parameter('weight_ih', gates(CHANNELS, 2, [])), b.parameter('weight_hh', gates(HIDDEN, 3, dead))];
  const frames = op(b, 'Conv', [op(b, 'Unsqueeze', [x, b.ints([1])]), filter], { strides: [SAMPLES] });
  const isSingle = op(b, 'Equal', [op(b, 'Gather', [op(b, 'Shape', [frames]), b.ints([-1])]), b.ints([1])]);
  const branch = (build: (body: GraphBuilder) => readonly Value[]): Attribute => {
    const body = new GraphBuilder(b.fresh('branch'), b);
    for (const output of build(body)) body.output(output);
    return { type: 'graph', value: body.build() };
  };
  const [feature] = b.node('If', [isSingle], {
    then_branch: branch((body) => [op(body, 'Squeeze', [frames, body.ints([-1])])]),
    else_branch: branch((body) => [op(body, 'Identity', [frames])]),
  });
  const isFlat = op(b, 'Equal', [op(b, 'Size', [op(b, 'Shape', [feature!])]), b.constant(int64s([], [2]))]);
  const layer = (body: GraphBuilder, sequence: Value): readonly Value[] => {
    const [w, r] = weights.map((weight) => reordered(body, weight));
    const bias = op(body, 'Unsqueeze', [body.constant(randomTensor([8 * HIDDEN], 4)), body.ints([0])]);
    const part = (k: number) =>
      op(body, 'Unsqueeze', [op(body, 'Gather', [state, body.constant(int64s([], [k]))]), body.ints([0])]);
    const inputs = [sequence, w, r, bias, undefined, part(0), part(1)];
    const [, h, c] = body.node('LSTM', inputs, { hidden_size: HIDDEN }, 3, '', body.fresh('lstm'));
    return [op(body, 'Squeeze', [h!, body.ints([0])]), op(body, 'Squeeze', [c!, body.ints([0])])];
  };
  const [h, c] = b.node(
    'If',
    [isFlat],
    {
      then_branch: branch((body) => layer(body, op(body, 'Unsqueeze', [feature!, body.ints([0])]))),
      else_branch: branch((body) => layer(body, op(body, 'Transpose', [feature!], { perm: [2, 0, 1] }))),
    },
    2,
  );
  const head = randomTensor([HIDDEN, 1], 5);
  const read = Float32Array.from(head.data as Float32Array, (v, i) => (dead.includes(i) ? 0 : v));
  const score = op(b, 'Sigmoid', [op(b, 'MatMul', [h!, b.parameter('head', { ...head, data: read })])]);
  const zero = op(b, 'Cast', [op(b, 'Mul', [rate, b.constant(int64s([], [0]))])], { to: 1 });
  const both = op(
    b,
    'Concat',
    [h!, c!].map((v) => op(b, 'Unsqueeze', [v, b.ints([0])])),
    { axis: 0 },
  );
  b.output(score, 'score');
  b.output(op(b, 'Add', [both, zero]), 'state_next');
  return modelOf(b.build());
}
