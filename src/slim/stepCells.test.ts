import { describe, expect, it } from 'vitest';
import {
  gruStep,
  head,
  lstmStep,
  pick,
  randomWeights,
  rhnStep,
  rnnStep,
  stack,
  stepModel,
  withZeroRows,
} from '../../test/support/stepCells.ts';
import type { Dim, Model } from '../graph/types.ts';
import { traceModel } from '../groups/traceModel.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { assertEqual, verifyEqual } from '../verify/verify.ts';
import { planCut } from './cut.ts';
import { shrinkModel, shrinkZeros } from './shrink.ts';

const [H, B] = [6, 'batch'];
/** Units that nothing reads but themselves. */
const DEAD = [1, 4];

/** Layers, and that the model without its dead units computes the same, with states carried. */
async function withoutDead(model: Model, rows: readonly string[], resizeState = false) {
  const dead = withZeroRows(model, Object.fromEntries(rows.map((name) => [name, DEAD])));
  const shrunk = shrinkZeros(dead, { resizeState });
  const { prepared, groups, removed } = shrunk;
  await assertEqual(nodeRuntime, prepared, shrunk.model, { removal: { groups, removed, prepared } });
  return shrunk;
}

describe('a cell taken apart into one step', () => {
  it.each([
    ['GRU cell', gruStep, ['cell.R', 'head']],
    ['RNN cell', rnnStep, ['cell.R', 'head']],
    ['cell', rhnStep, ['cell.Rh0', 'cell.Rt0', 'cell.Rh1', 'cell.Rt1', 'head']],
  ] as const)('is one layer (%s), whose dead units are removed', async (operator, step, rows) => {
    const model = stepModel({ h: [B, H] }, (b, x, [h]) => {
      const next = step(randomWeights(b, 'cell'), x, h!, H, 5);
      return { y: head(b, next, H), next: { h_next: next } };
    });
    expect(traceModel(model).groups.layers).toMatchObject([{ name: 'h', operator }]);
    const { layers, resized } = await withoutDead(
      model,
      rows.map((name) => (name === 'head' ? 'head_0' : name)),
    );
    expect(layers).toEqual([{ name: 'h', before: H, after: H - 2 }]);
    expect(resized.map((r) => r.after)).toEqual([
      [B, H - 2],
      [B, H - 2],
    ]);
  });

  it.each([
    ['in front', [2, B, H], 0],
    ['in the middle', [B, 2, H], 1],
    ['last', [B, H, 2], 2],
    ['between sizes that are all given', [1, H, 2], 2],
  ] as const)('is one LSTM cell with h and c stacked %s', async (_, shape, axis) => {
    const model = stepModel(
      { state: shape },
      (b, x, [state]) => {
        const next = lstmStep(randomWeights(b, 'cell'), x, pick(state!, 0, axis), pick(state!, 1, axis), H, 5);
        return { y: head(b, next[0], H), next: { state_out: stack(next, axis) } };
      },
      { batch: shape[0] === 1 ? 1 : B },
    );
    expect(traceModel(model).groups.layers).toMatchObject([{ name: 'state', operator: 'LSTM cell' }]);
    const { layers, resized } = await withoutDead(model, ['cell.R', 'head_0']);
    expect(layers).toEqual([{ name: 'state', before: H, after: H - 2 }]);
    const after = shape.map((d: Dim) => (d === H ? H - 2 : d));
    expect(resized.map((r) => r.after)).toEqual([after, after]);
  });
});

/** Two LSTM cells whose states are stacked as [1, layers, units, 2], as Keras does. */
function kerasStack(): Model {
  return stepModel(
    { state: [1, 2, H, 2] },
    (b, x, [state]) => {
      const part = (layer: number, k: number) => pick(pick(state!, k, 3), layer, 1);
      const a = lstmStep(randomWeights(b, 'a'), x, part(0, 0), part(0, 1), H, 5);
      const z = lstmStep(randomWeights(b, 'zz'), a[0], part(1, 0), part(1, 1), H, H);
      const next = stack([stack([a[0], z[0]], 1), stack([a[1], z[1]], 1)], 3);
      return { y: head(b, z[0], H), next: { state_out: next } };
    },
    { batch: 1 },
  );
}

describe('cells whose states are stacked in one tensor', () => {
  it('keep equally many units, so that the state keeps its form', async () => {
    const model = kerasStack();
    expect(traceModel(model).groups.layers.map((l) => [l.operator, l.components.length])).toEqual([
      ['LSTM cell', H],
      ['LSTM cell', H],
    ]);
    const { layers, resized } = await withoutDead(model, ['a.R', 'zz.W', 'zz.R', 'head_0']);
    expect(layers.map((l) => l.after)).toEqual([H - 2, H - 2]);
    expect(resized.map((r) => r.after)).toEqual([
      [1, 2, H - 2, 2],
      [1, 2, H - 2, 2],
    ]);
    expect((await withoutDead(model, ['a.R', 'zz.W'])).layers.map((l) => l.after)).toEqual([H, H]);
  });

  it('can be cut to half', async () => {
    const model = kerasStack();
    const traced = traceModel(model);
    const plan = planCut(traced, { kind: 'keep', fraction: 0.5 });
    const { model: slim, removed } = shrinkModel(model, traced, plan.removed);
    const removal = { groups: traced.groups, removed, prepared: traced.prepared };
    const { maxAbsDifference } = await verifyEqual(nodeRuntime, traced.prepared, slim, { removal });
    expect(maxAbsDifference).toBeLessThan(100);
  });
});
