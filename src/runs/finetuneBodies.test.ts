import { describe, expect, it } from 'vitest';
import { sumTask } from '../../test/fixtures/finetune/task.ts';
import { either, randomTensor } from '../../test/support/graphs.ts';
import { withEqualNames } from '../../test/support/randomBodies.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import {
  apply,
  concat,
  gather,
  greater,
  identity,
  matmul,
  reduceMean,
  scan,
  shapeOf,
  slice,
  squeeze,
  transpose,
  unsqueeze,
} from '../graph/ops.ts';
import type { Graph, Model, Tensor } from '../graph/types.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { type FinetuneSettings, finetune } from './finetune.ts';

/* Models whose recurrent operators lie inside loops and branches learn as others do. */

const HIDDEN = 8;
const train = sumTask(480);
const valid = sumTask(200, 5, 2);
const base = { loss: 'cross-entropy', targetArray: 'y', epochs: 6, learningRate: 0.02, batch: 16, threads: 1 } as const;
const tune = (model: Model, settings: Partial<FinetuneSettings> = {}) =>
  finetune(model, { train, valid }, { ...base, ...settings }, { runtime: nodeRuntime });

interface Weights {
  readonly w: Value;
  readonly r: Value;
  readonly bias: Value;
}

/** Weights of a layer with one gate for each of `gates`, stored in the builder's own graph. */
const weightsIn = (b: GraphBuilder, gates: number, seed: number): Weights => {
  const stored = (dims: number[], i: number) => b.parameter(b.fresh('own'), randomTensor(dims, seed + i, 0.5));
  return {
    w: stored([1, gates * HIDDEN, 2], 1),
    r: stored([1, gates * HIDDEN, HIDDEN], 2),
    bias: stored([1, 2 * gates * HIDDEN], 3),
  };
};

const zeros = (x: Value) => {
  const batch = slice(shapeOf(x), [1], [2], [0]);
  return apply('ConstantOfShape', [concat([x.builder.ints([1]), batch, x.builder.ints([HIDDEN])], 0)]);
};

/** Steps x [T, B, 2] → units [T, B, HIDDEN], by an operator inside a body. */
type Inside = (x: Value, b: GraphBuilder) => Value;

const inBranch: Inside = (x) => {
  const branch = (op: string, gates: number, seed: number) => (body: GraphBuilder) => {
    const { w, r, bias } = weightsIn(body, gates, seed);
    return squeeze(body.node(op, [x, w, r, bias], { hidden_size: HIDDEN }, 1, '', `inside_${op}`)[0]!, [1]);
  };
  return either(greater(reduceMean(x), 0), [branch('LSTM', 4, 1), branch('GRU', 3, 5)])[0]!;
};

/** A step of a GRU whose weights the body captures. */
function gruStep(b: GraphBuilder, row: Value, h: Value, { w, r, bias }: Weights): Value {
  return b.node(
    'GRU',
    [unsqueeze(row, [0]), w, r, bias, undefined, h],
    { hidden_size: HIDDEN },
    2,
    '',
    'inside_GRU',
  )[1]!;
}

const inScan: Inside = (x, b) => {
  const weights = weightsIn(b, 3, 1);
  const body = new GraphBuilder('body', b);
  const h = body.input('state', 'float32', [1, 'batch', HIDDEN]);
  const next = gruStep(body, body.input('row', 'float32', ['batch', 2]), h, weights);
  body.output(next);
  body.output(squeeze(next, [0]));
  return scan([zeros(x)], [x], body.build())[1]!;
};

const inLoop =
  (condition: (b: GraphBuilder, go: Value) => Value): Inside =>
  (x, b) => {
    const body = new GraphBuilder('body', b);
    const step = body.input('step', 'int64', []);
    const go = body.input('go', 'bool', []);
    const h = body.input('state', 'float32', undefined);
    const state = apply('Reshape', [h, body.ints([1, -1, HIDDEN])]);
    const next = gruStep(body, gather(body.value(x.name), step), state, weightsIn(body, 3, 1));
    body.output(condition(body, go));
    body.output(next);
    body.output(squeeze(next, [0]));
    const trips = squeeze(gather(shapeOf(x), b.ints([0])), [0]);
    const always = b.constant({ elementType: 'bool', dims: [], data: Uint8Array.of(1) });
    const attributes = { body: { type: 'graph', value: body.build() } } as const;
    return b.node('Loop', [trips, always, zeros(x)], attributes, 2, '', 'steps')[1]!;
  };

function modelOver(inside: Inside): Model {
  const b = new GraphBuilder('model');
  const x = transpose(b.input('x', 'float32', ['batch', 'time', 2]), [1, 0, 2]);
  const head = b.parameter('head', randomTensor([HIDDEN, 2], 9, 0.5));
  b.output(matmul(reduceMean(inside(x, b), [0]), head), 'scores');
  return modelOf(b.build());
}

const tensorsIn = (graph: Graph): Tensor[] => [...graph.initializers.values()];

describe('finetune of recurrent operators inside bodies', () => {
  it.each<[string, Inside]>([
    ['a Scan', inScan],
    ['a Loop', inLoop((_, go) => identity(go))],
  ])('learns in %s, and removes units', async (_, inside) => {
    const { history, start, slim, model } = await tune(modelOver(inside), { iss: 0.02, epochs: 12 });
    expect(start.before.valid!.accuracy!).toBeLessThan(0.8);
    expect(history.at(-1)!.valid!.accuracy!).toBeGreaterThan(0.88);
    expect(slim!.layers.map((l) => l.name)).toEqual(['inside_GRU']);
    expect(slim!.layers[0]!.after).toBeLessThan(HIDDEN);
    expect(slim!.verify.maxRelativeDifference).toBeLessThan(1e-5);
    expect(tensorsIn(model.graph).some(({ dims }) => dims.join() === `1,${3 * slim!.layers[0]!.after},2`)).toBe(true);
  });

  it('learns in both branches that batches take in turn', async () => {
    const original = modelOver(inBranch);
    const { history, model } = await tune({ ...original, graph: withEqualNames(original.graph) }, { epochs: 10 });
    expect(history.at(-1)!.valid!.accuracy!).toBeGreaterThan(0.88);
    expect(model.graph.initializers.size).toBe(7);
    const { slim } = await tune(original, { iss: 0.02, epochs: 12 });
    expect(slim!.layers.map((l) => l.name)).toEqual(['inside_LSTM', 'inside_GRU']);
    expect(slim!.layers.some((l) => l.after < HIDDEN)).toBe(true);
  });

  it('says why a loop cannot be trained', async () => {
    const until = inLoop((b, go) => b.node('And', [go, b.value('flag')])[0]!);
    const model = modelOver((x, b) => {
      b.constant({ elementType: 'bool', dims: [], data: Uint8Array.of(1) });
      b.node('Not', [apply('Greater', [reduceMean(x), b.float(9)])], {}, ['flag']);
      return until(x, b);
    });
    await expect(tune(model)).rejects.toThrow(/Loop 'steps'.*number of steps|Loop 'steps' cannot be trained/);
  });
});
