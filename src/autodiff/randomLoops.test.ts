import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wrongGradients } from '../../test/support/gradientCheck.ts';
import { graphOver, largestDifference, loop, numbersOf, randomTensor, runGraph } from '../../test/support/graphs.ts';
import type { Value } from '../graph/builder.ts';
import { add, matmul, mul, neg, sigmoid, sub, tanh, transpose } from '../graph/ops.ts';
import type { Graph } from '../graph/types.ts';
import { hoistLoops } from '../passes/hoistLoops.ts';

// Loops with random bodies: two states, two scanned inputs and captured weights, over T = 3 steps.
const inputs = {
  h: randomTensor([2, 2], 1),
  c: randomTensor([2, 2], 2),
  x: randomTensor([3, 2, 2], 3),
  z: randomTensor([3, 2, 2], 4),
  w: randomTensor([2, 2], 5),
  row: randomTensor([2], 6),
  column: randomTensor([2, 1], 7),
};

const operators: readonly ((a: Value, b: Value) => Value)[] = [add, sub, mul, matmul, tanh, sigmoid, neg, turned];

function turned(a: Value): Value {
  return a.type.shape?.length === 2 ? transpose(a, [1, 0]) : neg(a);
}

/** Where a product of a vector is meant, a sum is taken, so that every choice of operands gives a graph. */
function applied(operator: (typeof operators)[number], a: Value, b: Value): Value {
  const isMatrix = (v: Value) => v.type.shape?.join() === '2,2';
  return operator === matmul && !(isMatrix(a) && isMatrix(b)) ? add(a, b) : operator(a, b);
}

const index = fc.nat({ max: 1000 });
const shape = fc.record({
  steps: fc.array(fc.tuple(fc.nat({ max: operators.length - 1 }), index, index), { minLength: 3, maxLength: 10 }),
  states: fc.tuple(index, index),
  outputs: fc.array(index, { minLength: 1, maxLength: 2 }),
  reverseInputs: fc.tuple(fc.boolean(), fc.boolean()),
  reverseOutputs: fc.tuple(fc.boolean(), fc.boolean()),
});

const randomLoop: fc.Arbitrary<Graph> = shape.map((r) =>
  graphOver(inputs, ({ h, c, x, z, w, row, column }) =>
    loop(
      [h, c],
      [x, z],
      (states, steps) => {
        const pool = [...states, ...steps, w, row, column];
        const pick = (at: number) => pool[at % pool.length]!;
        // Later choices count from the end, so that bodies are deep rather than wide.
        const recent = (at: number) => pool[pool.length - 1 - (at % pool.length)]!;
        for (const [operator, a, b] of r.steps) pool.push(applied(operators[operator]!, recent(a), pick(b)));
        // Bounded, and of the states' shape whatever was picked.
        const next = r.states.map((at, i) => tanh(add(recent(at), mul(states[i]!, 0.5))));
        return [...next, ...r.outputs.map((at) => recent(at))];
      },
      { reverseInputs: r.reverseInputs, reverseOutputs: r.reverseOutputs.slice(0, r.outputs.length) },
    ),
  ),
);

describe('loops with random bodies', () => {
  it('compute the same after hoistLoops', async () => {
    const property = fc.asyncProperty(randomLoop, async (graph) => {
      const expected = await runGraph(graph, inputs);
      const got = await runGraph(hoistLoops(graph), inputs);
      expect(Object.keys(got)).toEqual(Object.keys(expected));
      for (const [name, tensor] of Object.entries(expected)) {
        expect(got[name]!.dims).toEqual(tensor.dims);
        expect(largestDifference(numbersOf(got[name]!), numbersOf(tensor))).toBeLessThan(1e-4);
      }
    });
    await fc.assert(property, { numRuns: 100, seed: 1 });
  });

  it.each([
    { pass: 'as differentiated', rewrite: (g: Graph) => g },
    { pass: 'hoisted', rewrite: hoistLoops },
  ])('have the right gradients, $pass', async ({ rewrite }) => {
    const property = fc.asyncProperty(randomLoop, async (graph) => {
      expect(await wrongGradients(graph, inputs, { rewrite })).toEqual([]);
    });
    await fc.assert(property, { numRuns: 40, seed: 2 });
  });
});
