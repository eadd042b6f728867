import { constantTensor, graphAttribute, intAttribute, intsAttribute, stringAttribute } from '../attributes.ts';
import { differ } from '../dims.ts';
import { elementTypeNumbers, elementTypeOf } from '../elementTypes.ts';
import type { Dim, TensorType } from '../types.ts';
import { axisOf, fail, type InferRule, inputType, tensor } from './context.ts';
import { shapePart } from './integers.ts';

/** Gates of ONNX's recurrent operators: rows of W per hidden unit. */
export const gateCounts: Readonly<Record<string, number>> = { LSTM: 4, GRU: 3, RNN: 1 };

/** X[T,B,I], W[D,GH,I], R[D,GH,H] → Y[T,D,B,H], Y_h[D,B,H] (and Y_c for LSTM); batch first when layout is 1. */
const recurrent: InferRule = (c) => {
  const { elementType, shape: x } = inputType(c, 0);
  const w = inputType(c, 1).shape;
  const r = inputType(c, 2).shape;
  const direction = stringAttribute(c.node, 'direction', 'forward');
  const directions = direction === 'bidirectional' ? 2 : 1;
  const gates = gateCounts[c.node.op]!;
  const hidden = intAttribute(c.node, 'hidden_size', 0) || (r?.[2] ?? fail(c, 'hidden_size is missing'));
  const expect = (input: number, name: string, shape: readonly (Dim | undefined)[]) => {
    const got = c.inputs[input]?.shape;
    if (got === undefined) return;
    const clash = got.length !== shape.length || got.some((d, i) => shape[i] !== undefined && differ(d, shape[i]!));
    if (clash) fail(c, `${name} must be [${shape.map((d) => d ?? '?').join(', ')}] (directions, gates·hidden, …)`);
  };
  const rows = typeof hidden === 'number' ? gates * hidden : undefined;
  expect(1, 'W', [directions, rows, x?.[2]]);
  expect(2, 'R', [directions, rows, hidden]);
  expect(3, 'B', [directions, rows === undefined ? undefined : 2 * rows]);
  if (x === undefined || w === undefined) return c.node.outputs.map(() => tensor(elementType, undefined));
  if (x.length !== 3) fail(c, 'X must have three axes');
  const batchFirst = intAttribute(c.node, 'layout', 0) === 1;
  const [time, batch] = batchFirst ? [x[1]!, x[0]!] : [x[0]!, x[1]!];
  const state = batchFirst ? [batch, directions, hidden] : [directions, batch, hidden];
  expect(5, 'initial_h', state);
  expect(6, 'initial_c', state);
  const y = batchFirst ? [batch, time, directions, hidden] : [time, directions, batch, hidden];
  return [y, state, state].slice(0, c.node.outputs.length).map((shape) => tensor(elementType, shape));
};

/** Scan: N loop states, M scanned inputs → N final states and K outputs stacked over the steps. */
const scan: InferRule = (c) => {
  const body = graphAttribute(c.node, 'body') ?? fail(c, 'the body is missing');
  const scanned = intAttribute(c.node, 'num_scan_inputs', 0);
  const states = c.inputs.length - scanned;
  if (states < 0 || body.inputs.length !== c.inputs.length) {
    fail(c, `the body takes ${body.inputs.length} inputs, the Scan has ${c.inputs.length}`);
  }
  const inputAxes = intsAttribute(c.node, 'scan_input_axes') ?? [];
  const outputAxes = intsAttribute(c.node, 'scan_output_axes') ?? [];
  let steps: Dim | undefined;
  const bodyInputs = c.inputs.map((_, i): TensorType => {
    const { elementType, shape } = inputType(c, i);
    if (i < states || shape === undefined) return { elementType, shape };
    const axis = axisOf(c, inputAxes[i - states] ?? 0, shape.length);
    if (steps !== undefined && differ(steps, shape[axis]!)) fail(c, `${steps} and ${shape[axis]} steps to scan`);
    steps ??= shape[axis]!;
    return { elementType, shape: shape.filter((_, a) => a !== axis) };
  });
  const outputs = c.inferBody(body, bodyInputs);
  if (outputs.length !== c.node.outputs.length) {
    fail(c, `the body gives ${outputs.length} outputs, the Scan names ${c.node.outputs.length}`);
  }
  return outputs.map((type, i) => {
    if (i < states) return { elementType: type.elementType, shape: bodyInputs[i]!.shape ?? type.shape };
    if (type.shape === undefined) return type;
    const axis = axisOf(c, outputAxes[i - states] ?? 0, type.shape.length + 1);
    const shape = [...type.shape];
    shape.splice(axis, 0, steps ?? c.freshDim());
    return { elementType: type.elementType, shape };
  });
};

const constant: InferRule = (c) => {
  const value = constantTensor(c.node) ?? fail(c, 'a Constant of this kind is not supported');
  return [tensor(value.elementType, value.dims)];
};

const constantOfShape: InferRule = (c) => {
  const value = c.node.attributes.value;
  return [tensor(value?.type === 'tensor' ? value.value.elementType : 'float32', c.ints(0))];
};

const randomUniformLike: InferRule = (c) => {
  const { elementType, shape } = inputType(c, 0);
  const wanted = intAttribute(c.node, 'dtype', elementTypeNumbers[elementType]);
  return [tensor(elementTypeOf(wanted) ?? elementType, shape)];
};

export const loopShapes: Readonly<Record<string, InferRule>> = {
  LSTM: recurrent,
  GRU: recurrent,
  RNN: recurrent,
  Scan: scan,
  Constant: constant,
  ConstantOfShape: constantOfShape,
  RandomUniformLike: randomUniformLike,
  Shape: (c) => [tensor('int64', [shapePart(c.node, inputType(c, 0).shape)?.length ?? c.freshDim()])],
  Size: () => [tensor('int64', [])],
  Range: (c) => [tensor(inputType(c, 0).elementType, [c.freshDim()])],
};
