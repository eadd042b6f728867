import { intAttribute } from '../../graph/attributes.ts';
import type { Rules } from '../../graph/rules.ts';
import { tieChannels } from './along.ts';
import { entangle, fixed, forChannels, inShapes, obstruct, operand, outputShape, type TraceRule } from './context.ts';
import { multiplied } from './matrix.ts';
import { alongAxis, fixLong, flow } from './traced.ts';

/*
 * Convolutions: the channels of x [N, C, …] lie along axis 1.
 */

/** x with w [M, C/group, k…] (ConvTranspose: [C, M/group, k…]) and a bias [M]; which axes of w read and make channels. */
const convolution =
  ({ reads, makes }: { reads: 0 | 1; makes: 0 | 1 }): TraceRule =>
  (c) => {
    const x = alongAxis(operand(c, 0), 1, c.identities);
    const w = operand(c, 1);
    const shape = outputShape(c);
    if (x.axis !== undefined && x.axis !== 1) return obstruct(c, 'it runs along the units');
    if (w.kind !== 'weight') return obstruct(c, 'its weight is not stored as it is used');
    if (shape === undefined) return obstruct(c, 'the shape of its output is not known');
    const groups = intAttribute(c.node, 'group', 1);
    const [read, made] = [w.axes[reads]!, w.axes[makes]!];
    const bias = c.inputs.slice(2);
    fixLong(w.axes.slice(2), c.identities);
    if (groups === 1) return tieChannels(c, multiplied(c, x, read, made, 1), bias);
    // One channel for each group: w [M, 1, k…] or [C, 1, k…].
    const channels = w.axes[0]!;
    const isDepthwise = w.axes[1]!.size === 1 && channels.ids.length === groups && x.shape?.[1] === groups;
    if (x.axis !== undefined && !isDepthwise) return obstruct(c, `its ${groups} groups of channels keep their sizes`);
    if (x.axis === undefined || !isDepthwise) {
      for (const a of w.axes) c.identities.fix(a.ids);
      return tieChannels(c, fixed(c), bias);
    }
    c.identities.mark(channels.sources, 'produces');
    return tieChannels(c, flow(shape, 1, c.identities.unite(x.ids, channels.ids)), bias);
  };

/** Windows along the axes behind the channels. */
const pool = forChannels((c, x) => (x.axis > 1 ? obstruct(c, 'it runs along the units') : inShapes(c, x)));

/** One window over everything behind the channels. */
const globalPool = forChannels((c, x) => {
  if (x.axis < 2) return inShapes(c, x);
  entangle(c, x.ids);
  return fixed(c);
});

/** Rules of convolutions and pools. */
export const convolutionTraces = {
  Conv: convolution({ reads: 1, makes: 0 }),
  ConvTranspose: convolution({ reads: 0, makes: 1 }),
  MaxPool: pool,
  AveragePool: pool,
  LpPool: pool,
  GlobalMaxPool: globalPool,
  GlobalAveragePool: globalPool,
  GlobalLpPool: globalPool,
} satisfies Rules<TraceRule>;
