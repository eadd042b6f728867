import { describe, expect, it } from 'vitest';
import { zeroSlices } from '../../test/support/models.ts';
import { randomStream, uniform } from '../base/random.ts';
import { constantTensor, int64s, integers } from '../graph/attributes.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { sizeOf } from '../graph/dims.ts';
import { modelOf } from '../graph/model.ts';
import { add, apply, concat, gather, matmul, mul, reshape, shapeOf, squeeze } from '../graph/ops.ts';
import type { Graph, Model, Node, Tensor } from '../graph/types.ts';
import { traceGroups } from '../groups/trace.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { assertEqual } from '../verify/verify.ts';
import { shrink } from './shrink.ts';

const random = randomStream(9);
const tensor = (dims: readonly number[]): Tensor => {
  return { elementType: 'float32', dims, data: uniform(sizeOf(dims), 0.6, random) };
};
const int32s = (values: readonly number[]): Tensor => {
  return { elementType: 'int32', dims: [values.length], data: Int32Array.from(values) };
};

/** Six units that go through `build` to readers; units 1 and 3 are read by nothing. */
function sixUnits(build: (b: GraphBuilder, h: Value, read: (x: Value, size: number) => Value) => Value[]) {
  const b = new GraphBuilder('g');
  const weights = [b.parameter('W', tensor([1, 24, 3])), b.parameter('R', tensor([1, 24, 6]))];
  const [y] = b.node('LSTM', [b.input('x', 'float32', ['time', 'batch', 3]), ...weights], { hidden_size: 6 });
  const read = (x: Value, size: number) => matmul(x, b.parameter(b.fresh('w'), tensor([size, 2])));
  for (const value of build(b, squeeze(y!, [1]), read)) b.output(value);
  return b.build();
}

/** The model without units 1 and 3, after a check that it computes the same. */
async function without(graph: Graph, opset = 17): Promise<Graph> {
  const model: Model = { ...modelOf(graph), opsets: { '': opset } };
  const groups = traceGroups(graph);
  const gone = new Set([groups.layers[0]!.components[1]!, groups.layers[0]!.components[3]!]);
  const sparse = { ...model, graph: zeroSlices(graph, groups, gone, ['reads']) };
  const slim = shrink(sparse, groups, (k) => gone.has(k));
  await assertEqual(nodeRuntime, sparse, slim);
  return slim.graph;
}

const nodesOf = (graph: Graph, op: string) => graph.nodes.filter((n) => n.op === op);
const constants = (graph: Graph) => {
  const found = new Map([...graph.initializers].map(([name, t]) => [name, integers(t)]));
  for (const node of graph.nodes) if (constantTensor(node)) found.set(node.outputs[0]!, integers(constantTensor(node)));
  return found;
};
const given = (graph: Graph, node: Node | undefined, input: number) => constants(graph).get(node?.inputs[input] ?? '');

describe('sizes that a graph spells out', () => {
  it('follow in a Concat, piece by piece', async () => {
    const slim = await without(
      sixUnits((b, h, read) => {
        const rows = mul(gather(shapeOf(h), b.ints([0])), gather(shapeOf(h), b.ints([1])));
        return [read(reshape(h, concat([rows, b.ints([6])], 0)), 6)];
      }),
    );
    const target = nodesOf(slim, 'Concat').at(-1)!;
    expect(given(slim, target, 1)).toEqual([4]);
    expect(nodesOf(slim, 'Add')).toEqual([]);
  });

  it('follow where they are computed from other constants', async () => {
    const slim = await without(
      sixUnits((b, h, read) => {
        const size = mul(b.constant(int64s([1], [2])), b.constant(int64s([1], [3])));
        return [read(reshape(h, concat([b.ints([-1]), size], 0)), 6)];
      }),
    );
    expect(nodesOf(slim, 'Reshape')[0]).toBeDefined();
    expect([nodesOf(slim, 'Mul').length, nodesOf(slim, 'Add').length]).toEqual([2, 1]);
  });

  it('stay computed where they follow by themselves', async () => {
    const graph = sixUnits((b, h, read) => {
      const parts = [b.ints([-1]), gather(shapeOf(h), b.ints([2]))];
      return [read(reshape(h, concat(parts, 0)), 6)];
    });
    const slim = await without(graph);
    expect(slim.nodes.map((n) => [n.op, n.inputs])).toEqual(graph.nodes.map((n) => [n.op, n.inputs]));
  });

  it('follow for one user of a constant and not for another', async () => {
    const slim = await without(
      sixUnits((b, h, read) => {
        const shape = b.parameter('shape', int64s([2], [-1, 6]));
        const other = b.input('other', 'float32', ['n', 6]);
        return [read(reshape(h, shape), 6), reshape(other, shape)];
      }),
    );
    const [ours, theirs] = nodesOf(slim, 'Reshape');
    expect([given(slim, ours, 1), given(slim, theirs, 1)]).toEqual([
      [-1, 4],
      [-1, 6],
    ]);
  });

  it('leave no constant behind that nobody uses', async () => {
    const slim = await without(
      sixUnits((b, h, read) => [read(reshape(h, b.parameter('shape', int64s([2], [-1, 6]))), 6)]),
    );
    expect([...slim.initializers.keys()]).not.toContain('shape');
    expect(given(slim, nodesOf(slim, 'Reshape')[0], 1)).toEqual([-1, 4]);
  });

  it('keep their element type', async () => {
    const slim = await without(
      sixUnits((b, h, read) => {
        const [start, end, axis] = [[2], [5], [2]].map((v) => b.constant(int32s(v)));
        const picked = apply('Gather', [h, b.constant(int32s([4, 1, 5]))], { axis: 2 });
        return [read(apply('Slice', [h, start, end, axis]), 3), read(picked, 3)];
      }),
    );
    const cut = nodesOf(slim, 'Slice')[0];
    expect([given(slim, cut, 1), given(slim, cut, 2)]).toEqual([[1], [3]]);
    expect(given(slim, nodesOf(slim, 'Gather')[0], 1)).toEqual([2, 3]);
    const types = [cut!.inputs[1], cut!.inputs[2], nodesOf(slim, 'Gather')[0]!.inputs[1]].map((name) => {
      return constantTensor(slim.nodes.find((n) => n.outputs[0] === name)!)?.elementType;
    });
    expect(types).toEqual(['int32', 'int32', 'int32']);
  });

  it.each<[string, number, Record<string, number | number[]>, boolean]>([
    ['equal parts', 17, {}, false],
    ['sizes as an input', 17, {}, true],
    ['equal parts by their number', 18, { num_outputs: 2 }, false],
  ])('follow in a Split: %s', async (_, opset, attributes, sizes) => {
    const slim = await without(
      sixUnits((b, h, read) => {
        const inputs = sizes ? [h, b.ints([2, 4])] : [h];
        const [first, second] = b.node('Split', inputs, { axis: 2, ...attributes }, 2);
        return sizes ? [read(first!, 2), read(second!, 4)] : [read(first!, 3), read(second!, 3)];
      }),
      opset,
    );
    const node = nodesOf(slim, 'Split')[0]!;
    // Of units 0 to 5, 1 and 3 are gone.
    expect(given(slim, node, 1)).toEqual(sizes ? [1, 3] : undefined);
    expect(node.attributes.num_outputs).toEqual(attributes.num_outputs && { type: 'int', value: 2 });
  });

  it('follow in a Split whose parts are no longer equal, as the operator set wants them', async () => {
    const graph = sixUnits((b, h, read) => b.node('Split', [h], { axis: 2 }, 3).map((part) => read(part, 2)));
    const slim = await without(graph);
    expect(given(slim, nodesOf(slim, 'Split')[0], 1)).toEqual([1, 1, 2]);
    const groups = traceGroups(graph);
    const old = shrink({ ...modelOf(graph), opsets: { '': 12 } }, groups, (k) => k === 1 || k === 3);
    expect(nodesOf(old.graph, 'Split')[0]!.attributes.split).toEqual({ type: 'ints', value: [1, 1, 2] });
  });

  it('follow as attributes', async () => {
    const graph = sixUnits((b, h, read) => {
      const node = { op: 'Slice', domain: '', name: 'cut', inputs: [h.name], outputs: ['cut'] };
      const list = (value: number[]) => ({ type: 'ints' as const, value });
      b.addNode({ ...node, attributes: { starts: list([-4, 0]), ends: list([5, 1]), axes: list([2, 0]) } });
      return [read(b.value('cut'), 3)];
    });
    const groups = traceGroups(graph);
    const slim = shrink(modelOf(graph), groups, (k) => k === 1 || k === 3);
    expect(nodesOf(slim.graph, 'Slice')[0]!.attributes).toMatchObject({
      starts: { value: [1, 0] },
      ends: { value: [3, 1] },
    });
  });

  it('follow inside loops and branches', async () => {
    const slim = await without(
      sixUnits((b, h, read) => {
        const body = new GraphBuilder('body', b);
        const row = body.input('row', 'float32', ['batch', 6]);
        body.output(add(reshape(row, [-1, 6]), 1));
        const attributes = { body: { type: 'graph' as const, value: body.build() }, num_scan_inputs: 1 };
        const [rows] = b.node('Scan', [h], attributes);
        const side = (factor: number) => {
          const inner = new GraphBuilder(b.fresh('side'), b);
          inner.output(reshape(mul(inner.node('Identity', [rows!])[0]!, factor), [-1, 6]));
          return { type: 'graph' as const, value: inner.build() };
        };
        const condition = b.input('condition', 'bool', []);
        return [read(b.node('If', [condition], { then_branch: side(2), else_branch: side(3) })[0]!, 6)];
      }),
    );
    const inside = slim.nodes.flatMap((n) =>
      Object.values(n.attributes).flatMap((a) => (a.type === 'graph' ? [a.value] : [])),
    );
    expect(inside.map((body) => given(body, nodesOf(body, 'Reshape')[0], 1))).toEqual([
      [-1, 4],
      [-1, 4],
      [-1, 4],
    ]);
  });
});
