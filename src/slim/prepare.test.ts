import { describe, expect, it } from 'vitest';
import { largestDifference, numbersOf, randomTensor, runGraph } from '../../test/support/graphs.ts';
import { zeroSlices } from '../../test/support/models.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { apply, concat, matmul, reshape, slice, squeeze, transpose } from '../graph/ops.ts';
import { statesOf } from '../graph/states.ts';
import type { Model, Node, Tensor } from '../graph/types.ts';
import { detectStates } from '../passes/detectStates.ts';
import { isRecurrent } from '../passes/lowerRecurrent.ts';
import { prepareModel, traceModel } from './prepare.ts';
import { shrinkZeros } from './shrink.ts';

const B = 2;
const H = 3;

interface Options {
  readonly layers: number;
  readonly bidirectional?: boolean;
  /** How a layer takes its states out of the stack: by Slice, or by Gather and Unsqueeze. */
  readonly by?: 'slice' | 'gather';
}

/** Stacked LSTM layers as exporters write them: x [T, B, 2], h and c [L·D, B, 3] → logits, h' and c'. */
function streamingModel({ layers, bidirectional = false, by = 'slice' }: Options): Model {
  const b = new GraphBuilder('streaming');
  const d = bidirectional ? 2 : 1;
  let x: Value = b.input('x', 'float32', ['time', 'batch', 2]);
  const state = (name: string) => b.input(name, 'float32', [layers * d, 'batch', H]);
  const [h, c] = [state('h'), state('c')];
  const take = (from: Value, i: number) =>
    by === 'slice'
      ? slice(from, [i * d], [(i + 1) * d], [0])
      : apply('Unsqueeze', [apply('Gather', [from, b.constant(scalar(i))], { axis: 0 }), b.ints([0])]);
  const finals: Value[][] = [];
  let size = 2;
  for (let i = 0; i < layers; i++) {
    const weight = (name: string, dims: number[]) =>
      b.parameter(`l${i}.${name}`, randomTensor(dims, 10 * i + dims.length));
    const [y, ...last] = b.node(
      'LSTM',
      [
        x,
        weight('W', [d, 4 * H, size]),
        weight('R', [d, 4 * H, H]),
        weight('B', [d, 8 * H]),
        undefined,
        take(h, i),
        take(c, i),
      ],
      { hidden_size: H, direction: bidirectional ? 'bidirectional' : 'forward' },
      3,
      '',
      `layer_${i}`,
    );
    finals.push(last);
    x = bidirectional ? reshape(transpose(y!, [0, 2, 1, 3]), [0, 0, -1]) : squeeze(y!, [1]);
    size = d * H;
  }
  b.output(matmul(x, b.parameter('head', randomTensor([size, 4], 99))), 'logits');
  for (const [k, name] of ['h_next', 'c_next'].entries()) {
    const all = finals.map((f) => f[k]!);
    b.output(all.length === 1 ? all[0]! : concat(all, 0), name);
  }
  return modelOf(b.build());
}

const scalar = (value: number): Tensor => ({ elementType: 'int64', dims: [], data: BigInt64Array.of(BigInt(value)) });

const sizesOf = (model: Model) => model.graph.nodes.filter(isRecurrent).map((n) => n.attributes.hidden_size);
const shapeOf = (model: Model, name: string) =>
  [...model.graph.inputs, ...model.graph.outputs].find((v) => v.name === name)!.type.shape;

/** Zeroes what reads these units, [layer, unit] by the layers of the prepared model. */
function withDead(model: Model, units: readonly (readonly [number, number])[], resizeState = false): Model {
  const { prepared, groups } = traceModel(model, { resizeState });
  const components = new Set(units.map(([layer, unit]) => groups.layers[layer]!.components[unit]!));
  return { ...prepared, graph: zeroSlices(prepared.graph, groups, components, ['reads']) };
}

/** Runs two windows, the states of the first carried into the second, and returns the logits. */
async function logits(model: Model): Promise<number[]> {
  const states = statesOf(model);
  let carried: Record<string, Tensor> = {};
  for (const { input } of states) {
    const dims = shapeOf(model, input)!.map((s) => (typeof s === 'number' ? s : B));
    carried[input] = randomTensor(dims, 1, 0);
  }
  const results: number[] = [];
  for (const seed of [5, 6]) {
    const got = await runGraph(model.graph, { x: randomTensor([4, B, 2], seed), ...carried });
    results.push(...numbersOf(got.logits!));
    carried = Object.fromEntries(states.map(({ input, output }) => [input, got[output]!]));
  }
  return results;
}

describe('detectStates', () => {
  it.each([{ layers: 1 }, { layers: 2 }, { layers: 2, by: 'gather' } as const, { layers: 2, bidirectional: true }])(
    'pairs what goes into the layers with what comes out: %o',
    (options) => {
      expect(detectStates(streamingModel(options).graph)).toEqual([
        { input: 'h', output: 'h_next' },
        { input: 'c', output: 'c_next' },
      ]);
    },
  );

  it('finds none where the final states stay inside, or only come out', () => {
    const { graph } = streamingModel({ layers: 2 });
    expect(detectStates({ ...graph, outputs: graph.outputs.slice(0, 1) })).toEqual([]);
    expect(detectStates({ ...graph, inputs: graph.inputs.slice(0, 1) })).toEqual([]);
  });
});

describe('what looks like a state', () => {
  it('is none in an encoder, whose final states are all that it gives', () => {
    const { graph } = streamingModel({ layers: 1 });
    expect(detectStates({ ...graph, outputs: graph.outputs.slice(1) })).toEqual([]);
  });

  it('is none when the layers come out in another order than they go in', () => {
    const { graph } = streamingModel({ layers: 2 });
    const nodes = graph.nodes.map((n) => (n.op === 'Concat' ? { ...n, inputs: [...n.inputs].reverse() } : n));
    expect(detectStates({ ...graph, nodes })).toEqual([]);
  });
});

describe('prepareModel', () => {
  it('names the states in the metadata, those that are given first', () => {
    const model = streamingModel({ layers: 1 });
    expect(statesOf(prepareModel(model))).toHaveLength(2);
    const given = [{ input: 'c', output: 'c_next' }];
    expect(statesOf(prepareModel(model, { states: given }))).toEqual(given);
    expect(() => prepareModel(model, { states: [{ input: 'c', output: 'd' }] })).toThrow(/names the output 'd'/);
  });

  it('computes the same', async () => {
    for (const bidirectional of [false, true]) {
      const model = streamingModel({ layers: 2, bidirectional });
      const named = { ...model, metadata: prepareModel(model).metadata };
      for (const resizeState of [false, true]) {
        const prepared = prepareModel(model, { resizeState });
        expect(largestDifference(await logits(prepared), await logits(named))).toBeLessThan(1e-6);
      }
    }
  });
});

describe('shrinking a streaming model', () => {
  it('removes the same units of all layers whose states are stacked', async () => {
    const model = streamingModel({ layers: 2 });
    // Unit 1 is read by nothing in either layer; unit 2 only in one.
    const dead = withDead(model, [
      [0, 1],
      [1, 1],
    ]);
    const { model: slim, layers, resized } = shrinkZeros(dead);
    expect(layers.map((l) => l.after)).toEqual([2, 2]);
    expect(resized).toEqual([
      { name: 'h', before: [2, 'batch', 3], after: [2, 'batch', 2] },
      { name: 'c', before: [2, 'batch', 3], after: [2, 'batch', 2] },
      { name: 'h_next', before: [2, 'batch', 3], after: [2, 'batch', 2] },
      { name: 'c_next', before: [2, 'batch', 3], after: [2, 'batch', 2] },
    ]);
    expect(largestDifference(await logits(slim), await logits(dead))).toBeLessThan(1e-6);
  });

  it('lets each layer lose its own when the shape of the states may change', async () => {
    const dead = withDead(
      streamingModel({ layers: 2, by: 'gather' }),
      [
        [0, 1],
        [1, 0],
        [1, 2],
      ],
      true,
    );
    const { model: slim, layers } = shrinkZeros(dead);
    expect(layers.map((l) => l.after)).toEqual([2, 1]);
    expect(shapeOf(slim, 'h')).toEqual([1, 'batch', 3]);
    expect(shapeOf(slim, 'c_next')).toEqual([1, 'batch', 3]);
    expect(largestDifference(await logits(slim), await logits(dead))).toBeLessThan(1e-6);
  });

  it('resizes states whose stack something else reads as a whole', async () => {
    const model = streamingModel({ layers: 2 });
    const { graph } = model;
    const whole = graph.nodes.find((n) => n.op === 'Concat')!.outputs[0]!;
    const cast: Node = {
      op: 'Cast',
      domain: '',
      name: 'cast',
      inputs: [whole],
      outputs: ['h_cast'],
      attributes: { to: { type: 'int', value: 1 } },
    };
    const pick: Node = {
      ...cast,
      op: 'Gather',
      name: 'pick',
      inputs: [whole, 'last'],
      outputs: ['last_h'],
      attributes: {},
    };
    const last: Node = {
      ...cast,
      op: 'Constant',
      name: 'last',
      inputs: [],
      outputs: ['last'],
      attributes: { value: { type: 'tensor', value: scalar(1) } },
    };
    const outputs = [
      graph.outputs[0]!,
      { ...graph.outputs[1]!, name: 'h_cast' },
      { name: 'last_h', type: { elementType: 'float32', shape: ['batch', H] } } as const,
      graph.outputs[2]!,
    ];
    const picked: Model = { ...model, graph: { ...graph, nodes: [...graph.nodes, last, cast, pick], outputs } };
    const named = { ...picked, metadata: prepareModel(picked).metadata };
    expect(statesOf(named)).toHaveLength(2);
    const prepared = prepareModel(picked, { resizeState: true });
    expect(largestDifference(await logits(prepared), await logits(named))).toBeLessThan(1e-6);
  });

  it('lets each direction lose its own in the same way', async () => {
    const dead = withDead(
      streamingModel({ layers: 1, bidirectional: true }),
      [
        [0, 0],
        [1, 1],
        [1, 2],
      ],
      true,
    );
    const { model: slim, layers } = shrinkZeros(dead);
    expect(layers.map((l) => l.after)).toEqual([2, 1]);
    expect(sizesOf(slim).map((a) => a?.value)).toEqual([2, 1]);
    expect(largestDifference(await logits(slim), await logits(dead))).toBeLessThan(1e-6);
  });
});
