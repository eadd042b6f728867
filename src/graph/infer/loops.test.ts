import { describe, expect, it } from 'vitest';
import { graphOver, randomTensor } from '../../../test/support/graphs.ts';
import { type ShapeCase, shapeCase } from '../../../test/support/shapeCheck.ts';
import { floats, int64s } from '../attributes.ts';
import type { GraphBuilder, Value } from '../builder.ts';
import { operators, type RecurrentOp } from '../operators.ts';
import { add, apply, shapeOf } from '../ops.ts';
import { ShapeError } from './context.ts';
import { inferTypes } from './infer.ts';
import { loopShapes } from './loops.ts';

// T = 5, B = 2, I = 3, H = 4
const x = randomTensor([5, 2, 3]);
const free = { x: ['time', 'batch', 3] };

const layer = (op: RecurrentOp, direction: string) => {
  const directions = direction === 'bidirectional' ? 2 : 1;
  const rows = operators[op].recurrent.gates.length * 4;
  const inputs = { x, w: randomTensor([directions, rows, 3]), r: randomTensor([directions, rows, 4]) };
  const attributes = { hidden_size: 4, direction };
  return shapeCase(op, direction, inputs, (v, b) => b.node(op, [v.x, v.w, v.r], attributes, op === 'LSTM' ? 3 : 2), {
    free,
  });
};

const cases: ShapeCase[] = [
  ...(['LSTM', 'GRU', 'RNN'] as const).flatMap((op) =>
    ['forward', 'reverse', 'bidirectional'].map((d) => layer(op, d)),
  ),
  shapeCase('Constant', 'tensor', { x }, (v) => add(v.x, v.x.builder.float([1, 2, 3])), { free }),
  shapeCase('ConstantOfShape', 'shape of another', { x }, (v) => apply('ConstantOfShape', [shapeOf(v.x)]), { free }),
  shapeCase('ConstantOfShape', 'integers', { x }, (_, b) =>
    apply('ConstantOfShape', [b.ints([2, 3])], { value: { type: 'tensor', value: int64s([1], [7]) } }),
  ),
  shapeCase('RandomUniformLike', 'same type', { x }, (v) => apply('RandomUniformLike', [v.x]), { free }),
  shapeCase('RandomUniformLike', 'float64', { x }, (v) => apply('RandomUniformLike', [v.x], { dtype: 11 }), { free }),
  shapeCase('Shape', 'whole', { x }, (v) => shapeOf(v.x), { free }),
  ...[
    [1, 3],
    [-1, 3],
    [0, -1],
    [2, 1],
    [-100, 100],
  ].map(([start, end]) =>
    shapeCase('Shape', `from ${start} to ${end}`, { x }, (v) => apply('Shape', [v.x], { start, end }), { free }),
  ),
  shapeCase('Size', 'scalar', { x }, (v) => apply('Size', [v.x]), { free }),
  ...['RandomNormal', 'RandomUniform'].map((op) =>
    shapeCase(op, 'given shape', { x }, (_, b) => b.node(op, [], { shape: [2, 3] })),
  ),
  shapeCase('RandomNormalLike', 'same type', { x }, (v) => apply('RandomNormalLike', [v.x]), { free }),
  shapeCase('Bernoulli', 'same type', { x: floats([2], [0, 1]) }, (v) => apply('Bernoulli', [v.x])),
  shapeCase(
    'ConstantOfShape',
    'shape given at run time',
    { x: int64s([2], [2, 3]) },
    (v) => apply('ConstantOfShape', [v.x]),
    { loose: true },
  ),
];

describe('shapes of layers and constants', () => {
  it.each(cases)('$op: $variant', async ({ wrong }) => {
    expect(await wrong()).toEqual([]);
  });

  it('has a case for every rule', () => {
    expect(new Set(cases.map((c) => c.op))).toEqual(new Set(Object.keys(loopShapes)));
  });

  it('knows batch-first layers, which ONNX Runtime does not run', () => {
    const inputs = { x, w: randomTensor([1, 16, 3]), r: randomTensor([1, 16, 4]) };
    const graph = graphOver(inputs, (v, b) => b.node('LSTM', [v.x, v.w, v.r], { hidden_size: 4, layout: 1 }, 3), free);
    const type = inferTypes(graph);
    expect(graph.outputs.map((o) => type(o.name)?.shape)).toEqual([
      ['time', 'batch', 1, 4],
      ['time', 1, 4],
      ['time', 1, 4],
    ]);
  });
});

describe('layers that do not fit', () => {
  const lstm = (inputs: Record<string, readonly number[]>) => () =>
    graphOver(
      Object.fromEntries(Object.entries(inputs).map(([name, dims]) => [name, randomTensor(dims)])),
      (v: Record<string, Value>, b: GraphBuilder) => b.node('LSTM', [v.x, v.w, v.r, v.b], { hidden_size: 4 }, 3),
    );

  it.each([
    [
      'W',
      { x: [5, 2, 3], w: [1, 16, 2], r: [1, 16, 4] },
      /LSTM 'LSTM_0' \(\[5, 2, 3\], \[1, 16, 2\], .*W must be \[1, 16, 3\]/,
    ],
    ['R', { x: [5, 2, 3], w: [1, 16, 3], r: [1, 16, 5] }, /R must be \[1, 16, 4\]/],
    ['B', { x: [5, 2, 3], w: [1, 16, 3], r: [1, 16, 4], b: [1, 16] }, /B must be \[1, 32\]/],
    ['X', { x: [2, 3], w: [1, 16, 3], r: [1, 16, 4] }, /X must have three axes/],
  ])('stop at a wrong %s', (_, inputs, message) => {
    expect(lstm(inputs)).toThrow(ShapeError);
    expect(lstm(inputs)).toThrow(message);
  });
});
