import { randomStream, uniform } from '../../src/base/random.ts';
import { int64s } from '../../src/graph/attributes.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import { sizeOf } from '../../src/graph/dims.ts';
import { modelOf } from '../../src/graph/model.ts';
import {
  apply,
  choose,
  concat,
  gather,
  identity,
  matmul,
  mul,
  relu,
  reshape,
  scan,
  shapeOf,
  slice,
  squeeze,
  transpose,
  unsqueeze,
} from '../../src/graph/ops.ts';
import { bodiesOf, mapBodies, renameInputs } from '../../src/graph/rewrite.ts';
import type { Graph, Model, Tensor } from '../../src/graph/types.ts';
import { cellStep, condition, handedOver, otherRanks, untilStep, within } from './randomBodyCells.ts';
import {
  batchOf,
  initialStates,
  inside,
  type MadeLayer,
  type Place,
  reader,
  weightsFor,
  zerosOf,
} from './randomBodyParts.ts';
import { type Features, gates, steps } from './randomGraphs.ts';

/*
 * For tests: recurrent models at random with If, Loop and Scan, recurrent operators inside of them, and units that are
 * dead because whatever reads them was made zero: the reader behind each layer, and its own recurrence.
 */

/** A random model, with what is known of it. */
export interface RandomBodies {
  readonly model: Model;
  readonly layers: readonly MadeLayer[];
}

const plain = Object.keys(steps).filter((name) => !['LSTM', 'GRU', 'RNN', 'Attention'].includes(name));
const operators = Object.keys(gates);

/** A recurrent operator with a reader behind it. */
function judged(p: Place, x: Features): Features {
  const operator = operators[p.below(3)]!;
  const direction = ['forward', 'reverse', 'bidirectional'][p.below(3)]!;
  const weights = weightsFor(p, operator, x.size, direction === 'bidirectional' ? 2 : 1);
  const name = p.root.fresh('layer');
  const states = initialStates(p, weights, x.value, operator === 'LSTM' ? 2 : 1);
  const { w, r, bias, hidden, dead } = weights;
  const reset = operator === 'GRU' ? { linear_before_reset: p.below(2) } : {};
  const attributes = { hidden_size: hidden, direction, ...reset };
  const [y, last] = p.b.node(operator, [x.value, w, r, bias, undefined, ...states], attributes, 2, '', name);
  p.known.layers.push({ name, hidden, dead });
  const units =
    dead.length === 1 ? squeeze(y!, [1]) : reshape(transpose(y!, [0, 2, 1, 3]), [0, 0, dead.length * hidden]);
  const size = 1 + p.below(4);
  if (p.depth === 0 && p.chance(0.3)) {
    const rows = reshape(transpose(last!, [1, 0, 2]), [0, dead.length * hidden]);
    p.known.outputs.push(matmul(rows, reader(p, weights, 2)));
  }
  return { value: matmul(p.chance(0.5) ? units : relu(units), reader(p, weights, size)), size };
}

function step(p: Place, x: Features): Features {
  const kind = p.below(10);
  if (kind < 4) return judged(p, x);
  if (p.depth < 2 && kind < 8) return [branches, looped, scanned, chosenWeights][kind - 4]!(p, x);
  if (p.depth === 0 && kind === 8) return [handedOver, otherRanks, untilStep][p.below(3)]!(p, x);
  return steps[plain[p.below(plain.length)]!]!(p, x);
}

function some(p: Place, x: Features, most: number): Features {
  let at = x;
  for (let i = 1 + p.below(most); i > 0; i--) at = step(p, at);
  return at;
}

/** Different steps in each branch, or the features as they are. */
function branches(p: Place, x: Features): Features {
  const size = p.chance(0.3) ? x.size : 1 + p.below(4);
  const make = (): Graph => {
    const b = new GraphBuilder(p.root.fresh('branch'), p.b);
    const q = inside(p, b);
    const own = within(b, x);
    if (size === x.size && p.chance(0.4)) b.output(p.chance(0.5) ? identity(own.value) : mul(own.value, 0));
    else {
      const made = some(q, own, 3);
      b.output(made.size === size ? made.value : matmul(made.value, q.parameter(made.size, size)));
    }
    return b.build();
  };
  return { value: choose(condition(p, x), make(), make())[0]!, size };
}

/** A product with one of two matrices. */
function chosenWeights(p: Place, x: Features): Features {
  const size = 1 + p.below(4);
  const make = (w: Value): Graph => {
    const b = new GraphBuilder(p.root.fresh('branch'), p.b);
    b.output(identity(b.value(w.name)));
    return b.build();
  };
  const matrices = [0, 1].map(() => p.root.parameter(p.root.fresh('choice'), p.numbers(x.size, size)));
  return { value: matmul(x.value, choose(condition(p, x), make(matrices[0]!), make(matrices[1]!))[0]!), size };
}

/** States of a cell side by side as one that is carried, and apart again. */
const joinedStates = (states: readonly Value[]) => concat([...states], 0);
const partedStates = (stack: Value, count: number) =>
  Array.from({ length: count }, (_, i) => (count === 1 ? stack : slice(stack, [i], [i + 1], [0])));

/** A loop over the steps with a layer whose state is carried, its states apart or stacked. */
function looped(p: Place, x: Features): Features {
  const { b } = p;
  const operator = operators[p.below(3)]!;
  const count = operator === 'LSTM' ? 2 : 1;
  const weights = weightsFor(p, operator, x.size, 1);
  const stacked = p.chance(0.5);
  const carriesWeights = p.chance(0.25);
  const zeros = (layers: number) =>
    layers === 1 && p.chance(0.5)
      ? zerosOf(p, weights.hidden)
      : apply('ConstantOfShape', [concat([b.ints([layers]), batchOf(x.value), b.ints([weights.hidden])], 0)]);
  const initial = stacked ? [zeros(count)] : Array.from({ length: count }, () => zeros(1));
  const body = new GraphBuilder(p.root.fresh('loop'), b);
  const q = inside(p, body);
  const at = body.input(b.fresh('at'), 'int64', []);
  const go = body.input(b.fresh('go'), 'bool', []);
  const carried = [...initial, ...(carriesWeights ? [weights.r] : [])];
  const states = carried.map((s) => body.input(b.fresh('state'), 'float32', s.type.shape));
  const row = unsqueeze(gather(body.value(x.value.name), at), [0]);
  const before = p.chance(0.3) ? step({ ...q, depth: 2 }, { value: row, size: x.size }) : { value: row, size: x.size };
  const given = before.size === x.size ? before.value : matmul(before.value, q.parameter(before.size, x.size));
  const r = carriesWeights ? states.at(-1)! : body.value(weights.r.name);
  const own = states.slice(0, initial.length);
  const cell = cellStep(q, weights, r, given, stacked ? partedStates(own[0]!, count) : own);
  const size = 1 + p.below(4);
  body.output(identity(go));
  for (const s of stacked ? [joinedStates(cell.states)] : cell.states) body.output(s);
  if (carriesWeights) body.output(identity(r));
  body.output(squeeze(matmul(cell.units, reader(q, weights, size)), [0]));
  const built = body.build();
  const inputs = p.chance(0.5)
    ? built.inputs.map((v, i) => (i < 2 ? v : { ...v, type: { ...v.type, shape: undefined } }))
    : built.inputs;
  const none = p.depth === 0 && !stacked && p.chance(0.2);
  const trips = none ? b.constant(int64s([], [0])) : squeeze(slice(shapeOf(x.value), [0], [1], [0]), [0]);
  const always = b.constant({ elementType: 'bool', dims: [], data: Uint8Array.of(1) });
  const attributes = { body: { type: 'graph', value: { ...built, inputs } } } as const;
  const results = b.node('Loop', [trips, always, ...carried], attributes, carried.length + 1);
  if (p.depth === 0 && !stacked && (none || p.chance(0.4))) {
    p.known.outputs.push(matmul(squeeze(results[0]!, [0]), reader(p, weights, 2)));
  }
  return none ? x : { value: results.at(-1)!, size };
}

/** A Scan over the steps with a layer whose state is carried, and perhaps a branch behind it. */
function scanned(p: Place, x: Features): Features {
  const { b } = p;
  const operator = operators[p.below(3)]!;
  const weights = weightsFor(p, operator, x.size, 1);
  const count = operator === 'LSTM' ? 2 : 1;
  const zeros = apply('ConstantOfShape', [concat([b.ints([1]), batchOf(x.value), b.ints([weights.hidden])], 0)]);
  const body = new GraphBuilder(p.root.fresh('scan'), b);
  const q = inside(p, body);
  const states = Array.from({ length: count }, () => body.input(b.fresh('state'), 'float32', zeros.type.shape));
  const row = unsqueeze(body.input(b.fresh('row'), 'float32', x.value.type.shape?.slice(1)), [0]);
  const cell = cellStep(q, weights, body.value(weights.r.name), row, states);
  const size = 1 + p.below(4);
  const read = { value: matmul(cell.units, reader(q, weights, size)), size };
  const behind = p.depth < 1 && p.chance(0.5) ? branches(q, read) : read;
  for (const s of cell.states) body.output(s);
  body.output(squeeze(behind.value, [0]));
  const results = scan(
    Array.from({ length: count }, () => zeros),
    [x.value],
    body.build(),
  );
  return { value: results.at(-1)!, size: behind.size };
}

/** The graph with the same names for the values of both branches of each If, as ONNX allows. */
export function withEqualNames(graph: Graph): Graph {
  const nodes = graph.nodes.map((node) => {
    const inner = mapBodies(node, withEqualNames);
    if (node.op !== 'If') return inner;
    const [first, second] = bodiesOf(inner) as [Graph, Graph];
    const own = (g: Graph) =>
      [...g.initializers.keys(), ...g.nodes.flatMap((n) => n.outputs)].filter((name) => name !== '');
    const taken = own(first);
    const names = new Map(own(second).map((name, i) => [name, taken[i] ?? name]));
    const to = (name: string) => names.get(name) ?? name;
    const renamed: Graph = {
      ...second,
      outputs: second.outputs.map((o) => ({ ...o, name: to(o.name) })),
      initializers: new Map([...second.initializers].map(([name, t]) => [to(name), t])),
      nodes: second.nodes.map((n) => ({ ...renameInputs(n, names), outputs: n.outputs.map(to) })),
    };
    return mapBodies(inner, (body) => (body === second ? renamed : body));
  });
  return { ...graph, nodes };
}

/** A random model of some steps; all comes from the seed. */
export function randomBodies(seed: number): RandomBodies {
  const random = randomStream(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const b = new GraphBuilder('random');
  const numbers = (...dims: number[]): Tensor => {
    return { elementType: 'float32', dims, data: uniform(sizeOf(dims), 0.6, random) };
  };
  const stored = (tensor: Tensor) => b.parameter(b.fresh('weight'), tensor);
  const inputs = 1 + below(4);
  const pool: Features[] = [{ value: b.input('x', 'float32', ['time', 'batch', inputs]), size: inputs }];
  const flags = [b.input('first', 'bool', []), b.input('second', 'bool', []), b.input('rate', 'int64', [])];
  const read = new Set<Features>();
  const take = (found: Features) => {
    read.add(found);
    return found;
  };
  const place: Place = {
    b,
    root: b,
    depth: 0,
    known: { layers: [], shared: [], flags, constants: new Map(), zeros: new Map(), outputs: [] },
    below,
    chance: (part) => random() < part,
    numbers,
    stored,
    parameter: (...dims) => stored(numbers(...dims)),
    partner: (x) => {
      const alike = pool.filter((other) => other.size === x.size);
      return take(alike[below(alike.length)]!);
    },
  };
  for (let i = 2 + below(4); i > 0; i--)
    pool.push(step(place, take(pool[pool.length - 1 - below(Math.min(2, pool.length))]!)));
  for (const { value, size } of pool.filter((f) => !read.has(f))) b.output(matmul(value, stored(numbers(size, 2))));
  for (const value of place.known.outputs) b.output(value);
  const model = modelOf(b.build());
  const graph = place.chance(0.3) ? withEqualNames(model.graph) : model.graph;
  return { model: { ...model, graph }, layers: place.known.layers };
}
