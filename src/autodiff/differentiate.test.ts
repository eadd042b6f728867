import { describe, expect, it } from 'vitest';
import { wrongGradients } from '../../test/support/gradientCheck.ts';
import { graphOver, loop, numbersOf, randomTensor, runGraph } from '../../test/support/graphs.ts';
import { floats, int64s } from '../graph/attributes.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { add, apply, concat, crossEntropy, dropout, matmul, mul, reduceSum, slice, tanh } from '../graph/ops.ts';
import { operatorsWith } from '../graph/rules.ts';
import type { Attribute } from '../graph/types.ts';
import { convolutionGradients } from './convolution.ts';
import { differentiableOperators, differentiate } from './differentiate.ts';
import { elementwiseGradients } from './elementwise.ts';
import { indexingGradients } from './indexing.ts';
import { matrixGradients } from './matrix.ts';
import { movementGradients } from './movement.ts';
import { normalizationGradients } from './normalization.ts';
import { reduceGradients } from './reduce.ts';
import { scanGradients } from './scan.ts';

const x = randomTensor([2, 3]);

/** Differentiates Σ y of a graph's first output for its input 'x'. */
function differentiateSum(build: Parameters<typeof graphOver<'x'>>[1]) {
  const graph = graphOver({ x }, (v, b) => {
    const y = build(v, b);
    return reduceSum('name' in y ? y : y[0]!);
  });
  return differentiate(graph, graph.outputs[0]!.name, ['x']);
}

describe('differentiate', () => {
  it('knows only operators whose family is tested for finite differences', () => {
    const families = [
      elementwiseGradients,
      matrixGradients,
      movementGradients,
      reduceGradients,
      indexingGradients,
      normalizationGradients,
      convolutionGradients,
      scanGradients,
    ];
    expect(families.flatMap((f) => Object.keys(f)).sort()).toEqual(differentiableOperators);
    expect(differentiableOperators).toEqual(operatorsWith({ gradient: 'rule' }).sort());
  });

  it('gives gradients of parameters, inputs and values in between', async () => {
    const b = new GraphBuilder('test');
    const input = b.input('x', 'float32', [2, 3]);
    const weight = b.parameter('w', randomTensor([3, 2], 2));
    const hidden = matmul(input, weight);
    const loss = reduceSum(mul(hidden, hidden));
    const { graph, gradients } = differentiate(b.build(), loss.name, ['w', 'x', hidden.name]);
    expect([...gradients]).toEqual([
      ['w', 'gradient/w'],
      ['x', 'gradient/x'],
      [hidden.name, `gradient/${hidden.name}`],
    ]);
    const results = await runGraph(graph, { x: floats([2, 3], [1, 1, 1, 1, 1, 1]) });
    const w = numbersOf(randomTensor([3, 2], 2));
    const columns = [0, 1].map((j) => 2 * (w[j]! + w[2 + j]! + w[4 + j]!));
    numbersOf(results[`gradient/${hidden.name}`]!).forEach((g, i) => {
      expect(g).toBeCloseTo(columns[i % 2]!, 5);
    });
    numbersOf(results['gradient/w']!).forEach((g, i) => {
      expect(g).toBeCloseTo(2 * columns[i % 2]!, 5);
    });
  });

  it('gives zeros for what the loss does not depend on', async () => {
    const graph = graphOver({ x, other: randomTensor([4]) }, (v) => reduceSum(v.x));
    const { graph: whole } = differentiate(graph, graph.outputs[0]!.name, ['other']);
    const results = await runGraph(whole, { x, other: randomTensor([4]) });
    expect(numbersOf(results['gradient/other']!)).toEqual([0, 0, 0, 0]);
  });

  it('sums over every use of a value, and passes operators that are flat', async () => {
    const inputs = { x, w: randomTensor([3, 3], 2) };
    const graph = graphOver(inputs, (v) => {
      const y = tanh(matmul(v.x, v.w));
      return add(mul(y, apply('Floor', [mul(v.x, 10)])), matmul(y, v.w));
    });
    expect(await wrongGradients(graph, inputs, { wrt: ['w'] })).toEqual([]);
  });

  it('passes nodes that leave an output out', async () => {
    const graph = graphOver({ x }, (v, b) => {
      const node = { op: 'Dropout', domain: '', name: 'drop', inputs: [mul(v.x, 2).name], outputs: ['kept', ''] };
      b.addNode({ ...node, attributes: {} });
      return mul(b.value('kept'), v.x);
    });
    expect(await wrongGradients(graph, { x })).toEqual([]);
  });

  it('ignores operators without a rule that the gradient does not pass', () => {
    const graph = graphOver({ x, z: x }, (v) => reduceSum(mul(v.x, apply('Erf', [v.z]))));
    expect(differentiate(graph, graph.outputs[0]!.name, ['x']).gradients.size).toBe(1);
  });
});

describe('differentiate refuses', () => {
  it('a loss that is no scalar', () => {
    const graph = graphOver({ x }, (v) => tanh(v.x));
    expect(() => differentiate(graph, graph.outputs[0]!.name, ['x'])).toThrow(
      /the loss 'Tanh_0_out' must be a scalar, but has shape \[2,3\]/,
    );
  });

  it.each([
    ['an operator without a rule', /cannot differentiate Tan 'Tan_0': no gradient rule; known: Abs, Add/, 'Tan'],
    ['an operator of another domain', /com\.microsoft\.Gelu \('Gelu_0'\) is not known here/, 'com.microsoft.Gelu'],
  ])('%s', (_, message, op) => {
    const [name, domain] = [op.split('.').at(-1)!, op.split('.').slice(0, -1).join('.')];
    expect(() => differentiateSum((v, b) => b.node(name, [v.x], {}, 1, domain))).toThrow(message);
  });

  it('a branch that takes a value from outside, although it is no input', () => {
    const graph = graphOver({ x, c: { elementType: 'bool', dims: [], data: Uint8Array.of(1) } }, (v, b) => {
      const branch = (op: string): Attribute => {
        const body = new GraphBuilder(op, b);
        body.output(body.node(op, [v.x])[0]!);
        return { type: 'graph', value: body.build() };
      };
      const [y] = b.node('If', [v.c], { then_branch: branch('Tanh'), else_branch: branch('Neg') });
      return reduceSum(y!);
    });
    expect(() => differentiate(graph, graph.outputs[0]!.name, ['x'])).toThrow(/cannot differentiate If 'If_0'/);
  });

  it('names or values that the graph does not have', () => {
    const graph = graphOver({ x }, (v) => reduceSum(v.x));
    expect(() => differentiate(graph, 'nothing', ['x'])).toThrow("graph 'test' has no value 'nothing'");
    expect(() => differentiate(graph, graph.outputs[0]!.name, ['y'])).toThrow("graph 'test' has no value 'y'");
  });

  it.each([
    ['Dropout in training mode', /Dropout 'Dropout_0': replace it by seeded masks first/, 'Dropout'],
    ['Pad around the end', /Pad 'Pad_0': mode 'wrap' has no gradient here/, 'Pad'],
    ['cross entropy by mean', /SoftmaxCrossEntropyLoss '.*': only reduction 'sum' has a gradient/, 'Loss'],
    ['overwriting scatter', /ScatterElements '.*': only reduction 'add' has a gradient/, 'Scatter'],
    ['reduction over computed axes', /ReduceSum '.*': its axes must be constant/, 'Axes'],
    ['stacking along another axis', /Scan 'Scan_0': scan_output_axes other than 0/, 'Scan'],
  ])('%s', (_, message, kind) => {
    const differentiated = () =>
      differentiateSum(({ x: v }, b) => {
        const labels = b.constant(int64s([2], [0, 1]));
        const rows = b.constant(int64s([1, 3], [0, 1, 0]));
        switch (kind) {
          case 'Dropout':
            return apply('Dropout', [v, 0.5, b.constant({ elementType: 'bool', dims: [], data: Uint8Array.of(1) })]);
          case 'Pad':
            return apply('Pad', [v, b.ints([0, 1, 0, 1])], { mode: 'wrap' });
          case 'Loss':
            return apply('SoftmaxCrossEntropyLoss', [v, labels], { reduction: 'mean' });
          case 'Scatter':
            return apply('ScatterElements', [v, rows, slice(v, [0], [1], [0])], { axis: 0 });
          case 'Axes':
            return apply('ReduceSum', [v, b.input('axes', 'int64', [1])], { keepdims: 1 });
          default: {
            const body = new GraphBuilder('body', b);
            body.output(tanh(body.input('row', 'float32', [3])));
            return b.node('Scan', [v], {
              body: { type: 'graph', value: body.build() },
              num_scan_inputs: 1,
              scan_output_axes: [1],
            });
          }
        }
      });
    expect(differentiated).toThrow(message);
  });

  it('Concat along a free axis', () => {
    const inputs = { x, y: x };
    const graph = graphOver(inputs, (v) => reduceSum(concat([v.x, v.y], 0)), { x: ['rows', 3] });
    expect(() => differentiate(graph, graph.outputs[0]!.name, ['x'])).toThrow(
      /Concat 'Concat_0': the size of axis 0 of 'x' is free/,
    );
  });
});

describe('gradients with free dimensions', () => {
  const layer = { w: randomTensor([3, 2], 5), bias: randomTensor([2], 6) };
  const sizes = [
    { batch: 2, time: 3 },
    { batch: 1, time: 4 },
  ];
  const shapes = { x: ['time', 'batch', 3] };
  const sequence = ({ batch, time }: { batch: number; time: number }) => randomTensor([time, batch, 3], 9);

  it.each(sizes)('of a biased product, batch $batch, time $time', async (size) => {
    const inputs = { x: sequence(size), ...layer };
    const graph = graphOver(inputs, (v) => tanh(add(matmul(v.x, v.w), v.bias)), shapes);
    expect(await wrongGradients(graph, inputs)).toEqual([]);
  });

  it.each(sizes)('of means, batch $batch, time $time', async (size) => {
    const inputs = { x: sequence(size) };
    const graph = graphOver(
      inputs,
      ({ x: v }) => [
        apply('ReduceMean', [mul(v, v)], { axes: [0], keepdims: 0 }),
        apply('ReduceMean', [mul(v, v)], { axes: [-2, 2], keepdims: 1 }),
        apply('ReduceMean', [mul(v, v)], { keepdims: 0 }),
        apply('ReduceMax', [v], { axes: [1], keepdims: 0 }),
      ],
      shapes,
    );
    expect(await wrongGradients(graph, inputs)).toEqual([]);
  });

  it.each(sizes)('of reshapes, batch $batch, time $time', async (size) => {
    const inputs = { x: sequence(size) };
    const graph = graphOver(
      inputs,
      ({ x: v }, b) => [
        tanh(apply('Reshape', [v, b.ints([-1, 3])])),
        tanh(apply('Reshape', [v, b.ints([0, 0, 1, 3])])),
        tanh(apply('Reshape', [v, b.ints([0, -1])])),
        tanh(apply('Flatten', [v], { axis: 1 })),
        tanh(apply('Unsqueeze', [v, b.ints([1])])),
        tanh(slice(v, [1], [3], [2])),
        apply('Expand', [v, concat([b.ints([2]), apply('Shape', [v])], 0)]),
      ],
      shapes,
    );
    expect(await wrongGradients(graph, inputs)).toEqual([]);
  });

  it.each(sizes)('of an embedding and cross entropy, batch $batch, time $time', async ({ batch, time }) => {
    const tokens = int64s(
      [time, batch],
      Array.from({ length: time * batch }, (_, i) => (3 * i) % 4),
    );
    const labels = { ...tokens, dims: [time * batch] };
    const inputs = { table: randomTensor([4, 3], 1), head: randomTensor([3, 5], 2), tokens, labels };
    const graph = graphOver(
      inputs,
      (v, b) => {
        const embedded = dropout(apply('Gather', [v.table, v.tokens]), 0.5);
        return crossEntropy(matmul(apply('Reshape', [embedded, b.ints([-1, 3])]), v.head), v.labels);
      },
      { tokens: ['time', 'batch'], labels: ['batch*time'] },
    );
    expect(await wrongGradients(graph, inputs)).toEqual([]);
  });

  it.each(sizes)('of a loop, batch $batch, time $time', async (size) => {
    const inputs = {
      x: sequence(size),
      h: randomTensor([size.batch, 3], 1),
      r: randomTensor([3, 3], 2),
      b: randomTensor([3], 3),
    };
    const graph = graphOver(
      inputs,
      (v) =>
        loop([v.h], [v.x], ([h], [x]) => {
          const next = tanh(add(add(matmul(h!, v.r), x!), v.b));
          return [next, mul(next, h!)];
        }),
      { ...shapes, h: ['batch', 3] },
    );
    expect(await wrongGradients(graph, inputs)).toEqual([]);
  });
});
