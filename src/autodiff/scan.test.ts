import { describe, expect, it } from 'vitest';
import { wrongGradients } from '../../test/support/gradientCheck.ts';
import { graphOver, loop, randomTensor, type Step } from '../../test/support/graphs.ts';
import { int64s } from '../graph/attributes.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { add, apply, cast, matmul, mul, reduceSum, scan, sigmoid, split, sub, tanh, transpose } from '../graph/ops.ts';
import type { Graph, Tensor } from '../graph/types.ts';
import { hoistLoops } from '../passes/hoistLoops.ts';
import { differentiate } from './differentiate.ts';

// T = 3 steps, B = 2 examples, H = 2 hidden units; feature-major bodies have h [H, B], others h [B, H].
const square = (seed: number) => randomTensor([2, 2], seed);
const steps = randomTensor([3, 2, 2], 20);

/** A value as the new state and as the step's output. */
const twice = (value: Value) => [value, value];

interface LoopCase {
  readonly name: string;
  /** Runs the check; see `wrongGradients`. */
  readonly wrong: (rewrite: (graph: Graph) => Graph) => Promise<string[]>;
}

/** A table's entry; `see` picks the outputs that the loss sees. */
function loopCase<K extends string>(
  name: string,
  inputs: Readonly<Record<K, Tensor>>,
  build: (v: Record<K, Value>, b: GraphBuilder) => Value[],
  see: (outputs: readonly string[]) => string[] = (outputs) => [...outputs],
): LoopCase {
  const wrong: LoopCase['wrong'] = (rewrite) => {
    const graph = graphOver(inputs, build);
    const seen = see(graph.outputs.filter((o) => o.type.elementType === 'float32').map((o) => o.name));
    return wrongGradients(graph, inputs, { rewrite, seen });
  };
  return { name, wrong };
}

const cell = { h: square(1), x: steps, w: square(2) };
const biased = { ...cell, bias: randomTensor([2, 1], 3) };

/** h' = tanh(W h + x + b), which is also the output. */
const rnn =
  (w: Value, bias: Value): Step =>
  ([h], [x]) =>
    twice(tanh(add(add(matmul(w, h!), x!), bias)));

const bodies: LoopCase[] = [
  loopCase('weight at the left', biased, ({ h, x, w, bias }) => loop([h], [x], rnn(w, bias))),
  loopCase('weight at the right', { ...cell, bias: randomTensor([2], 3) }, ({ h, x, w, bias }) =>
    loop([h], [x], ([s], [xt]) => twice(tanh(add(add(matmul(s!, w), xt!), bias)))),
  ),
  loopCase('weights of the state and of the input', { ...cell, u: square(4) }, ({ h, x, w, u }) =>
    loop([h], [x], ([s], [xt]) => twice(tanh(add(matmul(w, s!), matmul(u, xt!))))),
  ),
  loopCase('input weight at the right', { ...cell, u: square(4) }, ({ h, x, w, u }) =>
    loop([h], [x], ([s], [xt]) => twice(tanh(add(matmul(s!, w), matmul(xt!, u))))),
  ),
  loopCase('elementwise vector (peephole)', { ...cell, p: randomTensor([2, 1], 5) }, ({ h, x, w, p }) =>
    loop([h], [x], ([s], [xt]) => {
      const gate = sigmoid(add(add(matmul(w, s!), xt!), mul(p, s!)));
      return [mul(gate, tanh(s!)), gate];
    }),
  ),
  loopCase(
    'bias subtracted from and from it',
    { ...cell, p: square(5), q: randomTensor([2], 6) },
    ({ h, x, w, p, q }) => loop([h], [x], ([s], [xt]) => twice(tanh(sub(q, sub(sub(matmul(w, s!), p), xt!))))),
  ),
  loopCase('a weight larger than the step value', { ...cell, p: randomTensor([3, 2, 2], 5) }, ({ h, x, w, p }) =>
    loop([h], [x], ([s], [xt]) => {
      const next = tanh(add(matmul(w, s!), xt!));
      return [next, mul(next, p)];
    }),
  ),
  loopCase('a weight used twice', cell, ({ h, x, w }) =>
    loop([h], [x], ([s], [xt]) => {
      const next = tanh(add(matmul(w, matmul(w, s!)), xt!));
      return [next, mul(next, w)];
    }),
  ),
  loopCase('a weight times itself', cell, ({ h, x, w }) =>
    loop([h], [x], ([s], [xt]) => twice(tanh(add(matmul(matmul(w, w), s!), xt!)))),
  ),
  loopCase('a weight transposed in the body', cell, ({ h, x, w }) =>
    loop([h], [x], ([s], [xt]) => twice(tanh(add(matmul(s!, transpose(w, [1, 0])), xt!)))),
  ),
  loopCase('a weight under tanh', cell, ({ h, x, w }) =>
    loop([h], [x], ([s], [xt]) => twice(tanh(add(matmul(tanh(w), s!), xt!)))),
  ),
  loopCase('a weight plain and under tanh', cell, ({ h, x, w }) =>
    loop([h], [x], ([s], [xt]) => twice(tanh(add(matmul(tanh(w), s!), matmul(w, xt!))))),
  ),
  loopCase('a weight split in the body', { ...cell, w: randomTensor([4, 2], 2) }, ({ h, x, w }) =>
    loop([h], [x], ([s], [xt]) => {
      const [a, b] = split(w, 2, 0);
      const next = mul(tanh(add(matmul(a!, s!), xt!)), sigmoid(matmul(b!, s!)));
      return [next, next];
    }),
  ),
  loopCase(
    'gates split from one product',
    { ...cell, x: randomTensor([3, 4, 2], 9), w: randomTensor([4, 2], 2) },
    ({ h, x, w }) =>
      loop([h], [x], ([s], [xt]) => {
        const [a, b] = split(add(matmul(w, s!), xt!), 2, 0);
        const next = mul(tanh(a!), sigmoid(b!));
        return [next, next];
      }),
  ),
  loopCase('a weight computed outside', { ...cell, raw: square(7) }, ({ h, x, raw }) => {
    const w = tanh(raw);
    return loop([h], [x], ([s], [xt]) => twice(tanh(add(matmul(w, s!), xt!))));
  }),
  loopCase('two states', { ...cell, c: square(8) }, ({ h, c, x, w }) =>
    loop([h, c], [x], ([s, m], [xt]) => {
      const memory = add(mul(sigmoid(matmul(w, s!)), m!), xt!);
      const next = tanh(memory);
      return [next, memory, mul(next, m!)];
    }),
  ),
  loopCase('states that change places', { ...cell, c: square(8) }, ({ h, c, x, w }) =>
    loop([h, c], [x], ([s, m], [xt]) => [tanh(add(matmul(w, m!), xt!)), s!]),
  ),
  loopCase('a state that nothing reads', { ...cell, c: square(8) }, ({ h, c, x, w }) =>
    loop([h, c], [x], ([s], [xt]) => {
      const next = tanh(add(matmul(w, s!), xt!));
      return [next, mul(next, 2)];
    }),
  ),
  loopCase('a counter as a state', { ...cell, count: int64s([], [0]) }, ({ h, count, x, w }, b) =>
    loop([h, count], [x], ([s, n], [xt]) => {
      const next = tanh(add(mul(matmul(w, s!), cast(n!, 'float32')), xt!));
      return [next, add(n!, b.constant(int64s([], [1]))), next];
    }),
  ),
  loopCase('two scanned inputs', { ...cell, z: randomTensor([3, 2, 2], 21) }, ({ h, x, z, w }) =>
    loop([h], [x, z], ([s], [xt, zt]) => {
      const next = tanh(add(mul(matmul(w, s!), zt!), xt!));
      return [next, mul(next, zt!), mul(zt!, xt!)];
    }),
  ),
  loopCase('an input scanned twice', cell, ({ h, x, w }) =>
    loop([h], [x, x], ([s], [xt, again]) => twice(tanh(add(mul(matmul(w, s!), again!), xt!)))),
  ),
  loopCase('the old state as output', cell, ({ h, x, w }) =>
    loop([h], [x], ([s], [xt]) => [tanh(add(matmul(w, s!), xt!)), s!]),
  ),
  loopCase('the scanned input as output', cell, ({ h, x, w }) =>
    loop([h], [x], ([s], [xt]) => [tanh(add(matmul(w, s!), xt!)), xt!]),
  ),
  loopCase('a captured value as output', cell, ({ h, x, w }) =>
    loop([h], [x], ([s], [xt]) => [tanh(add(matmul(w, s!), xt!)), w]),
  ),
  loopCase('one value as state and as input', { x: randomTensor([2, 2, 2], 2), w: square(3) }, ({ x, w }) =>
    loop([reduceSum(x, [0])], [x], ([s], [xt]) => twice(tanh(add(matmul(w, s!), xt!)))),
  ),
  loopCase('no state at all', { x: steps, w: square(3) }, ({ x, w }) =>
    loop([], [x], (_, [xt]) => [tanh(matmul(w, xt!))]),
  ),
  loopCase('constants and a reduction in the body', cell, ({ h, x, w }) =>
    loop([h], [x], ([s], [xt]) => {
      const z = add(mul(matmul(w, s!), 0.5), xt!);
      const next = sub(z, reduceSum(mul(z, 0.5), [0], true));
      return [next, apply('Softmax', [next], { axis: 0 })];
    }),
  ),
  loopCase('two loops in a row', { ...biased, k: square(9) }, ({ h, x, w, bias, k }) => {
    const [final, sequence] = loop([h], [x], rnn(w, bias));
    return loop([final!], [sequence!], rnn(k, bias));
  }),
  loopCase('the same weight in two loops', biased, ({ h, x, w, bias }) => {
    const [, sequence] = loop([h], [x], rnn(w, bias));
    return loop([h], [sequence!], rnn(w, bias), { reverseInputs: [true], reverseOutputs: [true] });
  }),
  loopCase('a loop in the body', { ...cell, u: square(4) }, ({ h, x, w, u }) =>
    loop([h], [x], ([s], [xt]) => {
      const [inner, sequence] = loop([matmul(s!, u)], [xt!], ([q], [row]) => twice(tanh(add(matmul(w, q!), row!))));
      return [mul(inner!, s!), sequence!];
    }),
  ),
  loopCase('a weight that the body holds itself', cell, ({ h, x, w }, b) => {
    const body = new GraphBuilder('body', b);
    const [s, xt] = [body.input('s', 'float32', [2, 2]), body.input('xt', 'float32', [2, 2])];
    const own = body.parameter('own', square(9));
    const next = tanh(add(add(matmul(own, matmul(w, s)), mul(xt, own)), matmul(own, w)));
    for (const output of [next, mul(next, s)]) body.output(output);
    return scan([h], [x], body.build());
  }),
  loopCase('names of the body that hide outer ones', cell, ({ h, x, w }) => {
    const body = new GraphBuilder('body');
    const [s, xt] = [body.input('h', 'float32', [2, 2]), body.input('x', 'float32', [2, 2])];
    const next = tanh(add(mul(s, xt), xt));
    for (const output of [next, mul(next, s)]) body.output(output);
    return [...scan([h], [x], body.build()), matmul(w, h)];
  }),
  loopCase('two loops whose bodies use the same names', cell, ({ h, x, w }, b) => {
    loop([h], [x], ([s], [xt]) => {
      const next = tanh(add(matmul(w, s!), xt!));
      return [next, mul(next, w)];
    });
    const first = b.nodes.at(-1)!;
    b.addNode({ ...first, name: 'second', inputs: first.outputs, outputs: ['final', 'sequence'] });
    return [b.value('final'), b.value('sequence')];
  }),
  loopCase(
    'loss on the final state only',
    biased,
    ({ h, x, w, bias }) => loop([h], [x], rnn(w, bias)),
    ([final]) => [final!],
  ),
  loopCase(
    'loss on the outputs only',
    biased,
    ({ h, x, w, bias }) => loop([h], [x], rnn(w, bias)),
    ([, y]) => [y!],
  ),
  loopCase(
    'an output that the loss does not see',
    biased,
    ({ h, x, w, bias }) =>
      loop([h], [x], ([s], [xt]) => {
        const next = tanh(add(add(matmul(w, s!), xt!), bias));
        return [next, mul(next, w), next];
      }),
    ([, , y]) => [y!],
  ),
  loopCase(
    'loss on an output that does not depend on the state',
    { ...biased, u: square(4) },
    ({ h, x, w, bias, u }) =>
      loop([h], [x], ([s], [xt]) => [tanh(add(add(matmul(w, s!), xt!), bias)), matmul(u, mul(xt!, xt!))]),
    ([, y]) => [y!],
  ),
];

const flags = [false, true];
const directions = flags.flatMap((first) =>
  flags.flatMap((second) =>
    flags.flatMap((output) =>
      flags.map((copy) =>
        loopCase(
          `inputs ${first ? 'reversed' : 'forward'} and ${second ? 'reversed' : 'forward'}, ` +
            `outputs ${output ? 'reversed' : 'forward'} and ${copy ? 'reversed' : 'forward'}`,
          { ...cell, z: randomTensor([3, 2, 2], 21), u: square(4) },
          ({ h, x, z, w, u }) =>
            loop(
              [h],
              [x, z],
              ([s], [xt, zt]) => {
                const next = tanh(add(matmul(w, s!), matmul(u, mul(xt!, zt!))));
                return [next, next, matmul(u, xt!)];
              },
              { reverseInputs: [first, second], reverseOutputs: [output, copy] },
            ),
        ),
      ),
    ),
  ),
);

describe.each([
  { pass: 'as differentiated', rewrite: (g: Graph) => g },
  { pass: 'hoisted', rewrite: hoistLoops },
])('gradients of Scan, $pass', ({ rewrite }) => {
  it.each([...bodies, ...directions])('$name', async ({ wrong }) => {
    expect(await wrong(rewrite)).toEqual([]);
  });
});

it('saves no values of the steps for the gradient of a sum', () => {
  const graph = graphOver(biased, ({ h, x, w, bias }) => {
    const [, y] = loop([h], [x], rnn(w, bias));
    return reduceSum(y!);
  });
  const { graph: whole } = differentiate(graph, graph.outputs[0]!.name, ['w', 'bias']);
  // The output itself is what tanh and the product need; the state before each step is the other factor of W.
  const forward = whole.nodes.find((n) => n.op === 'Scan')!;
  expect(forward.outputs.filter((name) => name.includes('steps'))).toEqual([
    expect.stringContaining('Tanh'),
    expect.stringContaining('state'),
  ]);
});
