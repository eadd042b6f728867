import { describe, expect, it } from 'vitest';
import { zeroSlices } from '../../../test/support/models.ts';
import { checkUnits, HIDDEN, type Make, modelWith, tensor } from '../../../test/support/traceCheck.ts';
import { int64s } from '../../graph/attributes.ts';
import { GraphBuilder, type Value } from '../../graph/builder.ts';
import {
  add,
  apply,
  concat,
  div,
  expand,
  gather,
  gatherElements,
  matmul,
  mul,
  pow,
  reduceMean,
  relu,
  reshape,
  scan,
  sigmoid,
  slice,
  softmax,
  sqrt,
  sub,
  transpose,
  unsqueeze,
} from '../../graph/ops.ts';
import { nodeRuntime } from '../../runtime/node.ts';
import { shrink } from '../../slim/shrink.ts';
import { assertEqual } from '../../verify/verify.ts';
import { traceGroups } from '../trace.ts';

/* Operators that units do not go through one by one (`traceCheck.ts`). */

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

describe('operators that look at all units together', () => {
  it.each(Object.entries(entangled))('%s', (_, make) => checkUnits(make, { entangled: true }));

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
