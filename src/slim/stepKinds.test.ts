import { describe, expect, it } from 'vitest';
import { zeroSlices } from '../../test/support/models.ts';
import {
  gruStep,
  head,
  lstmStep,
  pick,
  randomWeights,
  rnnStep,
  stepModel,
  type Weights,
} from '../../test/support/stepCells.ts';
import { int64s } from '../graph/attributes.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import {
  add,
  apply,
  concat,
  gemm,
  matmul,
  mul,
  reshape,
  sigmoid,
  split,
  sub,
  tanh,
  transpose,
  unsqueeze,
} from '../graph/ops.ts';
import { statesOf } from '../graph/states.ts';
import type { Dim, Model } from '../graph/types.ts';
import { traceModel } from '../groups/traceModel.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { assertEqual } from '../verify/verify.ts';
import { shrinkZeros } from './shrink.ts';

/*
 * Forms in which exporters and people write one step of a cell: each is one layer, its states are found, and units that
 * are made dead are removed without loss.
 */

const [H, B, I] = [6, 'batch', 5];

/** As PyTorch's GRUCell comes out: n + z · (h − n). */
function torchGru(w: Weights, x: Value, h: Value): Value {
  const [xr, xz, xn] = split(gemm(x, w('W', [3 * H, I]), w('b', [3 * H]), { transB: true }), 3, 1);
  const [hr, hz, hn] = split(gemm(h, w('R', [3 * H, H]), w('bb', [3 * H]), { transB: true }), 3, 1);
  const n = tanh(add(xn!, mul(sigmoid(add(xr!, hr!)), hn!)));
  return add(n, mul(sigmoid(add(xz!, hz!)), sub(h, n)));
}

/** One product for data and state side by side, as TensorFlow writes it. */
function joinedLstm(w: Weights, x: Value, h: Value, c: Value): [Value, Value] {
  const [i, f, z, o] = split(add(matmul(concat([x, h], 1), w('K', [I + H, 4 * H])), w('b', [4 * H])), 4, 1);
  const next = add(mul(sigmoid(f!), c), mul(sigmoid(i!), tanh(z!)));
  return [mul(sigmoid(o!), tanh(next)), next];
}

/** Gates that look at the memory, and a smaller output that is projected. */
function projectedLstm(w: Weights, x: Value, h: Value, c: Value, out: number): [Value, Value] {
  const sums = add(matmul(x, w('W', [I, 4 * H])), matmul(h, w('R', [out, 4 * H])));
  const [i, f, z, o] = split(sums, 4, 1);
  const next = add(mul(sigmoid(add(f!, mul(c, w('pf', [H])))), c), mul(sigmoid(i!), tanh(z!)));
  return [matmul(mul(sigmoid(o!), tanh(next)), w('P', [H, out])), next];
}

interface Kind {
  readonly states: Readonly<Record<string, readonly Dim[]>>;
  readonly step: Parameters<typeof stepModel>[1];
  readonly layers?: number;
  readonly batch?: Dim;
}

const cell = (b: GraphBuilder) => randomWeights(b, 'cell');
const kinds: Readonly<Record<string, Kind>> = {
  'a GRU as PyTorch writes it': {
    states: { hx: [B, H] },
    step: (b, x, [h]) => {
      const next = torchGru(cell(b), x, h!);
      return { y: head(b, next, H), next: { hy: next } };
    },
  },
  'an LSTM with one product for data and state': {
    states: { h_in: [B, H], c_in: [B, H] },
    step: (b, x, [h, c]) => {
      const [hn, cn] = joinedLstm(cell(b), x, h!, c!);
      return { y: head(b, hn, H), next: { h_out: hn, c_out: cn } };
    },
  },
  'an LSTM with peepholes and a projection': {
    states: { h: [B, 4], c: [B, H] },
    layers: 2,
    step: (b, x, [h, c]) => {
      const [hn, cn] = projectedLstm(cell(b), x, h!, c!, 4);
      return { y: head(b, hn, 4), next: { hn, cn } };
    },
  },
  'h beside c in one row': {
    states: { state: [B, 2 * H] },
    step: (b, x, [state]) => {
      const [h, c] = split(state!, 2, 1);
      const next = lstmStep(cell(b), x, h!, c!, H, I);
      return { y: head(b, next[0], H), next: { state_out: concat(next, 1) } };
    },
  },
  'a flat state that is reshaped': {
    states: { state: [1, 2 * H] },
    batch: 1,
    step: (b, x, [state]) => {
      const [h, c] = split(reshape(state!, [2, H]), 2, 0);
      const next = lstmStep(cell(b), x, h!, c!, H, I);
      return { y: head(b, next[0], H), next: { state_out: reshape(concat(next, 0), [1, -1]) } };
    },
  },
  'a state of features by examples': {
    states: { h: [H, B] },
    step: (b, x, [h]) => {
      const next = rnnStep(cell(b), x, transpose(h!, [1, 0]), H, I);
      return { y: head(b, next, H), next: { h_next: transpose(next, [1, 0]) } };
    },
  },
  'a state of a fixed number of examples': {
    states: { h: [3, H] },
    batch: 3,
    step: (b, x, [h]) => {
      const next = gruStep(cell(b), x, h!, H, I);
      return { y: head(b, next, H), next: { h_next: next } };
    },
  },
  'a state that is written element by element': {
    states: { cache: [2, 1, H] },
    batch: 1,
    step: (b, x, [cache]) => {
      const w = cell(b);
      const [h, c] = [pick(cache!, 0, 0), pick(cache!, 1, 0)];
      const next = lstmStep(w, x, h, c, H, I);
      const row = (data: Value, k: number) => {
        const places = b.constant(int64s([1, 1, H], new Array<number>(H).fill(k)));
        return apply('ScatterElements', [data, places, unsqueeze(next[k]!, [0])], { axis: 0 });
      };
      return { y: head(b, next[0], H), next: { cache_out: row(row(cache!, 0), 1) } };
    },
  },
  'a normalized cell': {
    states: { h: [B, H] },
    step: (b, x, [h]) => {
      const w = cell(b);
      const read = apply('LayerNormalization', [matmul(h!, w('R', [H, H])), w('scale', [H])], { axis: -1 });
      const next = tanh(add(read, matmul(x, w('W', [I, H]))));
      return { y: head(b, next, H), next: { h_next: next } };
    },
  },
  'a convolutional GRU over five places': {
    states: { h: [1, H, 5] },
    batch: 1,
    step: (b, x, [h]) => {
      const w = cell(b);
      const conv = (value: Value, name: string, made: number, read: number) =>
        apply('Conv', [value, w(name, [made, read, 3])], { kernel_shape: [3], pads: [1, 1] });
      const row = reshape(x, [1, 1, I]);
      const [xz, xn] = split(conv(row, 'W', 2 * H, 1), 2, 1);
      const [hz, hn] = split(conv(h!, 'R', 2 * H, H), 2, 1);
      const z = sigmoid(add(xz!, hz!));
      const next = add(mul(sub(1, z), tanh(add(xn!, hn!))), mul(z, h!));
      return { y: conv(next, 'V', 2, H), next: { h_next: next } };
    },
  },
};

describe.each(Object.entries(kinds))('%s', (_, { states, step, layers = 1, batch = B }) => {
  const model = (): Model => stepModel(states, step, { batch });

  it('is found with its states', () => {
    const { groups, prepared } = traceModel(model());
    expect(statesOf(prepared).map((s) => s.input)).toEqual(Object.keys(states));
    expect(groups.layers).toHaveLength(layers);
    expect(groups.layers.every((l) => l.components.every((k) => k >= 0))).toBe(true);
  });

  it('loses its dead units, no others', async () => {
    const { groups, prepared } = traceModel(model());
    const dead = groups.entangled.size > 0 ? [] : [1, 4];
    const sparse = { ...prepared, graph: zeroSlices(prepared.graph, groups, new Set(dead), ['reads']) };
    const shrunk = shrinkZeros(sparse);
    expect([...shrunk.removed].flatMap((flag, k) => (flag === 1 ? [k] : []))).toEqual(dead);
    await assertEqual(nodeRuntime, sparse, shrunk.model, { removal: { ...shrunk, prepared: shrunk.prepared } });
  });
});
