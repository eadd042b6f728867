import { expect, it } from 'vitest';
import { graphOver, numbersOf, randomTensor, runGraph } from '../../test/support/graphs.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { apply, equal, gather, mul, shapeOf } from '../graph/ops.ts';
import type { Attribute } from '../graph/types.ts';
import { inlineBranches } from './decideBranches.ts';

const x = randomTensor([2, 3]);

/** `x` has as many columns as said ? 2x : −x, in branches that take x from outside. */
function conditional(columns: number) {
  return graphOver({ x }, (v, b) => {
    const branch = (factor: number): Attribute => {
      const body = new GraphBuilder(b.fresh('branch'), b);
      const constant = body.parameter(body.fresh('factor'), {
        elementType: 'float32',
        dims: [1],
        data: Float32Array.of(factor),
      });
      body.output(mul(v.x, constant));
      return { type: 'graph', value: body.build() };
    };
    const condition = equal(gather(shapeOf(v.x), b.ints([1])), b.ints([columns]));
    return b.node('If', [apply('Squeeze', [condition])], { then_branch: branch(2), else_branch: branch(-1) })[0]!;
  });
}

it.each([
  [3, 2],
  [4, -1],
])('puts the branch in place that the sizes decide: %i columns asked for', async (columns, factor) => {
  const graph = conditional(columns);
  const inlined = inlineBranches(graph);
  expect(inlined.nodes.some((n) => n.op === 'If')).toBe(false);
  const results = await runGraph(inlined, { x });
  expect(numbersOf(results[graph.outputs[0]!.name]!)).toEqual(numbersOf(x).map((v) => Math.fround(factor * v)));
});

it('leaves a branch that the data decide', () => {
  const graph = graphOver({ x, c: { elementType: 'bool', dims: [], data: Uint8Array.of(1) } }, (v, b) => {
    const body = (op: string): Attribute => {
      const inner = new GraphBuilder(op, b);
      inner.output(inner.node(op, [v.x])[0]!);
      return { type: 'graph', value: inner.build() };
    };
    return b.node('If', [v.c], { then_branch: body('Tanh'), else_branch: body('Neg') })[0]!;
  });
  expect(inlineBranches(graph).nodes).toEqual(graph.nodes);
});
