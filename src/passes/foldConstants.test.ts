import { describe, expect, it } from 'vitest';
import { graphOver, randomTensor, runGraph } from '../../test/support/graphs.ts';
import { operatorsOf } from '../../test/support/samePass.ts';
import { float, floats, int64s } from '../graph/attributes.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import {
  add,
  apply,
  cast,
  concat,
  expand,
  gather,
  matmul,
  mul,
  relu,
  reshape,
  shapeOf,
  slice,
  split,
  transpose,
  unsqueeze,
} from '../graph/ops.ts';
import { storedHere } from '../graph/stored.ts';
import type { Graph } from '../graph/types.ts';
import { foldConstants } from './foldConstants.ts';

const x = { x: randomTensor([4, 30], 1) };

/** Operators but for constants; checks that the folded graph computes the same bit for bit. */
async function folded(graph: Graph, wanted?: readonly string[]): Promise<{ graph: Graph; operators: string[] }> {
  const after = foldConstants(graph, { wanted: wanted && new Set(wanted) });
  expect(after.inputs).toEqual(graph.inputs);
  expect(after.outputs).toEqual(graph.outputs);
  const [expected, got] = [await runGraph(graph, x), await runGraph(after, x)];
  expect(got).toEqual(expected);
  return { graph: after, operators: operatorsOf(after).filter((op) => op !== 'Constant') };
}

const isLarge = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1) > 300;
const matrices = (graph: Graph) => [...storedHere(graph)].filter(([, { dims }]) => isLarge(dims)).map(([name]) => name);

describe('foldConstants', () => {
  it('makes one tensor of gates that are put in another order', async () => {
    const graph = graphOver(x, (v, b) => {
      const weight = b.parameter('weight', randomTensor([40, 30], 2));
      const [i, f, g, o] = split(weight, 4, 0);
      return matmul(v.x, transpose(concat([i!, o!, f!, g!], 0), [1, 0]));
    });
    const { graph: after, operators } = await folded(graph);
    expect(operators).toEqual(['MatMul']);
    expect(matrices(after)).toEqual([after.nodes.find((n) => n.op === 'MatMul')!.inputs[1]]);
    // It was made of an initializer, so it is one.
    expect(after.initializers.size).toBe(1);
  });

  it('keeps constants constants, and the names of what the graph gives out', async () => {
    const graph = graphOver(x, (v, b) => {
      const scaled = mul(b.constant(randomTensor([30, 30], 3)), 2);
      return [matmul(v.x, scaled), scaled, cast(b.float([1.5, -2.5]), 'int64')];
    });
    const { graph: after, operators } = await folded(graph);
    expect(operators).toEqual(['MatMul']);
    expect(after.initializers.size).toBe(0);
  });

  it('keeps a matrix that stays in use from being stored twice', async () => {
    const graph = graphOver(x, (v, b) => {
      const table = b.parameter('table', randomTensor([30, 60], 2));
      return matmul(matmul(v.x, table), transpose(table, [1, 0]));
    });
    expect(foldConstants(graph)).toBe(graph);
  });

  it('stores what several use once', async () => {
    const graph = graphOver(x, (v, b) => {
      const turned = transpose(b.parameter('weight', randomTensor([30, 30], 2)), [1, 0]);
      return [matmul(v.x, turned), matmul(relu(v.x), turned)];
    });
    const { graph: after } = await folded(graph);
    expect(matrices(after)).toHaveLength(1);
  });

  it('leaves what the file would grow for, but not what is small', async () => {
    const graph = graphOver(x, (v, b) => {
      const filled = expand(b.float(0.5), concat([b.ints([30]), mul(b.ints([25]), b.ints([4]))], 0));
      const wide = cast(
        b.parameter('half', { elementType: 'int8', dims: [30, 100], data: new Int8Array(3000) }),
        'float32',
      );
      return [matmul(v.x, filled), matmul(v.x, wide), add(v.x, expand(b.float([2]), [4, 30]))];
    });
    const { operators } = await folded(graph);
    expect(operators.sort()).toEqual(['Add', 'Cast', 'Expand', 'MatMul', 'MatMul']);
  });

  it('folds what is wanted also where the file grows, and nothing else', async () => {
    const graph = graphOver(x, (v, b) => {
      const table = b.constant(randomTensor([30, 60], 2));
      return [matmul(matmul(v.x, table), transpose(table, [1, 0])), mul(b.float(2), 3)];
    });
    const turned = graph.nodes.find((n) => n.op === 'Transpose')!;
    const { graph: after, operators } = await folded(graph, turned.outputs);
    expect(operators.sort()).toEqual(['MatMul', 'MatMul', 'Mul']);
    expect(matrices(after).sort()).toEqual([turned.inputs[0], turned.outputs[0]].sort());
    expect(foldConstants(graph, { wanted: new Set(turned.inputs) })).toBe(graph);
  });

  it('keeps parameters shared that something else uses, and those that two compute alike', async () => {
    const build = (v: { x: Value }, b: GraphBuilder) => {
      const table = b.parameter('table', randomTensor([30, 30], 2));
      const [one, other] = [transpose(table, [1, 0]), apply('Identity', [transpose(table, [1, 0])])];
      return [matmul(v.x, one), matmul(relu(v.x), other)];
    };
    const graph = graphOver(x, build);
    const names = graph.nodes.filter((n) => n.op === 'MatMul').map((n) => n.inputs[1]!);
    const { graph: after, operators } = await folded(graph, names);
    expect(operators.sort()).toEqual(['MatMul', 'MatMul', 'Relu']);
    expect(after.initializers.size).toBe(1);
    const tied = graphOver(x, (v, b) => [...build(v, b), matmul(v.x, b.value('table'))]);
    expect(foldConstants(tied, { wanted: new Set(names) }).initializers.size).toBe(1);
  });

  it('knows sizes that follow from types, also beside free ones', async () => {
    const build = (v: { x: Value }, b: GraphBuilder) => {
      const sizes = gather(shapeOf(v.x), b.ints([1]));
      return reshape(v.x, concat([b.ints([-1]), mul(sizes, b.ints([2]))], 0));
    };
    const { graph: after, operators } = await folded(graphOver(x, build, { x: ['rows', 30] }));
    expect(operators).toEqual(['Reshape']);
    expect(storedHere(after).get(after.nodes.find((n) => n.op === 'Reshape')!.inputs[1]!)).toEqual(
      int64s([2], [-1, 60]),
    );
  });

  it('reaches into graphs inside, with what those around them know', async () => {
    const b = new GraphBuilder('g');
    const input = b.input('x', 'float32', [4, 30]);
    const scale = mul(b.float(2), b.float(3));
    const branch = (name: string, offset: number) => {
      const inside = new GraphBuilder(name, b);
      const rows = unsqueeze(
        inside.constant(
          floats(
            [30],
            Array.from({ length: 30 }, (_, i) => i),
          ),
        ),
        [0],
      );
      inside.output(add(mul({ ...input, builder: inside }, { ...scale, builder: inside }), add(rows, offset)));
      return { type: 'graph' as const, value: inside.build() };
    };
    const condition = apply('Greater', [apply('ReduceMax', [input], { keepdims: 0 }), b.float(0)]);
    b.output(b.node('If', [condition], { then_branch: branch('then', 1), else_branch: branch('else', 2) })[0]!);
    const { graph: after } = await folded(b.build());
    const inner = after.nodes.find((n) => n.op === 'If')!.attributes.then_branch!;
    expect(inner.type === 'graph' && operatorsOf(inner.value).filter((op) => op !== 'Constant')).toEqual([
      'Mul',
      'Add',
    ]);
  });

  it('does not take for known what a caller may give', async () => {
    const graph = graphOver(x, (v, b) => [
      mul(v.x, mul(b.parameter('a', floats([], [2])), 3)),
      mul(v.x, mul(b.parameter('b', floats([], [2])), 3)),
    ]);
    const listed = {
      ...graph,
      listedInitializers: [{ at: 1, info: { name: 'a', type: { elementType: 'float32', shape: [] } } }],
    } as const;
    const after = foldConstants(listed);
    expect([...after.initializers.keys()][0]).toBe('a');
    expect(after.initializers.has('b')).toBe(false);
    expect(after.inputs).toEqual(graph.inputs);
    expect(operatorsOf(after).filter((op) => op === 'Mul')).toHaveLength(3);
  });

  it('does not trust types that the file declares without need', () => {
    const b = new GraphBuilder('g');
    const [custom] = GraphBuilder.from({
      ...b.build(),
      inputs: [{ name: 'x', type: { elementType: 'float32', shape: [2] } }],
      nodes: [{ op: 'Custom', domain: 'own', name: 'c', inputs: ['x'], outputs: ['y'], attributes: {} }],
      valueInfo: new Map([['y', { elementType: 'float32', shape: [7] }]]),
    }).nodes;
    expect(custom).toBeDefined();
    const graph: Graph = {
      name: 'g',
      inputs: [{ name: 'x', type: { elementType: 'float32', shape: [2] } }],
      outputs: [{ name: 's', type: { elementType: 'int64', shape: [1] } }],
      initializers: new Map(),
      nodes: [custom!, { op: 'Shape', domain: '', name: 's', inputs: ['y'], outputs: ['s'], attributes: {} }],
      valueInfo: new Map([['y', { elementType: 'float32', shape: [7] }]]),
    };
    expect(foldConstants(graph)).toBe(graph);
  });

  it('returns a graph as it is in which nothing is known', () => {
    const graph = graphOver(x, (v) => apply('LeakyRelu', [relu(slice(v.x, [0], [2], [0]))], { alpha: float(0.1) }));
    expect(foldConstants(graph)).toBe(graph);
  });
});
