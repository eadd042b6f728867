import { describe, expect, it } from 'vitest';
import { loop } from '../../../test/support/graphs.ts';
import { zeroSlices } from '../../../test/support/models.ts';
import { randomStream, uniform } from '../../base/random.ts';
import { float, int64s } from '../../graph/attributes.ts';
import { GraphBuilder, type Value } from '../../graph/builder.ts';
import { sizeOf } from '../../graph/dims.ts';
import { modelOf } from '../../graph/model.ts';
import {
  add,
  apply,
  concat,
  div,
  equal,
  expand,
  flatten,
  gather,
  gatherElements,
  gemm,
  identity,
  matmul,
  mul,
  pow,
  reduceMean,
  reduceSum,
  relu,
  reshape,
  scan,
  shapeOf,
  sigmoid,
  slice,
  softmax,
  sqrt,
  squeeze,
  sub,
  tanh,
  transpose,
  unsqueeze,
  where,
} from '../../graph/ops.ts';
import type { Model, Tensor } from '../../graph/types.ts';
import { nodeRuntime } from '../../runtime/node.ts';
import { layerSizes, shrink } from '../../slim/shrink.ts';
import { assertEqual, verifyEqual } from '../../verify/verify.ts';
import { liveComponents, weightsOf } from '../measure.ts';
import { traceGroups } from '../trace.ts';

/*
 * Each rule of the trace in one small graph: units of a layer go through the operator to a reader. Units that nothing
 * reads are removed, and ONNX Runtime says whether the outputs stay equal; then any unit is removed, and the model must
 * still run.
 */

const HIDDEN = 4;
const random = randomStream(5);
const tensor = (dims: readonly number[]): Tensor => {
  return { elementType: 'float32', dims, data: uniform(sizeOf(dims), 0.7, random) };
};

/** What a graph is made with. */
interface Maker {
  readonly b: GraphBuilder;
  /** Units of the layer, [time, batch, HIDDEN]. */
  readonly h: Value;
  parameter(...dims: number[]): Value;
  /** Data from outside. */
  input(...dims: (number | string)[]): Value;
  /** A new layer over x [time, batch, inputs], [time, batch, hidden]. */
  layer(x: Value, inputs: number, hidden?: number): Value;
}

type Make = (m: Maker) => Value | readonly Value[];

function modelWith(make: Make, opset: number): Model {
  const b = new GraphBuilder('g');
  const parameter = (...dims: number[]) => b.parameter(b.fresh('w'), tensor(dims));
  const input = (...dims: (number | string)[]) => b.input(b.fresh('x'), 'float32', dims);
  const layer = (x: Value, inputs: number, hidden = HIDDEN) => {
    const weights = [parameter(1, 4 * hidden, inputs), parameter(1, 4 * hidden, hidden)];
    return squeeze(b.node('LSTM', [x, ...weights], { hidden_size: hidden })[0]!, [1]);
  };
  const h = layer(input('time', 'batch', 3), 3);
  for (const value of [make({ b, h, parameter, input, layer })].flat()) b.output(value);
  const model = modelOf(b.build());
  return { ...model, opsets: { '': opset } };
}

/** Removes what nothing reads, then something that is read. */
async function check(make: Make, { opset = 17, entangled = false } = {}): Promise<void> {
  const model = modelWith(make, opset);
  const groups = traceGroups(model.graph);
  const all = [...new Set(groups.layers.flatMap((l) => [...l.components]))];
  expect(all.length).toBeGreaterThan(1);
  expect(all).not.toContain(-1);
  expect(groups.entangled.size > 0).toBe(entangled);
  const silent = new Set([all[1]!, all[all.length - 1]!]);
  const sparse = { ...model, graph: zeroSlices(model.graph, groups, silent, ['reads']) };
  const live = liveComponents(groups, weightsOf(sparse.graph));
  expect(all.filter((k) => live[k] === 0)).toEqual(entangled ? [] : [...silent].sort((a, b) => a - b));
  for (const gone of entangled ? [new Set([all[0]!])] : [silent, new Set([all[0]!])]) {
    const slim = shrink(sparse, groups, (k) => gone.has(k));
    const sizes = layerSizes(groups, (k) => gone.has(k))
      .filter((_, i) => groups.layers[i]!.operator === 'LSTM')
      .map((l) => l.after);
    const nodes = slim.graph.nodes.filter((n) => n.op === 'LSTM');
    expect(nodes.map((n) => n.attributes.hidden_size)).toEqual(sizes.map((value) => ({ type: 'int', value })));
    if (gone === silent) await assertEqual(nodeRuntime, sparse, slim);
    else await verifyEqual(nodeRuntime, sparse, slim);
  }
}

const followed: Readonly<Record<string, Make>> = {
  'one step picked, Gather with a scalar': ({ b, h, parameter }) =>
    gemm(gather(h, b.constant(int64s([], [-1]))), parameter(HIDDEN, 2)),
  'rows and columns, Transpose and MatMul from the left': ({ h, parameter }) =>
    matmul(parameter(2, HIDDEN), transpose(h, [0, 2, 1])),
  'a stack of matrices': ({ h, parameter }) => matmul(unsqueeze(h, [2]), parameter(1, 1, HIDDEN, 3)),
  'a vector': ({ h, parameter }) => matmul(h, parameter(HIDDEN)),
  'a product of two factors': ({ h, parameter }) => matmul(h, matmul(parameter(HIDDEN, 2), parameter(2, 3))),
  'a product over steps': ({ b, h, parameter }) => {
    const steps = gather(h, b.ints([0, 1]));
    const mixed = matmul(reshape(transpose(steps, [1, 2, 0]), [-1, HIDDEN, 2]), parameter(2, 3));
    return matmul(transpose(mixed, [0, 2, 1]), parameter(HIDDEN, 2));
  },
  'weights scaled, cut and put together': ({ h, parameter }) => {
    const w = concat([mul(parameter(HIDDEN, 2), 0.5), slice(div(parameter(HIDDEN, 3), 2), [0], [1], [1])], 1);
    return matmul(h, w);
  },
  'weights reshaped': ({ h, parameter }) => matmul(h, reshape(parameter(HIDDEN, 2, 2), [HIDDEN, 4])),
  'a row of a stack of weights': ({ b, h, parameter }) =>
    matmul(h, gather(parameter(2, HIDDEN, 3), b.constant(int64s([], [1])))),
  'two heads that share a weight': ({ h, layer, parameter }) => {
    const w = parameter(HIDDEN, 3);
    return [matmul(h, w), matmul(layer(h, HIDDEN), w)];
  },
  'an embedding that is the output product too': ({ b, h, parameter }) => {
    const table = parameter(6, HIDDEN);
    const words = b.input('words', 'int64', ['time', 'batch']);
    return matmul(add(h, gather(table, words)), transpose(table, [1, 0]));
  },
  'a sum of layers': ({ h, layer, parameter }) => matmul(add(h, layer(h, HIDDEN)), parameter(HIDDEN, 2)),
  'a gate for each unit, from stored numbers': ({ h, parameter }) =>
    matmul(mul(h, sigmoid(parameter(HIDDEN))), parameter(HIDDEN, 2)),
  'numbers beside units, [1, H] and [1, 1, H] and one': ({ h, parameter }) =>
    matmul(mul(add(add(h, parameter(1, HIDDEN)), parameter(1, 1, HIDDEN)), parameter(1)), parameter(HIDDEN, 2)),
  'attention over the steps': ({ h, parameter }) => {
    const rows = transpose(h, [1, 0, 2]);
    const scores = softmax(
      matmul(matmul(rows, parameter(HIDDEN, 3)), transpose(matmul(rows, parameter(HIDDEN, 3)), [0, 2, 1])),
    );
    return matmul(matmul(scores, rows), parameter(HIDDEN, 2));
  },
  'weights for the steps': ({ h, parameter }) => {
    const scores = softmax(matmul(h, parameter(HIDDEN, 1)), 0);
    return matmul(reduceSum(mul(scores, h), [0]), parameter(HIDDEN, 2));
  },
  'softmax over the steps': ({ h, parameter }) => matmul(softmax(h, 0), parameter(HIDDEN, 2)),
  'the last valid step, GatherElements': ({ b, h, parameter }) => {
    const lengths = b.input('lengths', 'int64', ['batch']);
    const at = expand(
      unsqueeze(lengths, [0, 2]),
      concat([b.ints([1]), slice(shapeOf(h), [1], [2], [0]), b.ints([HIDDEN])], 0),
    );
    return matmul(gatherElements(h, at, 0), parameter(HIDDEN, 2));
  },
  'chosen steps, GatherND': ({ b, h, parameter }) =>
    matmul(apply('GatherND', [h, b.constant(int64s([2, 2], [0, 0, 1, 2]))]), parameter(HIDDEN, 2)),
  'steps written over, ScatterND and ConstantOfShape': ({ b, h, parameter }) => {
    const zeros = apply('ConstantOfShape', [shapeOf(h)]);
    const first = apply('ScatterND', [zeros, b.constant(int64s([1, 1], [0])), slice(h, [0], [1], [0])]);
    return matmul(first, parameter(HIDDEN, 2));
  },
  'a state of zeros whose shape is spelled out': ({ b, h, parameter }) => {
    const batch = slice(shapeOf(h), [1], [2], [0]);
    const zeros = apply('ConstantOfShape', [concat([b.ints([1]), batch, b.ints([HIDDEN])], 0)]);
    return matmul(concat([zeros, h], 0), parameter(HIDDEN, 2));
  },
  'a learned state, repeated for the batch': ({ b, h, parameter }) => {
    const batch = slice(shapeOf(h), [1], [2], [0]);
    const repeated = apply('Tile', [parameter(1, 1, HIDDEN), concat([b.ints([1]), batch, b.ints([1])], 0)]);
    const expanded = expand(parameter(1, HIDDEN), concat([b.ints([1]), batch, b.ints([HIDDEN])], 0));
    return matmul(concat([repeated, expanded, h], 0), parameter(HIDDEN, 2));
  },
  'steps added, Pad': ({ b, h, parameter }) =>
    matmul(apply('Pad', [h, b.ints([1, 0, 0, 0, 0, 0])]), parameter(HIDDEN, 2)),
  'running sums over the steps': ({ b, h, parameter }) =>
    matmul(apply('CumSum', [h, b.constant(int64s([], [0]))]), parameter(HIDDEN, 2)),
  'steps in reverse, by length': ({ b, h, parameter }) => {
    const lengths = b.input('lengths', 'int64', ['batch']);
    return matmul(apply('ReverseSequence', [h, lengths]), parameter(HIDDEN, 2));
  },
  'the best steps, TopK': ({ b, h, parameter }) =>
    matmul(b.node('TopK', [h, b.ints([2])], { axis: 0 }, 2)[0]!, parameter(HIDDEN, 2)),
  'where a mask says so': ({ b, h, parameter }) => {
    const mask = b.input('mask', 'bool', ['time', 'batch', 1]);
    return matmul(where(mask, h, 0), parameter(HIDDEN, 2));
  },
  'heads of units, Reshape': ({ h, parameter }) => {
    const heads = transpose(reshape(h, [0, 0, 2, HIDDEN / 2]), [0, 2, 1, 3]);
    return matmul(reshape(transpose(heads, [0, 2, 1, 3]), [0, 0, HIDDEN]), parameter(HIDDEN, 2));
  },
  'all steps in one row, Reshape with sizes': ({ b, h, parameter }) => {
    const rows = reshape(transpose(gather(h, b.ints([0, 1])), [1, 0, 2]), [-1, 2 * HIDDEN]);
    return matmul(rows, parameter(2 * HIDDEN, 2));
  },
  Flatten: ({ h, parameter }) => matmul(flatten(h, 2), parameter(HIDDEN, 2)),
  'a convolution over the steps': ({ b, h, parameter }) => {
    const x = transpose(h, [1, 2, 0]);
    const made = b.node('Conv', [x, parameter(5, HIDDEN, 3), parameter(5)], { pads: [1, 1] })[0]!;
    return apply('GlobalAveragePool', [relu(made)]);
  },
  'a convolution of each unit for itself, then one of all': ({ b, h, parameter }) => {
    const x = transpose(h, [1, 2, 0]);
    const attributes = { pads: [1, 1], group: HIDDEN };
    const each = b.node('Conv', [x, parameter(HIDDEN, 1, 3), parameter(HIDDEN)], attributes)[0]!;
    return b.node('Conv', [apply('MaxPool', [each], { kernel_shape: [2] }), parameter(2, HIDDEN, 1)])[0]!;
  },
  'a convolution in two dimensions': ({ b, h, parameter }) =>
    b.node('Conv', [unsqueeze(transpose(h, [1, 2, 0]), [3]), parameter(3, HIDDEN, 2, 1)])[0]!,
  'a convolution the other way': ({ b, h, parameter }) =>
    b.node('ConvTranspose', [transpose(h, [1, 2, 0]), parameter(HIDDEN, 3, 2), parameter(3)], { strides: [2] })[0]!,
  'batch normalization': ({ b, h, parameter }) => {
    const four = () => parameter(HIDDEN);
    const positive = b.constant({ ...tensor([HIDDEN]), data: Float32Array.of(1, 2, 1, 0.5) });
    const made = apply('BatchNormalization', [transpose(h, [1, 2, 0]), four(), four(), four(), positive]);
    return matmul(transpose(made, [2, 0, 1]), parameter(HIDDEN, 2));
  },
  'instance normalization': ({ h, parameter }) => {
    const made = apply('InstanceNormalization', [transpose(h, [1, 2, 0]), parameter(HIDDEN), parameter(HIDDEN)]);
    return matmul(transpose(made, [2, 0, 1]), parameter(HIDDEN, 2));
  },
  'Einsum with a weight': ({ h, parameter }) => apply('Einsum', [h, parameter(3, HIDDEN)], { equation: 'tbh,ch->tbc' }),
  'Einsum that moves axes': ({ h, parameter }) =>
    matmul(transpose(apply('Einsum', [h], { equation: 'tbh->bht' }), [0, 2, 1]), parameter(HIDDEN, 2)),
  'a Loop that carries units': ({ b, h, parameter }) => {
    const w = parameter(HIDDEN, 2);
    const body = new GraphBuilder(b.fresh('body'), b);
    body.input('i', 'int64', []);
    const go = body.input('go', 'bool', []);
    const sum = body.input('sum', 'float32', undefined);
    body.output(identity(go));
    body.output(add(sum, h));
    body.output(identity(matmul(sum, w)));
    const attributes = { body: { type: 'graph' as const, value: body.build() } };
    const [total, each] = b.node('Loop', [b.constant(int64s([], [2])), undefined, mul(h, 0.5)], attributes, 2);
    return [matmul(total!, parameter(HIDDEN, 2)), each!];
  },
  'a Scan over the steps': ({ h, parameter }) => {
    const w = parameter(HIDDEN, 2);
    const [, each] = loop([], [h], (_, [x]) => [tanh(x!), matmul(x!, w)]);
    return each!;
  },
  'branches of an If': ({ b, h, parameter }) => {
    const side = (make: () => Value) => {
      const inner = new GraphBuilder(b.fresh('branch'), b);
      inner.output(identity(make()));
      return { type: 'graph' as const, value: inner.build() };
    };
    const condition = b.input('condition', 'bool', []);
    const inner = new GraphBuilder(b.fresh('branch'), b);
    inner.output(mul(inner.node('Identity', [h])[0]!, inner.float([1, 2, 3, 4])));
    const branches = { then_branch: side(() => h), else_branch: { type: 'graph' as const, value: inner.build() } };
    return matmul(b.node('If', [condition], branches)[0]!, parameter(HIDDEN, 2));
  },
  'a condition that spells out the units': ({ b, h, parameter }) => {
    const is = equal(gather(shapeOf(h), b.constant(int64s([], [2]))), b.constant(int64s([], [HIDDEN])));
    const side = (factor: number) => {
      const inner = new GraphBuilder(b.fresh('branch'), b);
      inner.output(mul(inner.node('Identity', [h])[0]!, factor));
      return { type: 'graph' as const, value: inner.build() };
    };
    return matmul(b.node('If', [is], { then_branch: side(2), else_branch: side(3) })[0]!, parameter(HIDDEN, 2));
  },
  'sizes of parts that are computed': ({ b, h, parameter }) => {
    const half = div(gather(shapeOf(h), b.ints([2])), b.ints([2]));
    const left = slice(h, [0], [2], [2]);
    const right = apply('Slice', [h, half, b.ints([Number.POSITIVE_INFINITY]), b.ints([2])]);
    return [matmul(left, parameter(2, 2)), matmul(right, parameter(2, 2))];
  },
  'random numbers and numbers of the same shape': ({ b, h, parameter }) => {
    const noise = apply('RandomNormalLike', [h], { scale: float(1e-9) });
    const fixed = b.node('RandomUniform', [], {
      shape: [HIDDEN],
      low: float(1),
      high: float(1.000001),
      seed: float(1),
    })[0]!;
    return matmul(mul(add(h, noise), fixed), parameter(HIDDEN, 2));
  },
  'samples between the steps, Resize': ({ b, h, parameter }) => {
    const x = unsqueeze(transpose(h, [1, 2, 0]), [3]);
    const made = apply('Resize', [x, undefined, b.float([1, 1, 2, 1])], { mode: 'nearest' });
    return matmul(transpose(squeeze(made, [3]), [0, 2, 1]), parameter(HIDDEN, 2));
  },
};

const entangled: Readonly<Record<string, Make>> = {
  'layer normalization': ({ h, parameter }) =>
    matmul(apply('LayerNormalization', [h, parameter(HIDDEN), parameter(HIDDEN)]), parameter(HIDDEN, 2)),
  'layer normalization that an exporter took apart': ({ h, parameter }) => {
    const centred = sub(h, reduceMean(h, [-1], true));
    const normal = div(centred, sqrt(add(reduceMean(pow(centred, 2), [-1], true), 1e-5)));
    return matmul(add(mul(normal, parameter(HIDDEN)), parameter(HIDDEN)), parameter(HIDDEN, 2));
  },
  'softmax over the units': ({ h, parameter }) => matmul(softmax(h), parameter(HIDDEN, 2)),
  'the mean of the units': ({ h }) => reduceMean(h, [2]),
  'lengths of vectors': ({ h, parameter }) => matmul(apply('LpNormalization', [h]), parameter(HIDDEN, 2)),
  'normalization over channels': ({ h, parameter }) =>
    matmul(apply('MeanVarianceNormalization', [h], { axes: [2] }), parameter(HIDDEN, 2)),
  'a product of units with units': ({ h }) => matmul(h, transpose(h, [0, 2, 1])),
  'Einsum that sums over units': ({ h }) => apply('Einsum', [h], { equation: 'tbh->bt' }),
};

const blocked: Readonly<Record<string, readonly [Make, RegExp]>> = {
  'an unknown operator': [
    ({ b, h }) => {
      const node = {
        op: 'Blend',
        domain: 'com.example',
        name: 'blend',
        inputs: [h.name],
        outputs: ['y'],
        attributes: {},
      };
      b.addNode(node);
      return b.value('y');
    },
    /units of 'LSTM_0' through com.example.Blend 'blend': the trace does not know this operator/,
  ],
  'elements added to units': [
    ({ b, h }) => apply('Pad', [h, b.ints([0, 0, 0, 0, 0, 1])]),
    /Pad 'Pad_0': it adds elements/,
  ],
  'running sums': [({ b, h }) => apply('CumSum', [h, b.constant(int64s([], [2]))]), /CumSum.*unit after unit/],
  'repeated units': [({ b, h }) => apply('Tile', [h, b.ints([1, 1, 2])]), /Tile.*repeats units/],
  'every second unit': [({ h }) => slice(h, [0], [4], [2], [2]), /Slice.*picks units by steps/],
  'groups of channels': [
    ({ b, h, parameter }) => b.node('Conv', [transpose(h, [1, 2, 0]), parameter(4, 2, 1)], { group: 2 })[0]!,
    /Conv.*its 2 groups of channels keep their sizes/,
  ],
  'a window along the units': [
    ({ b, h, parameter }) => b.node('Conv', [unsqueeze(h, [1]), parameter(2, 1, 1, 2)])[0]!,
    /Conv.*runs along the units/,
  ],
  'a weight of bytes': [
    ({ b, h }) => {
      const bytes = b.constant({ elementType: 'int8', dims: [HIDDEN, 2], data: new Int8Array(8).fill(3) });
      return matmul(h, apply('DequantizeLinear', [bytes, 0.1]));
    },
    /MatMul.*its weight is not stored as it is used/,
  ],
  'a weight behind a sigmoid': [
    ({ h, parameter }) => matmul(h, sigmoid(parameter(HIDDEN, 2))),
    /MatMul.*its weight is not stored as it is used/,
  ],
  'units at places that come with the data': [
    ({ b, h }) => gatherElements(h, b.input('i', 'int64', ['time', 'batch', 2]), 2),
    /GatherElements.*picks units at places/,
  ],
  'units mixed with a free dimension': [({ h }) => reshape(transpose(h, [2, 0, 1]), [-1]), /Reshape.*mixes units/],
  'two axes of units': [({ h }) => mul(transpose(h, [0, 2, 1]), h), /Mul.*operands carry units along different axes/],
  'several scales': [
    ({ h, parameter }) => apply('QuantizeLinear', [h, parameter(HIDDEN)], { axis: 2 }),
    /QuantizeLinear.*scale of its own/,
  ],
};

describe('operators that units go through', () => {
  it.each(Object.entries(followed))('%s', (_, make) => check(make));

  it('a Scan of operator set 8, which ONNX Runtime does not take beside newer operators', () => {
    const model = modelWith(({ b, h, parameter }) => {
      const body = new GraphBuilder(b.fresh('body'), b);
      const [s, x] = [body.input('s', 'float32', [HIDDEN]), body.input('x', 'float32', [HIDDEN])];
      body.output(add(s, x));
      body.output(mul(x, s));
      const attributes = { body: { type: 'graph' as const, value: body.build() }, num_scan_inputs: 1 };
      const rows = transpose(h, [1, 0, 2]);
      const [last, each] = b.node('Scan', [undefined, reduceMean(rows, [1]), rows], attributes, 2);
      return [matmul(last!, parameter(HIDDEN, 2)), matmul(each!, parameter(HIDDEN, 3))];
    }, 8);
    const { axes, layers } = traceGroups(model.graph);
    const readers = axes.filter((a) => a.role === 'reads').map((a) => [...a.components]);
    expect([...layers[0]!.components]).toEqual([0, 1, 2, 3]);
    expect(readers).toEqual([
      [0, 1, 2, 3],
      [0, 1, 2, 3],
      [0, 1, 2, 3],
    ]);
  });

  it('group normalization of one group', () =>
    check(
      ({ h, parameter }) => {
        const made = apply('GroupNormalization', [transpose(h, [1, 2, 0]), parameter(HIDDEN), parameter(HIDDEN)], {
          num_groups: 1,
        });
        return matmul(transpose(made, [2, 0, 1]), parameter(HIDDEN, 2));
      },
      { opset: 21, entangled: true },
    ));

  it('root mean square normalization', () =>
    check(({ h, parameter }) => matmul(apply('RMSNormalization', [h, parameter(HIDDEN)]), parameter(HIDDEN, 2)), {
      opset: 23,
      entangled: true,
    }));
});

describe('operators that look at all units together', () => {
  it.each(Object.entries(entangled))('%s', (_, make) => check(make, { entangled: true }));

  it('says where', () => {
    const { entangled: found } = traceGroups(modelWith(entangled['layer normalization']!, 17).graph);
    expect([...found.values()][0]).toBe("LayerNormalization 'LayerNormalization_0' looks at all units together");
  });
});

describe('operators that block units', () => {
  it.each(Object.entries(blocked))('%s', (_, [make, message]) => {
    expect(() => traceGroups(modelWith(make, 17).graph)).toThrow(message);
  });
});

describe('operators that fix units', () => {
  it.each<[string, Make]>([
    ['the place of the largest', ({ h }) => apply('ArgMax', [h], { axis: 2 })],
    ['the largest', ({ b, h }) => b.node('TopK', [h, b.ints([1])], {}, 2)],
    ['one picked unit and an output', ({ h }) => h],
    [
      'data of the same size',
      ({ h, input, parameter }) => matmul(add(h, input('time', 'batch', HIDDEN)), parameter(HIDDEN, 2)),
    ],
  ])('%s', (_, make) => {
    expect([...traceGroups(modelWith(make, 17).graph).layers[0]!.components]).toEqual([-1, -1, -1, -1]);
  });

  it('keeps a unit that is picked, not those beside it', async () => {
    const make: Make = ({ b, h, parameter }) => [
      gather(h, b.constant(int64s([], [2])), 2),
      matmul(h, parameter(HIDDEN, 2)),
    ];
    const model = modelWith(make, 17);
    const groups = traceGroups(model.graph);
    expect([...groups.layers[0]!.components]).toEqual([0, 1, -1, 2]);
    const sparse = { ...model, graph: zeroSlices(model.graph, groups, new Set([0]), ['reads']) };
    await assertEqual(
      nodeRuntime,
      sparse,
      shrink(sparse, groups, (k) => k === 0),
    );
  });
});

describe('hostile sizes', () => {
  it('are not followed one by one', () => {
    const b = new GraphBuilder('g');
    let x = apply('ConstantOfShape', [b.ints([1e12])]);
    for (let i = 0; i < 40; i++) x = concat([x, x], 0);
    let y: Value = relu(b.parameter('w', tensor([2])));
    for (let i = 0; i < 40; i++) y = concat([y, y], 0);
    b.output(x);
    b.output(scan([], [expand(b.input('one', 'float32', [1]), [1e12])], emptyBody(b))[0]!);
    b.output(y);
    expect(() => traceGroups(b.build())).not.toThrow();
  });
});

function emptyBody(b: GraphBuilder) {
  const body = new GraphBuilder(b.fresh('body'), b);
  body.output(relu(body.input(body.fresh('x'), 'float32', [])));
  return body.build();
}
