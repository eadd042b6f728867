import { describe, expect, it } from 'vitest';
import { randomTensor } from '../../test/support/graphs.ts';
import { zeroSlices } from '../../test/support/models.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import { GraphBuilder as Builder } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { concat, matmul, reshape, slice, squeeze, transpose, unsqueeze } from '../graph/ops.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { traceModel } from '../groups/traceModel.ts';
import { readModel } from '../onnx/read.ts';
import { writeModel } from '../onnx/write.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { assertEqual, verifyEqual } from '../verify/verify.ts';
import { planCut } from './cut.ts';
import { shrinkModel, shrinkZeros } from './shrink.ts';

const I = 3;
const H = 4;

/** How a weight is stored: as an initializer or as a Constant. */
type Store = (b: GraphBuilder, name: string, tensor: Tensor) => Value;

const stores: Readonly<Record<string, Store>> = {
  initializers: (b, name, tensor) => b.parameter(name, tensor),
  Constants: (b, _, tensor) => b.constant(tensor),
};

/** [4H, …] with gates i, f, g, o as PyTorch has them, put in ONNX's order i, o, f, c; [1, 4H, …]. */
function reordered(weight: Value): Value {
  const gate = (k: number) => slice(weight, [k * H], [(k + 1) * H], [0]);
  return unsqueeze(concat([gate(0), gate(3), gate(1), gate(2)], 0), [0]);
}

/** An LSTM as PyTorch's exporter writes it without folding; x [T, B, 3] → [T, B, 2]. */
function exported(store: Store, directions: number): Model {
  const b = new Builder('g');
  const x = b.input('x', 'float32', ['time', 'batch', I]);
  const parts = Array.from({ length: directions }, (_, d) => {
    const stored = (name: string, dims: number[], seed: number) =>
      store(b, `${name}.${d}`, randomTensor(dims, 10 * d + seed));
    const biases = ['b_ih', 'b_hh'].map((name, i) => reordered(stored(name, [4 * H], 3 + i)));
    return [reordered(stored('w_ih', [4 * H, I], 1)), reordered(stored('w_hh', [4 * H, H], 2)), concat(biases, 1)];
  });
  const inputs = [0, 1, 2].map((i) =>
    concat(
      parts.map((part) => part[i]!),
      0,
    ),
  );
  const direction = directions === 2 ? 'bidirectional' : 'forward';
  const [y] = b.node('LSTM', [x, ...inputs], { hidden_size: H, direction }, 1, '', 'lstm');
  const features = directions === 2 ? reshape(transpose(y!, [0, 2, 1, 3]), [0, 0, -1]) : squeeze(y!, [1]);
  b.output(matmul(features, b.parameter('head', randomTensor([directions * H, 2], 99))), 'y');
  return modelOf(b.build());
}

describe.each(Object.keys(stores))('an LSTM whose gates are put in order in the graph, from %s', (kind) => {
  it.each([1, 2])('is found, traced, cut and saved: %i directions', async (directions) => {
    const model = exported(stores[kind]!, directions);
    const traced = traceModel(model);
    expect(traced.groups.layers.map((l) => [...l.components])).toEqual(
      Array.from({ length: directions }, (_, d) => Array.from({ length: H }, (_, i) => d * H + i)),
    );
    const { removed, parameters } = planCut(traced, { kind: 'keep', fraction: 0.5 });
    const { model: slim, layers } = shrinkModel(model, traced, removed);
    expect(layers.map((l) => l.after)).toEqual(new Array(directions).fill(H / 2));
    expect(slim.graph.nodes.map((n) => n.op)).not.toContain('Slice');
    expect(parameters.after).toBeLessThan(parameters.before);
    const saved = readModel(writeModel(slim));
    expect((await verifyEqual(nodeRuntime, slim, saved)).maxAbsDifference).toBe(0);
  });

  it('comes back as it was where nothing is removed', () => {
    const model = exported(stores[kind]!, 1);
    expect(shrinkZeros(model).model).toBe(model);
  });
});

it('dead units leave such an LSTM without loss', async () => {
  const { prepared, groups } = traceModel(exported(stores.initializers!, 2));
  const dead = { ...prepared, graph: zeroSlices(prepared.graph, groups, new Set([1, 5, 6]), ['reads']) };
  const slim = shrinkZeros(dead);
  expect(slim.layers.map((l) => l.after)).toEqual([3, 2]);
  await assertEqual(nodeRuntime, dead, slim.model, { removal: slim });
});
