import { describe, expect, it } from 'vitest';
import { largestDifference, numbersOf, randomTensor } from '../../test/support/graphs.ts';
import { float } from '../graph/attributes.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import type { Attribute, Graph, Model, Node, Tensor, ValueInfo } from '../graph/types.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { toOwnOpset } from './toOwnOpset.ts';

const x = randomTensor([2, 3, 4]);

/** A model of one operator in an operator set, its further inputs being initializers. */
function modelIn(
  opset: number,
  op: string,
  attributes: Record<string, Attribute> = {},
  more: readonly (Tensor | undefined)[] = [],
  outputs = 1,
): Model {
  const b = new GraphBuilder('test');
  b.input('x', 'float32', x.dims);
  const inputs = ['x', ...more.map((t, i) => (t ? b.parameter(`p${i}`, t).name : ''))];
  const names = Array.from({ length: outputs }, (_, i) => `y${i}`);
  const node: Node = { op, domain: '', name: 'node', inputs, outputs: names, attributes };
  const outputsOf = (names: readonly string[]): ValueInfo[] =>
    names.map((name) => ({ name, type: { elementType: 'float32', shape: undefined } }));
  const graph: Graph = { ...b.build(), nodes: [node], outputs: outputsOf(names) };
  return { ...modelOf(graph), opsets: { '': opset }, irVersion: opset > 20 ? 10 : 8 };
}

const ints = (...value: number[]): Attribute => ({ type: 'ints', value });
const int = (value: number): Attribute => ({ type: 'int', value });
const int64 = (...values: number[]): Tensor => ({
  elementType: 'int64',
  dims: [values.length],
  data: BigInt64Array.from(values, BigInt),
});
const number = (value: number): Tensor => ({ elementType: 'float32', dims: [], data: Float32Array.of(value) });

const cases: [title: string, model: Model][] = [
  ['Unsqueeze 11', modelIn(11, 'Unsqueeze', { axes: ints(0, 2) })],
  ['ReduceSum 11', modelIn(11, 'ReduceSum', { axes: ints(1), keepdims: int(0) })],
  ['ReduceSum 11, all axes', modelIn(11, 'ReduceSum')],
  ['Split 11', modelIn(11, 'Split', { axis: int(2), split: ints(1, 3) }, [], 2)],
  ['Slice 9', modelIn(9, 'Slice', { starts: ints(1), ends: ints(3), axes: ints(1) })],
  ['Slice 9 without axes', modelIn(9, 'Slice', { starts: ints(0, 1), ends: ints(1, 3) })],
  ['Clip 10', modelIn(10, 'Clip', { min: float(-0.3), max: float(0.4) })],
  ['Clip 10, one limit', modelIn(10, 'Clip', { max: float(0.4) })],
  ['Pad 10', modelIn(10, 'Pad', { pads: ints(0, 1, 0, 0, 0, 2), value: float(3) })],
  ['Pad 18 with axes', modelIn(18, 'Pad', {}, [int64(1, 2), number(3), int64(-1)])],
  ['Softmax 11 over the last axis', modelIn(11, 'Softmax', { axis: int(2) })],
  ['Softmax 11 over several axes', modelIn(11, 'Softmax')],
  ['LogSoftmax 11 over several axes', modelIn(11, 'LogSoftmax', { axis: int(0) })],
  ['Dropout 10', modelIn(10, 'Dropout', { ratio: float(0.25) })],
  ['Split 18 in unequal parts', modelIn(18, 'Split', { axis: int(1), num_outputs: int(2) }, [], 2)],
  ['Split 18 in equal parts', modelIn(18, 'Split', { axis: int(2), num_outputs: int(2) }, [], 2)],
  ['ReduceMean 18', modelIn(18, 'ReduceMean', { keepdims: int(0) }, [int64(1)])],
  ['ReduceMax 18, all axes', modelIn(18, 'ReduceMax')],
  ['ReduceL2 18, noop', modelIn(18, 'ReduceMin', { noop_with_empty_axes: int(1) })],
  ['Gelu 20', modelIn(20, 'Gelu')],
  ['Gelu 20 by tanh', modelIn(20, 'Gelu', { approximate: { type: 'string', value: 'tanh' } })],
  ['Mish 18', modelIn(18, 'Mish')],
  ['Tanh 22, unchanged', modelIn(22, 'Tanh')],
];

describe('toOwnOpset', () => {
  it.each(cases)('%s computes the same', async (_, model) => {
    const results = [];
    for (const m of [model, modelOf(toOwnOpset(model))]) {
      const session = await nodeRuntime.createSession(m, { threads: 1 });
      results.push(await session.run({ x }));
      await session.release();
    }
    const [expected, got] = results as [Record<string, Tensor>, Record<string, Tensor>];
    for (const [name, value] of Object.entries(expected)) {
      expect(got[name]!.dims).toEqual(value.dims);
      expect(largestDifference(numbersOf(got[name]!), numbersOf(value))).toBeLessThan(2e-6);
    }
  });

  it('leaves a graph of its own operator set alone', () => {
    const model = modelIn(17, 'Tanh');
    expect(toOwnOpset(model)).toBe(model.graph);
  });

  it('refuses operator sets before 7', () => {
    expect(() => toOwnOpset(modelIn(6, 'Tanh'))).toThrow(/operator set 6.*at least 7/);
  });
});
