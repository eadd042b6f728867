import { describe, expect, it } from 'vitest';
import { graphOver, randomTensor } from '../../test/support/graphs.ts';
import { expectSameGraph } from '../../test/support/samePass.ts';
import { floats } from '../graph/attributes.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { add, concat, matmul, mul, slice, tanh, transpose } from '../graph/ops.ts';
import type { Attribute, Graph, Tensor } from '../graph/types.ts';
import { liftMatrices } from './liftMatrices.ts';

const x = randomTensor([2, 3]);
const flag: Tensor = { elementType: 'bool', dims: [], data: Uint8Array.of(1) };
const names = (graph: Graph) => [...graph.initializers.keys()];

/** A product with a weight of its own, in a branch. */
function product(outer: GraphBuilder, x: Value, weights: readonly Tensor[], stored: boolean): Attribute {
  const body = new GraphBuilder(outer.fresh('branch'), outer);
  const made = weights.map((w) => {
    const weight = stored ? body.parameter(body.fresh('w'), w) : body.constant(w);
    return body.node('MatMul', [x, weight])[0]!;
  });
  body.output(made.reduce((a, b) => body.node('Add', [a, b])[0]!));
  return { type: 'graph', value: body.build() };
}

describe('liftMatrices', () => {
  it('stores matrices that are moved before they are read as weights, and no other constants', async () => {
    const graph = graphOver({ x }, (v, b) => {
      const weight = b.constant(randomTensor([3, 8], 2));
      const gates = [slice(weight, [4], [8], [1]), slice(weight, [0], [4], [1])];
      const shift = b.constant(randomTensor([2, 8], 3));
      return [
        add(matmul(v.x, concat(gates, 1)), shift),
        matmul(tanh(v.x), weight),
        mul(v.x, b.constant(floats([3], [1, 2, 3]))),
      ];
    });
    const after = liftMatrices(graph);
    expect(names(after)).toHaveLength(1);
    expect([...after.initializers.values()][0]!.dims).toEqual([3, 8]);
    expect(after.nodes.filter((n) => n.op === 'Constant')).toHaveLength(
      graph.nodes.filter((n) => n.op === 'Constant').length - 1,
    );
    await expectSameGraph(graph, after, { x });
    expect(liftMatrices(after)).toBe(after);
  });

  it.each([true, false])(
    'takes them out of branches, equal ones of both branches once (initializers: %s)',
    async (stored) => {
      const [shared, own] = [randomTensor([3, 3], 2), randomTensor([3, 3], 4)];
      const graph = graphOver({ x, flag }, (v, b) => {
        const branches = {
          then_branch: product(b, v.x, [shared, own, own], stored),
          else_branch: product(b, v.x, [shared, own], stored),
        };
        return b.node('If', [v.flag], branches)[0]!;
      });
      const after = liftMatrices(graph);
      // Equal ones within one branch are two weights, or one constant that two nodes read.
      expect(names(after)).toHaveLength(stored ? 3 : 2);
      await expectSameGraph(graph, after, { x, flag });
      await expectSameGraph(graph, after, { x, flag: { ...flag, data: Uint8Array.of(0) } });
    },
  );

  it('leaves a constant that the graph gives out', () => {
    const graph = graphOver({ x }, (v, b) => {
      const weight = b.constant(randomTensor([3, 3], 2));
      return [matmul(v.x, transpose(weight, [1, 0])), weight];
    });
    expect(liftMatrices(graph)).toBe(graph);
  });
});
