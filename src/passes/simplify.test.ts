import { describe, expect, it } from 'vitest';
import { graphOver, randomTensor, runGraph } from '../../test/support/graphs.ts';
import { expectSameGraph, operatorsOf } from '../../test/support/samePass.ts';
import { floats, int64s } from '../graph/attributes.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { inferTypes } from '../graph/infer/infer.ts';
import { modelOf } from '../graph/model.ts';
import {
  add,
  apply,
  cast,
  concat,
  equal,
  gather,
  identity,
  matmul,
  mul,
  reshape,
  shapeOf,
  slice,
  tanh,
  transpose,
} from '../graph/ops.ts';
import type { Attribute, Graph, Model, ModelFunction } from '../graph/types.ts';
import { simplify } from './simplify.ts';

const x = randomTensor([2, 3]);
const simple = (graph: Graph, all = false) => simplify(modelOf(graph), { all }).graph;
const withoutConstants = (graph: Graph) => operatorsOf(graph).filter((op) => op !== 'Constant');

/** An If of two branches that each make one value. */
function choose(condition: Value, yes: (b: GraphBuilder) => Value, no: (b: GraphBuilder) => Value): Value {
  const b = condition.builder;
  const branch = (build: (b: GraphBuilder) => Value): Attribute => {
    const body = new GraphBuilder(b.fresh('branch'), b);
    body.output(build(body));
    return { type: 'graph', value: body.build() };
  };
  return b.node('If', [condition], { then_branch: branch(yes), else_branch: branch(no) })[0]!;
}

const inBody = (b: GraphBuilder, op: string, value: Value) => b.node(op, [value])[0]!;
const hasSize = (value: Value, axis: number, size: number) =>
  apply('Squeeze', [equal(gather(shapeOf(value), value.builder.ints([axis])), value.builder.ints([size]))]);

describe('simplify', () => {
  it('computes pads from constants, so that the sizes behind them are known', async () => {
    const graph = graphOver({ x }, (v, b) => {
      // As PyTorch's exporter spells F.pad: [0, 2] → [[0, 2], [0, 0]] → reversed → [0, 0, 0, 2].
      const rest = apply('ConstantOfShape', [b.ints([2])], { value: { type: 'tensor', value: int64s([1], [0]) } });
      const pairs = reshape(concat([b.ints([0, 2]), rest], 0), [-1, 2]);
      const turned = transpose(slice(pairs, [-1], [-(2 ** 31)], [0], [-1]), [1, 0]);
      return apply('Pad', [v.x, cast(reshape(turned, [-1]), 'int64')]);
    });
    const after = simple(graph);
    expect(withoutConstants(after)).toEqual(['Pad']);
    expect(inferTypes(after)(after.outputs[0]!.name)?.shape).toEqual([2, 5]);
    await expectSameGraph(graph, after, { x });
  });

  it('decides conditions on ranks and sizes, those within branches that are put in place, too', async () => {
    const graph = graphOver(
      { x },
      (v, b) => {
        const rank = apply('Size', [shapeOf(v.x)]);
        const isFlat = equal(rank, b.constant(int64s([], [2])));
        return choose(
          isFlat,
          (body) => {
            const inner = inBody(body, 'Tanh', v.x);
            const wide = hasSize(inner, 1, 3);
            return choose(
              wide,
              (deep) => inBody(deep, 'Neg', inner),
              (deep) => inBody(deep, 'Abs', inner),
            );
          },
          (body) => inBody(body, 'Relu', v.x),
        );
      },
      { x: ['batch', 3] },
    );
    const after = simple(graph);
    expect(withoutConstants(after)).toEqual(['Tanh', 'Neg']);
    await expectSameGraph(graph, after, { x });
  });

  it('decides within a branch that stays, and tells what it decided', () => {
    const flag = { elementType: 'bool', dims: [], data: Uint8Array.of(1) } as const;
    const graph = graphOver({ x, flag }, (v) =>
      choose(
        v.flag,
        (body) =>
          choose(
            hasSize(inBody(body, 'Tanh', v.x), 0, 2),
            (deep) => inBody(deep, 'Neg', v.x),
            (deep) => inBody(deep, 'Abs', v.x),
          ),
        (body) => inBody(body, 'Relu', v.x),
      ),
    );
    const decided: string[] = [];
    const after = simplify(modelOf(graph), { onDecided: ({ branch }) => decided.push(branch) }).graph;
    expect(decided).toEqual(['then_branch']);
    const then = after.nodes.find((n) => n.op === 'If')!.attributes.then_branch as { value: Graph };
    expect(withoutConstants(then.value)).toEqual(['Neg']);
  });

  it('leaves out what changes nothing, and keeps the names of outputs', async () => {
    const count = int64s([], [5]);
    const graph = graphOver({ x, count }, (v, b) => {
      const nothing = cast(mul(v.count, b.constant(int64s([], [0]))), 'float32');
      const same = slice(identity(identity(v.x)), [0], [2 ** 31 - 1], [0]);
      return [add(apply('Concat', [tanh(same)], { axis: 0 }), nothing), cast(mul(same, 1), 'float32')];
    });
    const after = simple(graph);
    expect(withoutConstants(after)).toEqual(['Tanh', 'Identity']);
    await expectSameGraph(graph, after, { x, count });
  });

  it('lets sizes go on following the shapes, and weights keep their names, unless all is to be folded', async () => {
    const graph = graphOver({ x }, (v, b) => {
      const weight = b.parameter('weight', randomTensor([40, 3], 2));
      const wide = matmul(v.x, transpose(weight, [1, 0]));
      return reshape(wide, concat([b.ints([2]), gather(shapeOf(wide), b.ints([1]))], 0));
    });
    expect(simple(graph)).toBe(graph);
    const after = simple(graph, true);
    expect(withoutConstants(after)).toEqual(['MatMul', 'Reshape']);
    await expectSameGraph(graph, after, { x });
  });

  it('keeps a condition that a caller may change', () => {
    const graph = graphOver({ x }, (v, b) => {
      const flag = b.parameter('flag', { elementType: 'bool', dims: [], data: Uint8Array.of(1) });
      return choose(
        flag,
        (body) => inBody(body, 'Neg', v.x),
        (body) => inBody(body, 'Abs', v.x),
      );
    });
    expect(withoutConstants(simple(graph))).toEqual(['Neg']);
    const flag = { at: 0, info: { name: 'flag', type: { elementType: 'bool', shape: [] } } } as const;
    const other = new Map([...graph.initializers, ['weight', floats([2], [1, 2])] as const]);
    const open = { ...graph, initializers: other, listedInitializers: [flag] };
    expect(simple(open).nodes.map((n) => n.op)).toContain('If');
  });

  it('inlines functions, and drops types of values in between that the file has twice or wrong', async () => {
    const graph = graphOver({ x }, (v) => identity(tanh(v.x)));
    const f: ModelFunction = {
      domain: 'mine',
      name: 'Turned',
      inputs: ['a'],
      outputs: ['b'],
      attributes: [],
      defaults: {},
      nodes: [{ op: 'Tanh', domain: '', name: '', inputs: ['a'], outputs: ['b'], attributes: {} }],
      opsets: { '': 17 },
    };
    const nodes = graph.nodes.map((n) => (n.op === 'Tanh' ? { ...n, op: 'Turned', domain: 'mine' } : n));
    const valueInfo = new Map([[nodes[0]!.outputs[0]!, { elementType: 'float32', shape: [7, 7] } as const]]);
    const model: Model = { ...modelOf({ ...graph, nodes, valueInfo }), functions: [f] };
    const { graph: after, functions } = simplify(model);
    expect(functions).toBeUndefined();
    expect(after.valueInfo).toBeUndefined();
    expect(after.nodes.map((n) => n.op)).toEqual(['Tanh']);
    expect(await runGraph(after, { x })).toEqual(await runGraph(graph, { x }));
  });
});
