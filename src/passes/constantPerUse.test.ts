import { describe, expect, it } from 'vitest';
import { either, largestDifference, numbersOf, randomTensor, runGraph } from '../../test/support/graphs.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { add, apply, concat, expand, identity, matmul, mul, shapeOf, slice, squeeze, tanh } from '../graph/ops.ts';
import { bodiesOf, capturedNames } from '../graph/rewrite.ts';
import type { Graph } from '../graph/types.ts';
import { constantPerUse, fillsPerUse, mergeConstants, mergeFills } from './constantPerUse.ts';

/** Two cells that cut their initial states from one tensor of zeros [2, batch, 3]. */
function twoCells(fill: (b: GraphBuilder, shape: Value) => Value): Graph {
  const b = new GraphBuilder('g');
  const x = b.input('x', 'float32', ['batch', 3]);
  const batch = slice(shapeOf(x), [0], [1], [0]);
  const zeros = fill(b, concat([b.ints([2]), batch, b.ints([3])], 0));
  const weight = b.parameter('w', randomTensor([3, 3]));
  const states = [0, 1].map((i) => squeeze(slice(zeros, [i], [i + 1], [0]), [0]));
  const [first, second] = states.map((h) => tanh(add(matmul(h, weight), mul(x, h)))) as [Value, Value];
  b.output(add(first, states[0]!));
  b.output(second);
  return b.build();
}

const count = (graph: Graph, op: string) => graph.nodes.filter((n) => n.op === op).length;

describe('fillsPerUse', () => {
  it.each<[string, (b: GraphBuilder, shape: Value) => Value, string]>([
    ['ConstantOfShape', (_, shape) => apply('ConstantOfShape', [shape]), 'ConstantOfShape'],
    ['an expanded number', (b, shape) => expand(b.float(0.5), shape), 'Expand'],
  ])('gives every user a state of its own: %s', async (_, fill, op) => {
    const graph = twoCells(fill);
    const own = fillsPerUse(graph);
    // MatMul, Mul and the last Add of the first cell, MatMul and Mul of the second.
    expect([count(graph, op), count(own, op), count(own, 'Squeeze')]).toEqual([1, 5, 5]);
    expect(new Set(own.nodes.flatMap((n) => n.outputs)).size).toBe(own.nodes.flatMap((n) => n.outputs).length);
    const x = randomTensor([2, 3]);
    const [before, after] = [await runGraph(graph, { x }), await runGraph(own, { x })];
    for (const [name, value] of Object.entries(before)) {
      expect(largestDifference(numbersOf(value), numbersOf(after[name]!))).toBe(0);
    }
    const merged = mergeFills(own);
    expect([count(merged, op), merged.nodes.length]).toEqual([1, graph.nodes.length]);
  });

  it('keeps copies apart that have become different', () => {
    const own = fillsPerUse(twoCells((_, shape) => apply('ConstantOfShape', [shape])));
    const fills = own.nodes.filter((n) => n.op === 'ConstantOfShape');
    const other = { ...fills[1]!, inputs: ['other'] };
    const merged = mergeFills({ ...own, nodes: own.nodes.map((n) => (n === fills[1] ? other : n)) });
    expect(count(merged, 'ConstantOfShape')).toBe(2);
  });

  it('leaves alone what the graph gives out, and graphs without filled tensors', () => {
    const b = new GraphBuilder('g');
    const zeros = apply('ConstantOfShape', [shapeOf(b.input('x', 'float32', ['batch', 3]))]);
    b.output(zeros);
    b.output(tanh(zeros));
    const graph = b.build();
    expect(fillsPerUse(graph)).toEqual(graph);
  });

  it('gives each branch its own of what both take from outside', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', 'float32', ['batch', 3]);
    const shared = b.constant(randomTensor([3], 4));
    const flag = b.input('flag', 'bool', []);
    const results = either(flag, [
      (_, of) => [add(of(x), shared), mul(of(x), shared)],
      (_, of) => [mul(of(x), shared), identity(of(shared))],
    ]);
    for (const value of results) b.output(value);
    const own = constantPerUse(b.build());
    const used = own.nodes
      .filter((n) => n.op === 'If')
      .flatMap((n) => bodiesOf(n).flatMap((body) => [...capturedNames(body)]));
    expect(used.filter((name) => name !== x.name)).toHaveLength(4);
    expect(new Set(used).size).toBe(5);
    expect(mergeConstants(own).nodes.map((n) => n.op)).toEqual(['Constant', 'If']);
  });

  it('reaches into loops', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', 'float32', ['time', 3]);
    const zeros = apply('ConstantOfShape', [b.ints([3])]);
    const body = new GraphBuilder('body', b);
    const row = body.input('row', 'float32', [3]);
    body.output(add(row, zeros));
    const attributes = { body: { type: 'graph' as const, value: body.build() }, num_scan_inputs: 1 };
    b.output(b.node('Scan', [x], attributes)[0]!);
    b.output(tanh(add(zeros, 1)));
    const own = fillsPerUse(b.build());
    expect(count(own, 'ConstantOfShape')).toBe(2);
    const scan = own.nodes.find((n) => n.op === 'Scan')!;
    const inside = scan.attributes.body;
    const used = inside?.type === 'graph' ? inside.value.nodes[0]!.inputs[1] : undefined;
    expect(own.nodes.filter((n) => n.op === 'ConstantOfShape').map((n) => n.outputs[0])).toContain(used);
  });
});

it('constantPerUse gives names of their own to copies beside one that an earlier cut kept apart', () => {
  const b = new GraphBuilder('g');
  const x = b.input('x', 'float32', ['batch', 3]);
  const bound = b.float([1, 2, 3]);
  const cells = [0, 1, 2].map(() => add(x, bound));
  for (const cell of cells) b.output(tanh(cell));
  const own = constantPerUse(b.build());
  const constants = own.nodes.filter((n) => n.op === 'Constant' && n.outputs[0]!.startsWith(bound.name));
  expect(constants).toHaveLength(3);
  // The second one loses what the others keep; these become one again, of two uses.
  const second = constants[1]!;
  const { value } = b.build().nodes.find((n) => n.outputs[0] === bound.name)!.attributes;
  if (value?.type !== 'tensor') throw new Error('a constant has a tensor');
  const changed = {
    ...second,
    attributes: { value: { ...value, value: { ...value.value, data: new Float32Array(3) } } },
  };
  const cut = mergeConstants({ ...own, nodes: own.nodes.map((n) => (n === second ? changed : n)) });
  const again = constantPerUse(cut).nodes.flatMap((n) => n.outputs);
  expect(new Set(again).size).toBe(again.length);
});
