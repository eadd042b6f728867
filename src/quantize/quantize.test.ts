import { describe, expect, it } from 'vitest';
import { testModel } from '../../test/support/models.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { floatToHalf } from '../graph/half.ts';
import { inferTypes } from '../graph/infer/infer.ts';
import { modelOf } from '../graph/model.ts';
import { gather, matmul, transpose } from '../graph/ops.ts';
import { SparseTensor, sparseOf } from '../graph/sparseTensor.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { costsOf } from '../inspect/costs.ts';
import { readModel } from '../onnx/read.ts';
import { writeModel } from '../onnx/write.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { loadWebRuntime } from '../runtime/webInNode.ts';
import { verifyEqual } from '../verify/verify.ts';
import { calibrationRanges, type QuantizedForm, quantizedForms, quantizeModel } from './quantize.ts';

const layers = [
  { hidden: 16, direction: 'bidirectional' },
  { hidden: 12, direction: 'forward' },
] as const;
const model = testModel({ vocabulary: 40, embedding: 8, layers });
const forms = Object.keys(quantizedForms) as QuantizedForm[];
const most: Record<QuantizedForm, number> = { int8: 0.05, 'int8-storage': 0.03, fp16: 2e-3, qdq: 0.05 };
const tokens: Tensor = { elementType: 'int32', dims: [10, 4], data: Int32Array.from({ length: 40 }, (_, i) => i) };
const ranges = await calibrationRanges(model, { runtime: nodeRuntime, windows: [{ tokens }] });

function with32(name: string, change: (tensor: Tensor) => Tensor): Model {
  const initializers = new Map(model.graph.initializers);
  initializers.set(name, change(initializers.get(name)!));
  return { ...model, graph: { ...model.graph, initializers } };
}

describe('quantizeModel', () => {
  it.each(forms)('to %s: smaller, as a file, too, and near to the model in both engines', async (to) => {
    const bytes = writeModel(quantizeModel(model, { to, ranges }).model);
    expect(bytes.length).toBeLessThan((to === 'fp16' ? 0.62 : 0.5) * writeModel(model).length);
    for (const runtime of [nodeRuntime, await loadWebRuntime()]) {
      const { maxRelativeDifference } = await verifyEqual(runtime, model, readModel(bytes), { feeds: [{ tokens }] });
      expect(maxRelativeDifference).toBeLessThan(most[to]);
      expect(maxRelativeDifference).toBeGreaterThan(0);
    }
  });

  it.each(forms)('to %s: as many parameters, scales not counted', (to) => {
    const [before, after] = [model, quantizeModel(model, { to, ranges }).model].map((each) => costsOf(each).parameters);
    expect(after).toBe(before);
  });

  it('says what became of each weight', () => {
    const lstm = (i: number, form: string) => [
      { name: `lstm_${i}.weight`, form },
      { name: `lstm_${i}.recurrent`, form },
    ];
    const { weights, kept } = quantizeModel(model);
    expect(kept).toEqual([]);
    const products = [...lstm(0, 'product'), ...lstm(1, 'product'), { name: 'head.weight', form: 'product' }];
    expect(weights).toEqual([{ name: 'embedding', form: 'rows' }, ...products]);
  });

  it('knows the shapes of what the new operators give', () => {
    const typeOf = inferTypes(quantizeModel(model).model.graph);
    expect(typeOf('lstm_1.sequence')?.shape).toEqual(['time', 1, 'batch', 12]);
  });

  it.each(forms)('to %s: lays sparse weights out', async (to) => {
    const sparse = with32('head.weight', sparseOf);
    const { graph } = quantizeModel(sparse, { to, ranges }).model;
    expect([...graph.initializers.values()].some((tensor) => tensor instanceof SparseTensor)).toBe(false);
    const dense = quantizeModel(model, { to, ranges }).model;
    expect(writeModel(quantizeModel(sparse, { to, ranges }).model).length).toBe(writeModel(dense).length);
  });

  it('keeps weights that float16 cannot hold', () => {
    const large = with32('head.weight', (tensor) => ({
      ...tensor,
      data: Float32Array.from(tensor.data as Float32Array, () => 7e4),
    }));
    const why = 'has numbers that are too large for float16';
    expect(quantizeModel(large, { to: 'fp16' }).kept).toEqual([{ name: 'head.weight', why }]);
  });

  it('stores a table twice that is looked up and multiplied, or once where nothing is multiplied as whole numbers', async () => {
    const b = new GraphBuilder('tied');
    const table = b.parameter('table', model.graph.initializers.get('embedding')!);
    const x = gather(table, b.input('ids', 'int64', ['time']));
    b.output(matmul(x, transpose(table, [1, 0])), 'y');
    const tied = modelOf(b.build());
    const both = ['rows', 'product'].map((form) => ({ name: 'table', form }));
    expect(quantizeModel(tied).weights).toEqual(both);
    const { model: stored, weights } = quantizeModel(tied, { to: 'int8-storage' });
    expect(weights).toEqual([{ name: 'table', form: 'int8' }]);
    for (const other of [stored, quantizeModel(tied).model]) {
      expect((await verifyEqual(nodeRuntime, tied, other)).maxRelativeDifference).toBeLessThan(0.03);
    }
  });

  it('wants ranges of activations where these have fixed scales', () => {
    expect(() => quantizeModel(model, { to: 'qdq' })).toThrow('qdq needs the ranges of activations');
    const { weights } = quantizeModel(model, { to: 'qdq', ranges });
    expect(weights.filter(({ form }) => form === 'product')).toEqual([{ name: 'head.weight', form: 'product' }]);
    expect(quantizeModel(model, { to: 'qdq', ranges: new Map() }).weights).toContainEqual({
      ...{ name: 'head.weight', form: 'int8' },
    });
  });

  it('does not round the scales of a large table again', () => {
    const large = testModel({ vocabulary: 300, embedding: 4, layers: [{ hidden: 8, direction: 'forward' }] });
    const { weights, kept } = quantizeModel(large);
    expect([weights.map(({ name }) => name), kept]).toEqual([['embedding', 'head.weight', 'lstm_0.recurrent'], []]);
  });

  it('leaves alone what a caller may give in place of a weight', () => {
    const info = { name: 'head.weight', type: { elementType: 'float32', shape: [12, 40] } } as const;
    const open = { ...model, graph: { ...model.graph, listedInitializers: [{ at: 0, info }] } };
    const why = 'is an input that may be given';
    expect(quantizeModel(open).kept).toEqual([{ name: 'head.weight', why }]);
  });

  it('says why large weights are kept where no other is large', () => {
    const product = (
      value: number,
      stored: (b: GraphBuilder, w: Value, x: Value) => Value = (_, w, x) => matmul(x, w),
    ) => {
      const b = new GraphBuilder('product');
      const w = b.parameter('w', { elementType: 'float32', dims: [16, 16], data: new Float32Array(256).fill(value) });
      b.output(stored(b, w, b.input('x', 'float32', ['batch', 16])), 'y');
      return modelOf(b.build());
    };
    const nothing = (to: QuantizedForm, why: string) => `no weight of the model can be stored as ${to}: 'w' ${why}`;
    expect(() => quantizeModel(product(Number.NaN))).toThrow(nothing('int8', 'has NaN or infinity'));
    expect(() => quantizeModel(product(7e4), { to: 'fp16' })).toThrow(
      nothing('fp16', 'has numbers that are too large'),
    );
    const added = product(1, (b, w, x) => b.node('Sub', [w, x])[0]!);
    expect(() => quantizeModel(added)).toThrow(nothing('int8', 'is not read as a matrix of weights'));
  });

  it('refuses models that have been quantized, are in half precision, or have no large weight', () => {
    for (const to of ['int8', 'fp16'] as const) {
      expect(() => quantizeModel(quantizeModel(model).model, { to })).toThrow(
        "the model is quantized already (com.microsoft.DynamicQuantizeLSTM 'lstm_0')",
      );
    }
    const scaled = { op: 'DequantizeLinear', domain: '', name: 'scaled', inputs: [], outputs: ['y'], attributes: {} };
    const behind = { ...model, graph: { ...model.graph, nodes: [...model.graph.nodes, scaled] } };
    expect(() => quantizeModel(behind)).toThrow("the model is quantized already (DequantizeLinear 'scaled')");
    const stored = quantizeModel(model, { to: 'int8-storage' }).model;
    expect(() => quantizeModel(stored)).toThrow(/^the model is quantized already \('\S+\.int8' is int8\)/);
    const half = with32('head.bias', ({ dims, data }) => ({
      ...{ elementType: 'float16', dims },
      data: Uint16Array.from(data as Float32Array, floatToHalf),
    }));
    expect(() => quantizeModel(half)).toThrow('the model is in half precision (float16); quantize the float32 model');
    const tiny = testModel({ vocabulary: 4, embedding: 2, layers: [{ hidden: 2, direction: 'forward' }] });
    expect(() => quantizeModel(tiny)).toThrow('the model has no large float32 weight to store as int8');
  });
});
