import { operatorName } from '../names.ts';
import { RECURRENT_INPUT as INPUT } from '../slots.ts';
import type { Node } from '../types.ts';
import { type InferRule, inputType, tensor } from './context.ts';
import { matrixShapes } from './matrix.ts';

/** X [T, B, I], W [D, I, 4H], R [D, H, 4H] → Y [T, D, B, H], Y_h [D, B, H], Y_c [D, B, H]. */
const dynamicLstm: InferRule = (c) => {
  const { elementType, shape: x } = inputType(c, INPUT.x);
  const r = inputType(c, INPUT.recurrent).shape;
  if (x?.length !== 3 || r?.length !== 3) return c.node.outputs.map(() => tensor(elementType, undefined));
  const [time, batch] = [x[0]!, x[1]!];
  const [directions, hidden] = [r[0]!, r[1]!];
  const lengths = c.inputs[INPUT.lengths]?.shape?.[0];
  const starts = [INPUT.hidden, INPUT.cell].map((place) => c.inputs[place]?.shape?.[1]);
  for (const size of [lengths, ...starts]) if (size !== undefined) c.meet(size, batch);
  const state = [directions, batch, hidden];
  return [[time, directions, batch, hidden], state, state].map((shape) => tensor(elementType, shape));
};

/** Shapes of ONNX Runtime's own operators that `slimrnn quantize` writes. */
const foreignShapes: Readonly<Record<string, InferRule>> = {
  'com.microsoft.DynamicQuantizeLSTM': dynamicLstm,
  'com.microsoft.DynamicQuantizeMatMul': matrixShapes.MatMul,
};

/** The rule for an operator of another domain than ONNX's own; undefined where there is none. */
export function foreignRule(node: Node): InferRule | undefined {
  const name = operatorName(node);
  return Object.hasOwn(foreignShapes, name) ? foreignShapes[name] : undefined;
}
