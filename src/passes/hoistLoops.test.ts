import { describe, expect, it } from 'vitest';
import { graphOver, largestDifference, loop, numbersOf, randomTensor, runGraph } from '../../test/support/graphs.ts';
import { differentiate } from '../autodiff/differentiate.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { add, apply, matmul, mul, neg, reduceSum, scan, sigmoid, sub, tanh } from '../graph/ops.ts';
import type { Graph } from '../graph/types.ts';
import { hoistLoops } from './hoistLoops.ts';

// That hoisting keeps values and gradients of all kinds of bodies is tested beside the gradient of Scan.

const inputs = { h: randomTensor([2, 2], 1), x: randomTensor([3, 2, 2], 2), w: randomTensor([2, 2], 3) };

async function expectSame(before: Graph, after: Graph): Promise<void> {
  const [expected, got] = [await runGraph(before, inputs), await runGraph(after, inputs)];
  expect(Object.keys(got)).toEqual(Object.keys(expected));
  for (const [name, tensor] of Object.entries(expected)) {
    expect(largestDifference(numbersOf(got[name]!), numbersOf(tensor)), name).toBeLessThan(1e-5);
  }
}

/** The operators in the body of the only loop. */
function bodyOps(graph: Graph): string[] {
  const body = graph.nodes.find((n) => n.op === 'Scan')?.attributes.body;
  return body?.type === 'graph' ? body.value.nodes.map((n) => n.op) : [];
}

describe('hoistLoops', () => {
  it('takes what does not depend on the state out of the loop', async () => {
    const graph = graphOver(inputs, ({ h, x, w }) =>
      loop([h], [x], ([s], [xt]) => [add(matmul(w, s!), matmul(w, tanh(xt!)))]),
    );
    const hoisted = hoistLoops(graph);
    expect(bodyOps(hoisted)).toEqual(['MatMul', 'Add']);
    await expectSame(graph, hoisted);
  });

  it('takes a loop whose body has an initializer of its own', async () => {
    const graph = graphOver(inputs, ({ h, x }, b) => {
      const body = new GraphBuilder('body', b);
      const [s, xt] = [body.input('s', 'float32', [2, 2]), body.input('xt', 'float32', [2, 2])];
      const own = body.parameter('own', randomTensor([2, 2], 4));
      body.output(add(matmul(own, s), tanh(xt)));
      return scan([h], [x], body.build());
    });
    const hoisted = hoistLoops(graph);
    expect(bodyOps(hoisted)).toEqual(['Constant', 'MatMul', 'Add']);
    await expectSame(graph, hoisted);
  });

  it('takes an operator with an optional input that is left out', async () => {
    const graph = graphOver(inputs, ({ h, x }, b) =>
      loop([h], [x], ([s], [xt]) => [add(s!, apply('Clip', [xt!, undefined, b.float(0.1)]))]),
    );
    const hoisted = hoistLoops(graph);
    expect(bodyOps(hoisted)).toEqual(['Add']);
    await expectSame(graph, hoisted);
  });

  it('takes a function with its settings', async () => {
    const graph = graphOver(inputs, ({ h, x }, b) =>
      loop([h], [x], ([s], [xt]) => [add(s!, apply('Clip', [xt!, b.float(-0.1), b.float(0.1)]))]),
    );
    const hoisted = hoistLoops(graph);
    expect(bodyOps(hoisted)).toEqual(['Add']);
    await expectSame(graph, hoisted);
  });

  it('leaves random numbers where they are: they are others at every step', () => {
    const graph = graphOver(inputs, ({ h, x }) =>
      loop([h], [x], ([s], [xt]) => [add(s!, mul(xt!, xt!.builder.node('RandomNormal', [], { shape: [2, 2] })[0]!))]),
    );
    expect(bodyOps(hoistLoops(graph))).toContain('RandomNormal');
  });

  it.each([
    ['depends on the state', 1],
    ['leaves the loop', 2],
  ])('takes a loop with an output that %s and is left out', async (_, which) => {
    const whole = graphOver(inputs, ({ h, x, w }) => {
      const results = loop([h], [x], ([s], [xt]) => {
        const next = tanh(add(matmul(w, s!), xt!));
        return [next, next, tanh(xt!)];
      });
      return [results[0]!, results[3 - which]!, reduceSum(results[3 - which]!)];
    });
    const leftOut = (name: string, i: number) => (i === which ? '' : name);
    const nodes = whole.nodes.map((n) => (n.op === 'Scan' ? { ...n, outputs: n.outputs.map(leftOut) } : n));
    const graph = { ...whole, nodes };
    await expectSame(whole, hoistLoops(graph));
    const { graph: gradient } = differentiate(graph, whole.outputs[2]!.name, ['h', 'x', 'w']);
    const { graph: wholeGradient } = differentiate(whole, whole.outputs[2]!.name, ['h', 'x', 'w']);
    await expectSame(wholeGradient, hoistLoops(gradient));
  });

  it.each([
    ['as a difference', (s: Value, f: Value) => sub(s, mul(s, f))],
    ['as a sum', (s: Value, f: Value) => add(s, neg(mul(f, s)))],
    ['as a sum the other way round', (s: Value, f: Value) => add(neg(mul(f, s)), s)],
  ])('factors the state out of what a gate leaves of it, %s', async (_, left) => {
    const graph = graphOver(inputs, ({ h, x, w }) =>
      loop([h], [x], ([s], [xt]) => [add(left(s!, sigmoid(xt!)), matmul(w, s!))]),
    );
    const hoisted = hoistLoops(graph);
    expect(bodyOps(hoisted).sort()).toEqual(['Add', 'MatMul', 'Mul']);
    await expectSame(graph, hoisted);
  });

  it('leaves a difference whose factor depends on the state', async () => {
    const graph = graphOver(inputs, ({ h, x, w }) =>
      loop([h], [x], ([s], [xt]) => [add(sub(s!, mul(s!, sigmoid(s!))), matmul(w, xt!))]),
    );
    const hoisted = hoistLoops(graph);
    expect(bodyOps(hoisted)).toEqual(['Sigmoid', 'Mul', 'Sub', 'Add']);
    await expectSame(graph, hoisted);
  });
});
