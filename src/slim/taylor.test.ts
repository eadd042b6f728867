import { describe, expect, it } from 'vitest';
import { layerInLoop, sharedInBranches } from '../../test/support/bodyModels.ts';
import { inHalf } from '../../test/support/engineFaults.ts';
import { randomTensor } from '../../test/support/graphs.ts';
import { scaledReaders } from '../../test/support/scaledReaders.ts';
import { randomWeights, rnnStep, stepModel } from '../../test/support/stepCells.ts';
import { floats, int64s } from '../graph/attributes.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { withType } from '../graph/convert.ts';
import { modelOf } from '../graph/model.ts';
import { apply, matmul, mul, reshape, slice, squeeze } from '../graph/ops.ts';
import { stateMetadata, statesOf } from '../graph/states.ts';
import { mapStored } from '../graph/stored.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { type TracedModel, traceModel } from '../groups/traceModel.ts';
import { parametersAsInputs } from '../passes/parametersAsInputs.ts';
import { nodeRuntime } from '../runtime/node.ts';
import type { Tensors } from '../runtime/runtime.ts';
import { givenRun } from '../verify/runs.ts';
import { measureTaylor } from './taylor.ts';

const cells = { LSTM: 4, GRU: 3, RNN: 1 } as const;
const [I, H] = [3, 4];

interface Made {
  readonly cell?: keyof typeof cells;
  readonly direction?: 'forward' | 'bidirectional';
  readonly activations?: readonly string[];
  readonly outputs?: number;
  /** What becomes of what the layer gives [time, batch, ·]. */
  readonly finish?: (y: Value) => Value;
}

/** x [time, batch, 3] → two layers of 4 units → linear. */
function twoLayers({ cell = 'LSTM', direction = 'forward', outputs = 2, finish = (y) => y }: Made): Model {
  const b = new GraphBuilder('two');
  const d = direction === 'forward' ? 1 : 2;
  let x = b.input('x', 'float32', ['time', 'batch', I]);
  for (const [i, name] of ['a', 'b'].entries()) {
    const rows = cells[cell] * H;
    const inputs = i === 0 ? I : d * H;
    const shapes = { w: [d, rows, inputs], r: [d, rows, H], b: [d, 2 * rows] };
    const weights = Object.entries(shapes).map(([part, dims], n) =>
      b.parameter(`${name}.${part}`, randomTensor(dims, 7 * i + n + 1, 0.6)),
    );
    const [y] = b.node(cell, [x, ...weights], { hidden_size: H, direction }, 1, '', name);
    x = d === 1 ? squeeze(y!, [1]) : reshape(apply('Transpose', [y!], { perm: [0, 2, 1, 3] }), [0, 0, d * H]);
  }
  b.output(finish(matmul(x, b.parameter('head', randomTensor([d * H, outputs], 33, 0.6)))), 'y');
  return modelOf(b.build());
}

/** The last step of y [time, batch, 1]. */
const lastStep = (y: Value) => slice(y, [-1], [2 ** 31], [0]);

/** Runs a traced model on consecutive windows with other weights: all numbers of y, and the states at the end. */
type RunWith = (
  weights: ReadonlyMap<string, Tensor>,
) => Promise<{ readonly y: readonly number[]; readonly states: Tensors }>;

async function running<T>(
  { prepared }: TracedModel,
  windows: readonly Tensors[],
  use: (run: RunWith) => Promise<T>,
): Promise<T> {
  const states = statesOf(prepared);
  const { graph } = parametersAsInputs(prepared.graph);
  const session = await nodeRuntime.createSession(modelOf(graph), { threads: 1 });
  const run: RunWith = async (weights) => {
    const given = givenRun(prepared, new Set(states.map((s) => s.input)), windows);
    let now = given.states;
    const y: number[] = [];
    for (const window of given.windows) {
      const outputs = await session.run({ ...window, ...now, ...Object.fromEntries(weights) });
      y.push(...(outputs.y!.data as Float32Array));
      now = Object.fromEntries(states.map((s) => [s.input, outputs[s.output]!]));
    }
    return { y, states: now };
  };
  try {
    return await use(run);
  } finally {
    await session.release();
  }
}

/**
 * For each component Σ_j (change of y_j)², by finite differences (`step`: how much smaller and larger readers get) or by
 * what is lost without it; with Σ_j y_j² and the states at the end.
 */
async function changesOf(traced: TracedModel, windows: readonly Tensors[], step: number | 'without' = 0.02) {
  return running(traced, windows, async (run) => {
    const whole = await run(scaledReaders(traced, -2, 1));
    const changes: number[] = [];
    for (let k = 0; k < traced.groups.count; k++) {
      const [low, high, by] = step === 'without' ? [0, 1, 1] : [1 - step, 1 + step, 2 * step];
      const below = await run(scaledReaders(traced, k, low));
      const above = await run(scaledReaders(traced, k, high));
      changes.push(below.y.reduce((sum, y, j) => sum + ((above.y[j]! - y) / by) ** 2, 0));
    }
    return { changes, power: whole.y.reduce((sum, y) => sum + y * y, 0), states: whole.states };
  });
}

/** The same as relative changes, of windows that follow each other or, in several lists, of each list by itself. */
async function bruteForce(traced: TracedModel, lists: readonly (readonly Tensors[])[], step?: number | 'without') {
  const parts = await Promise.all(lists.map((windows) => changesOf(traced, windows, step)));
  const power = parts.reduce((sum, part) => sum + part.power, 0);
  return parts[0]!.changes.map((_, k) => Math.sqrt(parts.reduce((sum, part) => sum + part.changes[k]!, 0) / power));
}

const sequences = (time: number, batch: number, seed = 5): Tensors => ({ x: randomTensor([time, batch, I], seed) });

function expectNear(scores: ArrayLike<number>, expected: readonly number[], tolerance: number): void {
  expect(scores.length).toBe(expected.length);
  expect(Math.max(...expected)).toBeGreaterThan(0);
  for (const [k, value] of expected.entries()) {
    expect(Math.abs(scores[k]! - value), `unit ${k}: ${scores[k]} for ${value}`).toBeLessThan(tolerance * value + 1e-6);
  }
}

describe('measureTaylor', () => {
  const exact: Record<string, Made> = {
    LSTM: { cell: 'LSTM' },
    GRU: { cell: 'GRU' },
    RNN: { cell: 'RNN' },
    'LSTM in two directions': { cell: 'LSTM', direction: 'bidirectional' },
  };
  it.each(Object.entries(exact))('is the derivative where one number comes out: %s', async (_, made) => {
    const traced = traceModel(twoLayers({ ...made, outputs: 1, finish: lastStep }));
    const windows = [sequences(5, 1)];
    const scores = await measureTaylor(nodeRuntime, traced, windows, { draws: 1 });
    expectNear(scores, await bruteForce(traced, [windows]), 0.01);
  });

  it('estimates the sum over all outputs of all examples', async () => {
    const traced = traceModel(twoLayers({ cell: 'GRU' }));
    const windows = [sequences(4, 3), sequences(4, 3, 6)];
    const scores = await measureTaylor(nodeRuntime, traced, windows, { draws: 300 });
    expectNear(scores, await bruteForce(traced, [windows]), 0.15);
  });

  it('is what is lost without a unit, where what reads units is small', async () => {
    const model = twoLayers({ cell: 'RNN', outputs: 1, finish: lastStep });
    const small = mapStored(model.graph, (tensor, name) =>
      name.endsWith('.r') || name === 'b.w'
        ? { ...tensor, data: (tensor.data as Float32Array).map((value) => value / 20) }
        : tensor,
    );
    const traced = traceModel({ ...model, graph: small });
    const windows = [sequences(5, 1)];
    const scores = await measureTaylor(nodeRuntime, traced, windows, { draws: 1 });
    expectNear(scores, await bruteForce(traced, [windows], 'without'), 0.1);
  });

  it('reaches weights that loops and branches hold or use', async () => {
    const loop = traceModel(layerInLoop());
    const inLoop = [sequences(4, 1)];
    const scores = await measureTaylor(nodeRuntime, loop, inLoop, { draws: 300 });
    expectNear(scores, await bruteForce(loop, [inLoop]), 0.15);
    // Nothing reads these units of the fixture.
    expect([scores[1], scores[3]]).toEqual([0, 0]);
    const branches = traceModel(sharedInBranches('forward'));
    const inBranch = [{ ...sequences(4, 1), rate: int64s([], [8000]) }];
    const branched = await measureTaylor(nodeRuntime, branches, inBranch, { draws: 300 });
    expectNear(branched, await bruteForce(branches, [inBranch]), 0.15);
  });

  it('stays where what a unit puts out is divided and what reads it multiplied', async () => {
    const b = new GraphBuilder('relu');
    const x = b.input('x', 'float32', ['time', 'batch', I]);
    const weights = [
      [1, H, I],
      [1, H, H],
      [1, 2 * H],
    ].map((dims, i) => b.parameter(`p${i}`, randomTensor(dims, 40 + i, 0.7)));
    const activations = { type: 'strings', value: ['Relu'] } as const;
    const [y] = b.node('RNN', [x, ...weights], { hidden_size: H, activations }, 1, '', 'rnn');
    b.output(matmul(squeeze(y!, [1]), b.parameter('head', randomTensor([H, 2], 44))), 'y');
    const model = modelOf(b.build());
    const factors: Record<string, (i: number) => number> = {
      p0: (i) => (Math.floor(i / I) === 2 ? 1 / 4 : 1),
      p1: (i) => (Math.floor(i / H) === 2 ? 1 / 4 : 1) * (i % H === 2 ? 4 : 1),
      p2: (i) => (i % H === 2 ? 1 / 4 : 1),
      head: (i) => (Math.floor(i / 2) === 2 ? 4 : 1),
    };
    const other = mapStored(model.graph, (tensor, name) => {
      const factor = factors[name];
      if (factor === undefined) return tensor;
      return { ...tensor, data: (tensor.data as Float32Array).map((value, i) => value * factor(i)) };
    });
    expect(other.initializers.get('head')).not.toEqual(model.graph.initializers.get('head'));
    const windows = [sequences(6, 2)];
    const scores = await measureTaylor(nodeRuntime, traceModel(model), windows);
    expectNear(await measureTaylor(nodeRuntime, traceModel({ ...model, graph: other }), windows), [...scores], 1e-4);
  });

  it('ranks a model in half precision as in single', async () => {
    const model = twoLayers({ cell: 'RNN' });
    const windows = [sequences(4, 2)];
    const scores = await measureTaylor(nodeRuntime, traceModel(model), windows);
    const half = windows.map(({ x }) => ({ x: withType(x!, 'float16', 'x') }));
    expectNear(await measureTaylor(nodeRuntime, traceModel(inHalf(model)), half), [...scores], 0.02);
  });

  it('gives each output the weight of its own size', async () => {
    const scaled = (factor: number) => traceModel(twoLayers({ finish: (y) => mul(y, factor) }));
    const [one, thousand] = await Promise.all(
      [1, 1000].map((factor) => measureTaylor(nodeRuntime, scaled(factor), [sequences(4, 2)])),
    );
    expectNear(thousand!, [...one!], 1e-4);
  });

  it('gives the same for the same seed, and is 0 for what nothing reads', async () => {
    const model = twoLayers({});
    const silent = mapStored(model.graph, (tensor, name) => {
      const isRead = (i: number) => (name === 'head' ? Math.floor(i / 2) : i % H) === 1;
      if (name !== 'head' && name !== 'b.r') return tensor;
      return { ...tensor, data: (tensor.data as Float32Array).map((value, i) => (isRead(i) ? 0 : value)) };
    });
    const traced = traceModel({ ...model, graph: silent });
    const scores = (seed: number) => measureTaylor(nodeRuntime, traced, [sequences(4, 2)], { seed, draws: 4 });
    const [once, again, other] = [await scores(3), await scores(3), await scores(4)];
    expect(again).toEqual(once);
    expect(other).not.toEqual(once);
    const unit = traced.groups.layers.find((l) => l.name === 'b')!.components[1]!;
    expect([...once].flatMap((score, k) => (score === 0 ? [k] : []))).toEqual([unit]);
  });
});

describe('consecutive windows', () => {
  /** A plain cell of one step with a head that reads it. */
  const cell = () =>
    stepModel({ h: ['batch', H] }, (b, x, [h]) => {
      const next = rnnStep(randomWeights(b, 'cell'), x, h!, H, 5);
      return { y: matmul(next, b.parameter('head', randomTensor([H, 1], 77))), next: { h_next: next } };
    });
  const stepWindows = (count: number) => {
    const { data } = randomTensor([count, 5], 21);
    return Array.from({ length: count }, (_, t): Tensors => {
      return { x: floats([1, 5], (data as Float32Array).subarray(5 * t, 5 * t + 5)) };
    });
  };

  it('of one step are differentiated as a sequence, states carried', async () => {
    const traced = traceModel(cell());
    expect(statesOf(traced.prepared)).toHaveLength(1);
    const windows = stepWindows(6);
    const scores = await measureTaylor(nodeRuntime, traced, windows, { draws: 300 });
    const expected = await bruteForce(traced, [windows]);
    expectNear(scores, expected, 0.15);
    // What one window alone shows is something else: its state goes on.
    const alone = await measureTaylor(nodeRuntime, traced, windows.slice(0, 1), { draws: 1 });
    expect(alone[0]! / expected[0]!).not.toBeCloseTo(1, 1);
  });

  it('of more steps than a gradient goes back are several sequences, which begin with the states before them', async () => {
    const traced = traceModel(cell());
    const windows = stepWindows(64);
    const first = windows.slice(0, 32);
    // The second half begins with the state that the first one leaves.
    const { states } = await changesOf(traced, first);
    const expected = await bruteForce(traced, [first, [{ ...windows[32]!, ...states }, ...windows.slice(33)]]);
    expectNear(await measureTaylor(nodeRuntime, traced, windows, { draws: 300 }), expected, 0.15);
  });

  it('of several steps are differentiated one by one', async () => {
    const b = new GraphBuilder('chunks');
    const x = b.input('x', 'float32', ['time', 1, I]);
    const h = b.input('h', 'float32', [1, 1, H]);
    const weights = [b.parameter('w', randomTensor([1, H, I], 1)), b.parameter('r', randomTensor([1, H, H], 2, 0.9))];
    const [y, next] = b.node('RNN', [x, ...weights, undefined, undefined, h], { hidden_size: H }, 2, '', 'rnn');
    b.output(lastStep(matmul(squeeze(y!, [1]), b.parameter('head', randomTensor([H, 1], 3)))), 'y');
    b.output(next!, 'h_next');
    const model = modelOf(b.build(), stateMetadata([{ input: 'h', output: 'h_next' }]));
    const traced = traceModel(model);
    const windows = [1, 2].map((seed) => sequences(3, 1, seed));
    const { states } = await changesOf(traced, windows.slice(0, 1));
    const expected = await bruteForce(traced, [[windows[0]!], [{ ...windows[1]!, ...states }]]);
    expectNear(await measureTaylor(nodeRuntime, traced, windows, { draws: 2 }), expected, 0.01);
  });
});

describe('refusals', () => {
  const measured = (model: Model, windows = [sequences(3, 2)]) =>
    measureTaylor(nodeRuntime, traceModel(model), windows);

  it('names the operator that has no derivative', async () => {
    await expect(measured(twoLayers({ finish: (y) => apply('Atan', [y]) }))).rejects.toThrow(
      /^derivatives rank the units here, and the model has none \(other rankings need none\): cannot differentiate Atan '.+': no gradient rule/,
    );
  });

  it('needs real outputs, finite derivatives and windows of one size', async () => {
    const classes = twoLayers({ finish: (y) => apply('ArgMax', [y], { axis: 2 }) });
    await expect(measured(classes)).rejects.toThrow('the model puts out none');
    const infinite = twoLayers({ finish: (y) => apply('Reciprocal', [apply('Sub', [y, y])]) });
    await expect(measured(infinite)).rejects.toThrow('NaN or infinite');
    await expect(measured(twoLayers({}), [sequences(3, 2), sequences(4, 2)])).rejects.toThrow(
      "derivatives need windows of one size: 'x' is [3,2,3] in the first and [4,2,3] in another",
    );
  });

  it('runs nothing where no weight reads a unit', async () => {
    const b = new GraphBuilder('dense');
    b.output(matmul(b.input('x', 'float32', ['batch', 2]), b.parameter('w', randomTensor([2, 3], 1))), 'y');
    expect(await measured(modelOf(b.build()), [{ x: floats([1, 2], [1, 2]) }])).toEqual(new Float64Array(0));
  });
});
