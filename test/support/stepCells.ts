import { int64s } from '../../src/graph/attributes.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import { modelOf } from '../../src/graph/model.ts';
import { add, apply, concat, matmul, mul, sigmoid, split, sub, tanh, unsqueeze } from '../../src/graph/ops.ts';
import type { Dim, Model, Tensor } from '../../src/graph/types.ts';
import { randomTensor } from './graphs.ts';

/*
 * For tests: recurrent cells taken apart into one step, as exporters write them, with states going in and out.
 */

/** Weights of a cell by name, each made once. */
export type Weights = (name: string, dims: readonly number[]) => Value;

/** Weights that are random, and the same for the same cell. */
export function randomWeights(b: GraphBuilder, prefix: string): Weights {
  return (name, dims) => b.parameter(`${prefix}.${name}`, randomTensor(dims, prefix.length * 31 + name.length));
}

/** h' and c' of an LSTM cell; x [B, I], h and c [B, H]. */
export function lstmStep(w: Weights, x: Value, h: Value, c: Value, units: number, inputs: number): [Value, Value] {
  const sums = add(
    add(matmul(x, w('W', [inputs, 4 * units])), matmul(h, w('R', [units, 4 * units]))),
    w('b', [4 * units]),
  );
  const [i, f, z, o] = split(sums, 4, 1) as [Value, Value, Value, Value];
  const next = add(mul(sigmoid(f), c), mul(sigmoid(i), tanh(z)));
  return [mul(sigmoid(o), tanh(next)), next];
}

/** h' of a GRU cell. */
export function gruStep(w: Weights, x: Value, h: Value, units: number, inputs: number): Value {
  const [xz, xr, xn] = split(add(matmul(x, w('W', [inputs, 3 * units])), w('b', [3 * units])), 3, 1);
  const [hz, hr, hn] = split(matmul(h, w('R', [units, 3 * units])), 3, 1);
  const z = sigmoid(add(xz!, hz!));
  const candidate = tanh(add(xn!, mul(sigmoid(add(xr!, hr!)), hn!)));
  return add(mul(sub(1, z), candidate), mul(z, h));
}

/** h' of a plain cell. */
export function rnnStep(w: Weights, x: Value, h: Value, units: number, inputs: number): Value {
  return tanh(add(matmul(x, w('W', [inputs, units])), matmul(h, w('R', [units, units]))));
}

/** s' of a highway cell with a recurrence of two micro-layers. */
export function rhnStep(w: Weights, x: Value, s: Value, units: number, inputs: number): Value {
  let state = s;
  for (const layer of [0, 1]) {
    const read = (name: string) => {
      const own = matmul(state, w(`R${name}${layer}`, [units, units]));
      return layer === 0 ? add(own, matmul(x, w(`W${name}`, [inputs, units]))) : own;
    };
    const gate = sigmoid(read('t'));
    state = add(mul(tanh(read('h')), gate), mul(state, sub(1, gate)));
  }
  return state;
}

/** Element `index` of an axis, which goes. */
export function pick(x: Value, index: number, axis: number): Value {
  return apply('Gather', [x, x.builder.constant(int64s([], [index]))], { axis });
}

/** Values side by side along a new axis. */
export function stack(values: readonly Value[], axis: number): Value {
  return concat(
    values.map((x) => unsqueeze(x, [axis])),
    axis,
  );
}

/** A model of one step: x [batch, I] and states in, y [batch, 3] and the new states out, by name. */
export function stepModel(
  states: Readonly<Record<string, readonly Dim[]>>,
  step: (b: GraphBuilder, x: Value, states: readonly Value[]) => { y: Value; next: Readonly<Record<string, Value>> },
  { inputs = 5, batch = 'batch' }: { readonly inputs?: number; readonly batch?: Dim } = {},
): Model {
  const b = new GraphBuilder('step');
  const x = b.input('x', 'float32', [batch, inputs]);
  const given = Object.entries(states).map(([name, shape]) => b.input(name, 'float32', shape));
  const { y, next } = step(b, x, given);
  b.output(y, 'y');
  for (const [name, value] of Object.entries(next)) b.output(value, name);
  return modelOf(b.build());
}

/** A matrix that makes 3 numbers of so many. */
export function head(b: GraphBuilder, x: Value, units: number): Value {
  return matmul(x, b.parameter(b.fresh('head'), randomTensor([units, 3], 77)));
}

/** Sets the rows and columns of named weights to zero, those that read the units. */
export function withZeroRows(model: Model, rows: Readonly<Record<string, readonly number[]>>): Model {
  const initializers = new Map(model.graph.initializers);
  for (const [name, dead] of Object.entries(rows)) {
    const tensor = initializers.get(name)!;
    const data = Float32Array.from(tensor.data as Float32Array);
    const width = tensor.dims[1] ?? 1;
    for (const row of dead) data.fill(0, row * width, (row + 1) * width);
    initializers.set(name, { ...tensor, data } as Tensor);
  }
  return { ...model, graph: { ...model.graph, initializers } };
}
