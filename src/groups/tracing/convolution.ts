import { intAttribute } from '../../graph/attributes.ts';
import type { Rules } from '../../graph/rules.ts';
import { entangle, obstruct, operand, outputShape, type TraceContext, type TraceRule } from './context.ts';
import { FIXED } from './identities.ts';
import { alongAxis, asFlow, type Flow, flow, idsAlong, type Traced, uniform, type ValueAxis } from './traced.ts';

/*
 * Convolutions: the channels of x [N, C, …] lie along axis 1.
 */

/** Which axes of the weight read channels, and which make them. */
interface Layout {
  readonly reads: 0 | 1;
  readonly makes: 0 | 1;
}

/** x with w [M, C/group, k…] (ConvTranspose: [C, M/group, k…]) and a bias [M]. */
const convolution =
  ({ reads, makes }: Layout): TraceRule =>
  (c) => {
    const x = asFlow(operand(c, 0), c.identities);
    const w = operand(c, 1);
    const shape = outputShape(c);
    if (x.axis !== undefined && x.axis !== 1) return obstruct(c, 'it runs along the units');
    if (w.kind !== 'weight') return obstruct(c, 'its weight is not stored as it is used');
    if (shape === undefined) return obstruct(c, 'the shape of its output is not known');
    const groups = intAttribute(c.node, 'group', 1);
    const [read, made] = [w.axes[reads]!, w.axes[makes]!];
    for (const a of w.axes.slice(2)) if (a.ids.length > 1) c.identities.fix(a.ids);
    if (groups === 1) return [withBias(c, plain(c, x, read, made))];
    // One channel for each group: w [M, 1, k…] or [C, 1, k…].
    const channels = w.axes[0]!;
    const isDepthwise = w.axes[1]!.size === 1 && channels.ids.length === groups && x.shape?.[1] === groups;
    if (x.axis !== undefined && !isDepthwise) return obstruct(c, `its ${groups} groups of channels keep their sizes`);
    if (x.axis === undefined || !isDepthwise) {
      for (const a of w.axes) c.identities.fix(a.ids);
      return [withBias(c, uniform(shape, FIXED))];
    }
    c.identities.mark(channels.sources, 'produces');
    return [withBias(c, flow(shape, 1, c.identities.unite(x.ids, channels.ids)))];
  };

function plain(c: TraceContext, x: Flow, reads: ValueAxis, makes: ValueAxis): Flow {
  if (x.axis !== undefined) {
    if (x.ids.length !== reads.ids.length) return obstructed(c, 'its weight is put together in a way that hides rows');
    c.identities.unite(x.ids, reads.ids);
  } else if (x.ids[0] === FIXED) c.identities.fix(reads.ids);
  c.identities.mark(reads.sources, 'reads');
  if (makes.ids.length === 0) return uniform(outputShape(c), FIXED);
  c.identities.mark(makes.sources, 'produces');
  return flow(outputShape(c)!, 1, makes.ids);
}

function obstructed(c: TraceContext, reason: string): Flow {
  obstruct(c, reason);
  return uniform(outputShape(c), FIXED);
}

function withBias(c: TraceContext, made: Flow): Traced {
  const bias = c.inputs[2];
  if (bias === undefined) return made;
  if (made.axis === undefined || idsAlong(bias, 0)?.length !== made.ids.length) {
    c.identities.fix(made.ids);
    const own = idsAlong(bias, 0);
    if (own) c.identities.fix(own);
    return made;
  }
  return { ...made, ids: c.identities.unite(made.ids, alongAxis(bias, 0, c.identities).ids) };
}

/** Windows along the axes behind the channels. */
const pool: TraceRule = (c) => {
  const x = asFlow(operand(c, 0), c.identities);
  if (x.axis !== undefined && x.axis > 1) return obstruct(c, 'it runs along the units');
  return c.node.outputs.map((_, i) => ({ ...x, shape: outputShape(c, i) }));
};

/** One window over everything behind the channels. */
const globalPool: TraceRule = (c) => {
  const x = asFlow(operand(c, 0), c.identities);
  if (x.axis === undefined || x.axis < 2) return [{ ...x, shape: outputShape(c) }];
  entangle(c, x.ids);
  return [uniform(outputShape(c), FIXED)];
};

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
