import { describe, expect, it } from 'vitest';
import { loop } from '../../../test/support/graphs.ts';
import { checkUnits, HIDDEN, type Make, modelWith, tensor } from '../../../test/support/traceCheck.ts';
import { float, int64s } from '../../graph/attributes.ts';
import { GraphBuilder, type Value } from '../../graph/builder.ts';
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
  reduceMean,
  reduceSum,
  relu,
  reshape,
  shapeOf,
  sigmoid,
  slice,
  softmax,
  squeeze,
  tanh,
  transpose,
  unsqueeze,
  where,
} from '../../graph/ops.ts';
import { traceGroups } from '../trace.ts';

/* Operators that units go through, each on their way to a reader (`traceCheck.ts`). */

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

describe('operators that units go through', () => {
  it.each(Object.entries(followed))('%s', (_, make) => checkUnits(make));

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
    checkUnits(
      ({ h, parameter }) => {
        const made = apply('GroupNormalization', [transpose(h, [1, 2, 0]), parameter(HIDDEN), parameter(HIDDEN)], {
          num_groups: 1,
        });
        return matmul(transpose(made, [2, 0, 1]), parameter(HIDDEN, 2));
      },
      { opset: 21, entangled: true },
    ));

  it('root mean square normalization', () =>
    checkUnits(({ h, parameter }) => matmul(apply('RMSNormalization', [h, parameter(HIDDEN)]), parameter(HIDDEN, 2)), {
      opset: 23,
      entangled: true,
    }));
});
