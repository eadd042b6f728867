import { randomStream, uniform } from '../../src/base/random.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import { sizeOf } from '../../src/graph/dims.ts';
import { modelOf } from '../../src/graph/model.ts';
import { add, gather, matmul, reshape, squeeze, transpose } from '../../src/graph/ops.ts';
import { type StatePair, stateMetadata } from '../../src/graph/states.ts';
import type { Graph, Model, Tensor } from '../../src/graph/types.ts';
import type { Groups } from '../../src/groups/groups.ts';

/** One recurrent layer of a test model. */
export interface TestLayer {
  readonly hidden: number;
  readonly direction: 'forward' | 'reverse' | 'bidirectional';
}

/** Sizes of a stacked model of random weights. */
export interface TestModelOptions {
  readonly vocabulary: number;
  readonly embedding: number;
  readonly layers: readonly TestLayer[];
  readonly seed?: number;
}

/** Embedding → LSTM layers of any direction, their states streamed → linear; tokens [time, batch] → logits. */
export function testModel({ vocabulary, embedding, layers, seed = 1 }: TestModelOptions): Model {
  const random = randomStream(seed);
  const b = new GraphBuilder('test_model');
  const parameter = (name: string, dims: readonly number[]) =>
    b.parameter(name, { elementType: 'float32', dims, data: uniform(sizeOf(dims), 0.5, random) });
  const states: StatePair[] = [];
  let x: Value = gather(parameter('embedding', [vocabulary, embedding]), b.input('tokens', 'int32', ['time', 'batch']));
  let inputs = embedding;
  for (const [i, { hidden, direction }] of layers.entries()) {
    const directions = direction === 'bidirectional' ? 2 : 1;
    const name = `lstm_${i}`;
    const state = (s: string) => b.input(`${name}.${s}`, 'float32', [directions, 'batch', hidden]);
    const [y, h, c] = b.node(
      'LSTM',
      [
        x,
        parameter(`${name}.weight`, [directions, 4 * hidden, inputs]),
        parameter(`${name}.recurrent`, [directions, 4 * hidden, hidden]),
        parameter(`${name}.bias`, [directions, 8 * hidden]),
        undefined,
        state('h'),
        state('c'),
      ],
      { hidden_size: hidden, direction },
      [`${name}.sequence`, `${name}.h_next`, `${name}.c_next`],
      '',
      name,
    );
    for (const [s, next] of [
      ['h', h!],
      ['c', c!],
    ] as const) {
      b.output(next);
      states.push({ input: `${name}.${s}`, output: next.name });
    }
    inputs = directions * hidden;
    x = directions === 2 ? reshape(transpose(y!, [0, 2, 1, 3]), [0, 0, -1]) : squeeze(y!, [1]);
  }
  b.output(
    add(matmul(x, parameter('head.weight', [inputs, vocabulary])), parameter('head.bias', [vocabulary])),
    'logits',
  );
  return modelOf(b.build(), stateMetadata(states));
}

/** A graph with the weights changed that the groups mention with one of these roles for one of these components. */
export function zeroSlices(
  graph: Graph,
  groups: Groups,
  components: ReadonlySet<number>,
  roles: readonly string[],
): Graph {
  const initializers = new Map(graph.initializers);
  for (const { tensor, axis, role, components: owners } of groups.axes) {
    const old = initializers.get(tensor);
    if (old === undefined || !roles.includes(role)) continue;
    const inner = sizeOf(old.dims.slice(axis + 1));
    const data = Float32Array.from(old.data as Float32Array, (value, i) =>
      components.has(owners[Math.floor(i / inner) % owners.length]!) ? 0 : value,
    );
    initializers.set(tensor, { ...old, data } satisfies Tensor);
  }
  return { ...graph, initializers };
}
