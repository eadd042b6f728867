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
import { int64s } from '../graph/attributes.ts';
import type { Value } from '../graph/builder.ts';
import { add, apply, concat, split, unsqueeze } from '../graph/ops.ts';
import { statesOf } from '../graph/states.ts';
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

/** Two groups of 2 and 4 units, twice, whose states [2, batch, 6] are written by ScatterND, one row after the other. */
function cachedGroups(): Model {
  return stepModel({ cache: [2, B, 6] }, (b, x, [cache]) => {
    let [from, all] = [x, cache!];
    const heads: Value[] = [];
    for (const [row, names] of [['a', 'bb'] as const, ['ccc', 'dddd'] as const].entries()) {
      const [left, right] = split(pick(all, row, 0), [2, 4], 1);
      const inputs = row === 0 ? 5 : 3;
      const next = [gruStep(randomWeights(b, names[0]), from, left!, 2, inputs)];
      next.push(gruStep(randomWeights(b, names[1]), from, right!, 4, inputs));
      const states = concat(next, 1);
      all = apply('ScatterND', [all, b.constant(int64s([1, 1], [row])), unsqueeze(states, [0])]);
      from = head(b, states, 6);
      heads.push(from);
    }
    return { y: add(heads[0]!, heads[1]!), next: { cache_out: all } };
  });
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

  it('lose units of their own where the state may change its form, h and c staying together', async () => {
    const { layers, resized } = await withoutDead(kerasStack(), ['zz.R', 'head_0'], true);
    expect(layers.map((l) => l.after)).toEqual([H, H - 2]);
    expect(resized.map((r) => r.after)).toEqual([
      [1, 1, 2 * H - 2, 2],
      [1, 1, 2 * H - 2, 2],
    ]);
  });

  it('are followed through caches that are written row by row, in groups, along several axes', async () => {
    const model = cachedGroups();
    expect(traceModel(model).groups.layers.map((l) => l.components.length)).toEqual([2, 4, 2, 4]);
    const zero = { 'a.R': [1], head_0: [1] };
    expect(shrinkZeros(withZeroRows(model, zero)).layers.map((l) => l.after)).toEqual([2, 4, 2, 4]);
    const dead = withZeroRows(model, zero);
    const { prepared, groups, removed, layers, resized, model: slim } = shrinkZeros(dead, { resizeState: true });
    expect(layers.map((l) => l.after)).toEqual([1, 4, 2, 4]);
    expect(resized.map((r) => r.after)).toEqual([
      [1, B, 11],
      [1, B, 11],
    ]);
    await assertEqual(nodeRuntime, prepared, slim, { removal: { groups, removed, prepared } });
    await assertEqual(nodeRuntime, dead, slim, {
      states: statesOf(prepared),
      removal: { groups, removed, prepared },
    });
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
