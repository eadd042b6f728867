import { constantTensor, intAttribute, intsAttribute, stringAttribute } from '../attributes.ts';
import { shapePart } from '../evaluate/evaluate.ts';
import { traits } from '../operators.ts';
import type { Rules } from '../rules.ts';
import { RECURRENT_INPUT as INPUT } from '../slots.ts';
import type { Dim } from '../types.ts';
import { canEqual, elementTypeAttribute, fail, type InferRule, inputType, shapeFrom, tensor } from './context.ts';

/** X[T,B,I], W[D,GH,I], R[D,GH,H] → Y[T,D,B,H], Y_h[D,B,H] (and Y_c for LSTM); batch first when layout is 1. */
const recurrent: InferRule = (c) => {
  const { elementType, shape: x } = inputType(c, INPUT.x);
  const w = inputType(c, INPUT.weight).shape;
  const r = inputType(c, INPUT.recurrent).shape;
  const direction = stringAttribute(c.node, 'direction', 'forward');
  const directions = direction === 'bidirectional' ? 2 : 1;
  const gates = traits(c.node).recurrent!.gates.length;
  const hidden = intAttribute(c.node, 'hidden_size', 0) || (r?.[2] ?? fail(c, 'hidden_size is missing'));
  const expect = (input: number, name: string, shape: readonly (Dim | undefined)[]) => {
    const got = c.inputs[input]?.shape;
    if (got === undefined) return;
    const clash =
      got.length !== shape.length || got.some((d, i) => shape[i] !== undefined && !canEqual(c, d, shape[i]!));
    if (clash) fail(c, `${name} must be [${shape.map((d) => d ?? '?').join(', ')}] (directions, gates·hidden, …)`);
  };
  const rows = typeof hidden === 'number' ? gates * hidden : undefined;
  expect(INPUT.weight, 'W', [directions, rows, x?.[2]]);
  expect(INPUT.recurrent, 'R', [directions, rows, hidden]);
  expect(INPUT.bias, 'B', [directions, rows === undefined ? undefined : 2 * rows]);
  if (x === undefined || w === undefined) return c.node.outputs.map(() => tensor(elementType, undefined));
  if (x.length !== 3) fail(c, 'X must have three axes');
  const batchFirst = intAttribute(c.node, 'layout', 0) === 1;
  const [time, batch] = batchFirst ? [x[1]!, x[0]!] : [x[0]!, x[1]!];
  const state = batchFirst ? [batch, directions, hidden] : [directions, batch, hidden];
  const lengths = c.inputs[INPUT.lengths]?.shape?.[0];
  if (lengths !== undefined) c.meet(lengths, batch);
  expect(INPUT.hidden, 'initial_h', state);
  expect(INPUT.cell, 'initial_c', state);
  const y = batchFirst ? [batch, time, directions, hidden] : [time, directions, batch, hidden];
  return [y, state, state].map((shape) => tensor(elementType, shape));
};

const random: InferRule = (c) => [
  tensor(elementTypeAttribute(c, 'dtype') ?? 'float32', intsAttribute(c.node, 'shape') ?? fail(c, 'shape is missing')),
];

const randomLike: InferRule = (c) => {
  const { elementType, shape } = inputType(c, 0);
  return [tensor(elementTypeAttribute(c, 'dtype') ?? elementType, shape)];
};

/** Shapes of ONNX's recurrent layers, and of what values begin with. */
export const loopShapes = {
  LSTM: recurrent,
  GRU: recurrent,
  RNN: recurrent,
  Constant: (c) => {
    const value = constantTensor(c.node) ?? fail(c, 'a Constant of this kind is not supported');
    return [tensor(value.elementType, value.dims)];
  },
  ConstantOfShape: (c) => {
    const value = c.node.attributes.value;
    const shape = shapeFrom(c, 0);
    if (shape?.some((d) => typeof d === 'number' && d < 0)) fail(c, `[${shape}] is no shape`);
    return [tensor(value?.type === 'tensor' ? value.value.elementType : 'float32', shape)];
  },
  RandomNormal: random,
  RandomUniform: random,
  RandomNormalLike: randomLike,
  RandomUniformLike: randomLike,
  Bernoulli: randomLike,
  Shape: (c) => [tensor('int64', [shapePart(c.node, inputType(c, 0).shape)?.length ?? c.freshDim()])],
  Size: () => [tensor('int64', [])],
} satisfies Rules<InferRule>;
