import { intAttribute } from '../attributes.ts';
import type { Rules } from '../rules.ts';
import type { Dim } from '../types.ts';
import {
  axisOf,
  broadcastOf,
  canEqual,
  fail,
  type InferContext,
  type InferRule,
  inputType,
  same,
  tensor,
} from './context.ts';

/** A vector of one entry per channel (or per group) must fit the channels of x [N, C, …]. */
function checkChannels(c: InferContext, input: number, name: string, channels: Dim | undefined): void {
  const shape = c.inputs[input]?.shape;
  if (shape === undefined || channels === undefined) return;
  if (shape.length !== 1 || !canEqual(c, shape[0]!, channels))
    fail(c, `${name} must be [${channels}], one for each channel`);
}

/** Over the axes from `axis` on; further outputs are statistics, with size 1 in place of those axes. */
const layer: InferRule = (c) => {
  const type = inputType(c, 0);
  const { elementType, shape } = type;
  const axis = shape && axisOf(c, intAttribute(c.node, 'axis', -1), shape.length);
  const scale = c.inputs[1]?.shape;
  // Only what it says of sizes counts: what does not fit is the engine's to refuse.
  if (shape && scale) broadcastOf(c, shape, scale);
  const reduced = shape?.map((d, i) => (i < axis! ? d : 1));
  const statistics = tensor(elementType, reduced);
  return [type, statistics, statistics];
};

/** Shapes of operators that bring values to a common scale. */
export const normalizationShapes = {
  /** x [N, C, …] → the same; in training also the running mean and variance [C]. */
  BatchNormalization: (c) => {
    const type = inputType(c, 0);
    const channels = type.shape?.[1];
    ['scale', 'B', 'mean', 'var'].forEach((name, i) => {
      checkChannels(c, i + 1, name, channels);
    });
    return c.node.outputs.map((_, i) => (i === 0 ? type : tensor(type.elementType, inputType(c, 1).shape)));
  },
  /** Each example and channel for itself. */
  InstanceNormalization: (c) => {
    const type = inputType(c, 0);
    checkChannels(c, 1, 'scale', type.shape?.[1]);
    checkChannels(c, 2, 'B', type.shape?.[1]);
    return [type];
  },
  LayerNormalization: layer,
  RMSNormalization: layer,
  GroupNormalization: same,
  LpNormalization: same,
  MeanVarianceNormalization: same,
  LRN: same,
} satisfies Rules<InferRule>;
