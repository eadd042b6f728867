import { describe, expect, it } from 'vitest';
import { graphOver, loop, randomTensor, runGraph } from '../../test/support/graphs.ts';
import { bindDims } from '../passes/bindDims.ts';
import { floats } from './attributes.ts';
import { GraphBuilder } from './builder.ts';
import { add, matmul, mul, scan, tanh } from './ops.ts';
import { capturedNames, removeDeadNodes, renameCaptured } from './rewrite.ts';

const inputs = { h: randomTensor([2, 2], 1), x: randomTensor([3, 2, 2], 2), w: randomTensor([2, 2], 3) };

describe('GraphBuilder', () => {
  it('gives names that nothing in the graph or its bodies has', () => {
    const graph = graphOver(inputs, ({ h, x, w }) => loop([h], [x], ([s], [xt]) => [tanh(add(matmul(w, s!), xt!))]));
    const b = GraphBuilder.from(graph);
    const taken = new Set([...graph.nodes, ...bodyOf(graph).nodes].flatMap((n) => [n.name, ...n.outputs]));
    for (const prefix of ['Tanh', 'MatMul', 'state', 'Scan']) expect(taken.has(b.fresh(prefix))).toBe(false);
    expect(b.node('Tanh', [b.value('h')])[0]!.name).not.toBe('Tanh_0_out');
  });

  it("gives a new node another output than one that has kept its value's name but not its own", () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', 'float32', [2]);
    b.node('Identity', [x], {}, ['Tanh_0_out']);
    b.node('Split', [x], {}, ['Split_0_out0', 'rest']);
    const made = [tanh(x), ...b.node('Split', [x], {}, 2)].map((v) => v.name);
    expect(made).not.toContain('Tanh_0_out');
    expect(made).not.toContain('Split_0_out0');
  });

  it('refuses a name twice, a value it does not have, and a value of another graph', () => {
    const b = new GraphBuilder('mine');
    const x = b.input('x', 'float32', [2]);
    expect(() => b.parameter('x', floats([1], [0]))).toThrow("graph 'mine' already has a value named 'x'");
    expect(() => b.value('y')).toThrow("graph 'mine' has no value 'y'");
    const other = new GraphBuilder('other').input('z', 'float32', [2]);
    expect(() => add(x, other)).toThrow("Add: value 'z' belongs to graph 'other', not to 'mine'");
    const body = new GraphBuilder('body', b).input('inner', 'float32', [2]);
    expect(() => b.node('Add', [x, body])).toThrow("Add: value 'inner' belongs to graph 'body', not to 'mine'");
  });

  it('makes equal constants one node, in bodies too', () => {
    const b = new GraphBuilder('test');
    const two = b.float(2);
    expect(b.float(2).name).toBe(two.name);
    expect(new GraphBuilder('body', b).float(2).name).toBe(two.name);
    expect(b.float([2]).name).not.toBe(two.name);
    expect(b.ints([2]).name).not.toBe(b.float([2]).name);
  });

  it('knows the tensors of constants and parameters, in bodies too, and of nothing else', () => {
    const b = new GraphBuilder('test');
    const long = b.constant(randomTensor([2000]));
    const w = b.parameter('w', randomTensor([2]));
    const body = new GraphBuilder('body', b);
    expect(body.tensorOf(long)?.dims).toEqual([2000]);
    expect(body.tensorOf(w)?.dims).toEqual([2]);
    expect(body.tensorOf(add(w, 1))).toBeUndefined();
  });

  it.each([
    ['a scanned input', 0],
    ['a state', 1],
    ['an outer value', 2],
    ['one value twice', 3],
  ])('lets a body give out %s, which ONNX Runtime alone does not', async (_, which) => {
    const graph = graphOver(inputs, ({ h, x, w }) =>
      loop([h], [x], ([s], [xt]) => {
        const next = add(s!, xt!);
        return [next, [xt!, s!, w, next][which]!];
      }),
    );
    const [h, x, w] = [inputs.h, inputs.x, inputs.w].map((t) => Array.from(t.data as Float32Array));
    const sums = [0, 1, 2, 3].map((t) =>
      h!.map((v, i) => v + x!.slice(0, 4 * t).reduce((s, e, j) => s + (j % 4 === i ? e : 0), 0)),
    );
    const expected = [
      x!,
      [sums[0]!, sums[1]!, sums[2]!].flat(),
      [w!, w!, w!].flat(),
      [sums[1]!, sums[2]!, sums[3]!].flat(),
    ][which]!;
    const results = await runGraph(graph, inputs);
    const stacked = Array.from(results[graph.outputs[1]!.name]!.data as Float32Array);
    stacked.forEach((v, i) => {
      expect(v).toBeCloseTo(expected[i]!, 5);
    });
    expect(stacked.length).toBe(12);
  });

  it('stops at a scan without any value', () => {
    expect(() => scan([], [], new GraphBuilder('body').build())).toThrow('an operator needs at least one value');
  });
});

function bodyOf(graph: ReturnType<typeof graphOver>) {
  const body = graph.nodes.find((n) => n.op === 'Scan')?.attributes.body;
  if (body?.type !== 'graph') throw new Error('the graph has no loop');
  return body.value;
}

describe('rewriting', () => {
  const graph = graphOver(
    inputs,
    ({ h, x, w }) => {
      mul(h, 3);
      return loop([h], [x], ([s], [xt]) => {
        tanh(xt!);
        return [tanh(add(matmul(w, s!), xt!))];
      });
    },
    { x: ['time', 2, 2] },
  );

  it('finds what a body captures, and renames it', () => {
    expect([...capturedNames(bodyOf(graph))]).toEqual(['w']);
    const renamed = renameCaptured(bodyOf(graph), new Map([['w', 'other']]));
    expect([...capturedNames(renamed)]).toEqual(['other']);
    expect(renameCaptured(bodyOf(graph), new Map([['state_0', 'other']]))).toBe(bodyOf(graph));
  });

  it('leaves names alone that a body defines itself', () => {
    const own = bodyOf(graph).inputs[0]!.name;
    const renamed = renameCaptured(
      bodyOf(graph),
      new Map([
        [own, 'other'],
        ['w', 'v'],
      ]),
    );
    expect(renamed.inputs).toEqual(bodyOf(graph).inputs);
    expect(renamed.nodes.some((n) => n.inputs.includes(own))).toBe(true);
  });

  it('removes dead nodes, in bodies too', () => {
    const live = removeDeadNodes(graph);
    expect(live.nodes.map((n) => n.op)).toEqual(['Scan']);
    expect(bodyOf(live).nodes.map((n) => n.op)).toEqual(['MatMul', 'Add', 'Tanh']);
  });

  it('binds free dimensions', () => {
    const bound = bindDims(graph, { time: 3 });
    expect(bound.inputs[1]!.type.shape).toEqual([3, 2, 2]);
  });
});
