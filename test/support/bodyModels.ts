import { int64s } from '../../src/graph/attributes.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import { modelOf } from '../../src/graph/model.ts';
import {
  apply,
  concat,
  equal,
  gather,
  identity,
  matmul,
  reshape,
  shapeOf,
  slice,
  squeeze,
  transpose,
  unsqueeze,
} from '../../src/graph/ops.ts';
import type { Model, Tensor } from '../../src/graph/types.ts';
import { either, randomTensor } from './graphs.ts';

/*
 * For tests: models whose recurrent operators lie inside branches and loops; in each, units 1 and 3 of a layer are dead.
 */

/** Units of each layer. */
export const UNITS = 6;
const INPUTS = 3;
const DEAD = [1, 3];

/** A tensor in which the dead places of the last axis (`columns`) or of the first one are zero. */
function silent(dims: readonly number[], seed: number, columns: boolean): Tensor {
  const tensor = randomTensor(dims, seed, 0.5);
  const last = dims.at(-1)!;
  const data = (tensor.data as Float32Array).map((value, at) => {
    const place = columns ? at % last : Math.floor(at / last) % UNITS;
    return DEAD.includes(place) ? 0 : value;
  });
  return { ...tensor, data };
}

/** Where weights are stored. */
type Store = (b: GraphBuilder, name: string, tensor: Tensor) => Value;
const stored: Store = (b, name, tensor) => b.parameter(b.unique(name), tensor);

interface LayerOptions {
  readonly name: string;
  readonly direction?: 'forward' | 'bidirectional';
  readonly seed?: number;
  readonly store?: Store;
}

/** An LSTM over x [T, B, inputs] with a reader behind it, [T, B, 2]. */
function layer(
  b: GraphBuilder,
  x: Value,
  { name, direction = 'forward', seed = 1, store = stored }: LayerOptions,
): Value {
  const d = direction === 'forward' ? 1 : 2;
  const weights = [
    store(b, 'W', randomTensor([d, 4 * UNITS, INPUTS], seed, 0.5)),
    store(b, 'R', silent([d, 4 * UNITS, UNITS], seed + 1, true)),
    store(b, 'B', randomTensor([d, 8 * UNITS], seed + 2, 0.5)),
  ];
  const [y] = b.node('LSTM', [x, ...weights], { hidden_size: UNITS, direction }, 1, '', name);
  const flat = d === 1 ? squeeze(y!, [1]) : reshape(transpose(y!, [0, 2, 1, 3]), [0, 0, d * UNITS]);
  return matmul(flat, store(b, 'V', silent([d * UNITS, 2], seed + 3, false)));
}

/** What a layer is made from x in each branch; a rate decides. */
function twoBranches(
  branches: readonly [(b: GraphBuilder) => Value, (b: GraphBuilder) => Value],
  b: GraphBuilder,
): Model {
  b.input('x', 'float32', ['time', 'batch', INPUTS]);
  const high = equal(b.input('rate', 'int64', []), b.constant(int64s([], [16000])));
  b.output(identity(either(high, branches, 'choice')[0]!), 'y');
  return modelOf(b.build());
}

/** A layer of each of these names in a branch of its own, its weights stored there. */
export function layersInBranches(names: readonly [string, string]): Model {
  const make = (name: string, seed: number) => (body: GraphBuilder) => layer(body, body.value('x'), { name, seed });
  return twoBranches([make(names[0], 1), make(names[1], 11)], new GraphBuilder('branches'));
}

/** Branches whose layers use the same tensors, which the outermost graph stores. */
export function sharedInBranches(direction: 'forward' | 'bidirectional'): Model {
  const b = new GraphBuilder('shared');
  const known = new Set<string>();
  const store: Store = (body, name, tensor) => {
    if (!known.has(name)) b.parameter(name, tensor);
    known.add(name);
    return body.value(name);
  };
  const make = (body: GraphBuilder) => layer(body, body.value('x'), { name: 'lstm', direction, store });
  return twoBranches([make, (body) => apply('Neg', [make(body)])], b);
}

/** A Loop over x [time, batch, 3] with a layer whose states it carries; shapes of its inputs are left out. */
export function layerInLoop(): Model {
  const b = new GraphBuilder('loop');
  const x = b.input('x', 'float32', ['time', 'batch', INPUTS]);
  const batch = slice(shapeOf(x), [1], [2], [0]);
  const zeros = apply('ConstantOfShape', [concat([b.ints([1]), batch, b.ints([UNITS])], 0)]);
  const weights = [
    b.parameter('W', randomTensor([1, 4 * UNITS, INPUTS], 1, 0.5)),
    b.parameter('R', silent([1, 4 * UNITS, UNITS], 2, true)),
  ];
  const reader = b.parameter('V', silent([UNITS, 2], 3, false));
  const body = new GraphBuilder('body', b);
  const at = body.input('at', 'int64', []);
  const go = body.input('go', 'bool', []);
  const states = ['h', 'c'].map((name) => body.input(name, 'float32', zeros.type.shape));
  const row = unsqueeze(gather(body.value('x'), at), [0]);
  const inputs = [row, ...weights, undefined, undefined, ...states];
  const [, h, c] = body.node('LSTM', inputs, { hidden_size: UNITS }, 3, '', 'step');
  body.output(identity(go));
  body.output(h!);
  body.output(c!);
  body.output(matmul(squeeze(h!, [0]), reader));
  const built = body.build();
  const untyped = built.inputs.map((v, i) => (i < 2 ? v : { ...v, type: { ...v.type, shape: undefined } }));
  const always = b.constant({ elementType: 'bool', dims: [], data: Uint8Array.of(1) });
  const trips = squeeze(slice(shapeOf(x), [0], [1], [0]), [0]);
  const attributes = { body: { type: 'graph', value: { ...built, inputs: untyped } } } as const;
  b.output(identity(b.node('Loop', [trips, always, zeros, zeros], attributes, 3, '', 'steps')[2]!), 'y');
  return modelOf(b.build());
}
