import { describe, expect, it } from 'vitest';
import {
  distinct,
  graphOver,
  largestDifference,
  loop,
  numbersOf,
  randomTensor,
  runGraph,
} from '../../test/support/graphs.ts';
import { int64s } from '../graph/attributes.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import { sizeOf } from '../graph/dims.ts';
import { inferGraph, Scope } from '../graph/infer/infer.ts';
import { add, apply, crossEntropy, dropout, gather, matmul, mul, softmax, squeeze, transpose } from '../graph/ops.ts';
import type { Graph, Tensor } from '../graph/types.ts';
import { detachLookups, expandCrossEntropy, fuseLinear, maskDropout, parametersAsInputs } from './trainingPasses.ts';

const ops = (graph: Graph) => graph.nodes.map((n) => n.op);
const ints = (dims: readonly number[], values: readonly number[]): Tensor => ({
  elementType: 'int32',
  dims,
  data: Int32Array.from(values),
});

/** Both graphs declare the same outputs and compute the same values; each is fed what it declares. */
async function expectSame(before: Graph, after: Graph, feeds: Record<string, Tensor>): Promise<void> {
  expect(after.outputs).toEqual(before.outputs);
  inferGraph(after, new Scope());
  const fed = (graph: Graph) => Object.fromEntries(graph.inputs.map((v) => [v.name, feeds[v.name]!]));
  const [expected, got] = [await runGraph(before, fed(before)), await runGraph(after, fed(after))];
  for (const [name, tensor] of Object.entries(expected)) {
    expect(got[name]!.dims, name).toEqual(tensor.dims);
    expect(largestDifference(numbersOf(got[name]!), numbersOf(tensor)), name).toBeLessThan(1e-5);
  }
}

describe('maskDropout', () => {
  const x = distinct([2, 3, 4]);

  it('multiplies by masks that are fed, with the probability to keep of each dropout', async () => {
    const graph = graphOver({ x }, (v) => [dropout(mul(dropout(v.x, 0.25), 2), 0.5)]);
    const { graph: masked, masks } = maskDropout(graph);
    expect(ops(masked)).not.toContain('Dropout');
    expect(masks.map((m) => [m.dims, m.keep])).toEqual([
      [[2, 3, 4], 0.75],
      [[2, 3, 4], 0.5],
    ]);
    const [a, b] = masks.map((m, i) => randomTensor(m.dims, i + 1)) as [Tensor, Tensor];
    const results = await runGraph(masked, { x, [masks[0]!.input]: a, [masks[1]!.input]: b });
    const expected = numbersOf(x).map((v, i) => 2 * v * numbersOf(a)[i]! * numbersOf(b)[i]!);
    expect(largestDifference(numbersOf(results[graph.outputs[0]!.name]!), expected)).toBeLessThan(1e-5);
  });

  it('takes Dropout of ones for the mask itself', async () => {
    const graph = graphOver({ x }, (v, b) => {
      const mask = dropout(apply('Expand', [b.float(1), b.ints([3, 4])]), 0.5);
      return [mul(v.x, mask), mul(mask, 2)];
    });
    const { graph: masked, masks } = maskDropout(graph);
    expect(masks.map((m) => [m.dims, m.keep])).toEqual([[[3, 4], 0.5]]);
    expect(ops(masked)).not.toContain('Expand');
    const fed = randomTensor([3, 4]);
    const [first] = graph.outputs;
    const results = await runGraph(masked, { x, [masks[0]!.input]: fed });
    const expected = numbersOf(x).map((v, i) => v * numbersOf(fed)[i % 12]!);
    expect(largestDifference(numbersOf(results[first!.name]!), expected)).toBeLessThan(1e-5);
  });

  it('keeps what the graph computes when every mask is 1', async () => {
    const graph = graphOver({ x }, (v) => [add(dropout(v.x, 0.3), 1)]);
    const { graph: masked, masks } = maskDropout(graph);
    const ones = randomTensor(masks[0]!.dims);
    await expectSame(graph, masked, { x, [masks[0]!.input]: { ...ones, data: new Float32Array(24).fill(1) } });
  });

  it('drops half where no ratio is given, and nothing where it is 0', async () => {
    expect(maskDropout(graphOver({ x }, (v) => apply('Dropout', [v.x]))).masks[0]!.keep).toBe(0.5);
    const graph = graphOver({ x }, (v) => apply('Dropout', [v.x, 0]));
    const { graph: masked, masks } = maskDropout(graph);
    expect(masks).toEqual([]);
    expect(ops(masked)).not.toContain('Dropout');
    await expectSame(graph, masked, { x });
  });

  it('refuses a size or a ratio that is not known before the run', () => {
    const free = graphOver({ x }, (v) => dropout(v.x, 0.5), { x: ['time', 3, 4] });
    expect(() => maskDropout(free)).toThrow("Dropout 'Dropout_0' needs an input of fixed dimensions, got [time, 3, 4]");
    const ratio = distinct([]);
    const fed = graphOver({ x, ratio }, (v) => apply('Dropout', [v.x, v.ratio]));
    expect(() => maskDropout(fed)).toThrow("Dropout 'Dropout_0' must have a constant ratio (input 1)");
  });
});

describe('detachLookups', () => {
  const tokens = ints([2, 3], [4, 0, 1, 4, 2, 2]);
  const table = distinct([5, 4]);
  const rowsOf = (dims: readonly number[]): Tensor => {
    const rows = numbersOf(tokens).flatMap((t) => numbersOf(table).slice(4 * t, 4 * t + 4));
    return { elementType: 'float32', dims, data: Float32Array.from(rows) };
  };

  it('takes the rows as an input in place of table and indices', async () => {
    const graph = graphOver({ tokens }, (v, b) => mul(gather(b.parameter('words', table), v.tokens), 3));
    const { graph: detached, lookups } = detachLookups(graph);
    expect(lookups).toEqual([{ table: 'words', indices: 'tokens', values: expect.any(String) }]);
    const { values } = lookups[0]!;
    expect(detached.initializers.size).toBe(0);
    expect(detached.inputs.map((v) => [v.name, v.type.shape])).toEqual([[values, [2, 3, 4]]]);
    await expectSame(graph, detached, { tokens, [values]: rowsOf([2, 3, 4]) });
  });

  it('keeps free dimensions, and an input that something else reads too', async () => {
    const build = (v: { tokens: Value }, b: GraphBuilder) => [
      mul(gather(b.parameter('words', table), v.tokens), 3),
      apply('Neg', [v.tokens]),
    ];
    const graph = graphOver({ tokens }, build, { tokens: ['time', 'batch'] });
    const { graph: detached, lookups } = detachLookups(graph);
    const values = detached.inputs.find((v) => v.name === lookups[0]!.values)!;
    expect(values.type.shape).toEqual(['time', 'batch', 4]);
    expect(detached.inputs.map((v) => v.name)).toContain('tokens');
    await expectSame(graph, detached, { tokens, [values.name]: rowsOf([2, 3, 4]) });
  });

  it('keeps an input that only the body of a loop reads', async () => {
    const scale = randomTensor([4], 3);
    const graph = graphOver({ tokens, scale }, (v, b) =>
      loop([], [gather(b.parameter('words', table), v.tokens)], (_, [x]) => [mul(x!, v.scale)]),
    );
    const { graph: detached, lookups } = detachLookups(graph);
    await expectSame(graph, detached, { tokens, scale, [lookups[0]!.values]: rowsOf([2, 3, 4]) });
  });

  it('leaves other gathers: computed indices, a computed table, another axis, no matrix, no float32', async () => {
    const graph = graphOver({ tokens }, (v, b) => {
      const words = b.parameter('words', table);
      return [
        gather(words, apply('Abs', [v.tokens])),
        gather(mul(words, 2), v.tokens),
        gather(b.parameter('wide', distinct([2, 5])), v.tokens, 1),
        gather(b.parameter('vector', distinct([5])), v.tokens),
        gather(b.parameter('whole', int64s([5, 1], [1, 2, 3, 4, 5])), v.tokens),
      ];
    });
    const { graph: detached, lookups } = detachLookups(graph);
    expect(lookups).toEqual([]);
    await expectSame(graph, detached, { tokens });
  });
});

describe('parametersAsInputs', () => {
  const x = randomTensor([2, 3], 1);

  it('feeds every initializer, without a leading 1 that the graph drops', async () => {
    const w = randomTensor([1, 3, 4], 2);
    const bias = randomTensor([4], 3);
    const graph = graphOver({ x }, (v, b) =>
      add(matmul(v.x, squeeze(b.parameter('w', w), [0])), b.parameter('bias', bias)),
    );
    const { graph: fed, parameters } = parametersAsInputs(graph);
    expect(fed.initializers.size).toBe(0);
    expect(parameters).toEqual([
      { name: 'w', dims: [3, 4] },
      { name: 'bias', dims: [4] },
    ]);
    expect(ops(fed)).not.toContain('Squeeze');
    await expectSame(graph, fed, { x, w: { ...w, dims: [3, 4] }, bias });
  });

  it.each<[string, readonly number[], (x: Value, w: Value) => Value | Value[]]>([
    ['is also used as it is', [1, 3, 4], (x, w) => [matmul(x, squeeze(w, [0])), mul(w, 2)]],
    ['loses another axis', [3, 1, 4], (x, w) => matmul(x, squeeze(w, [1]))],
    ['loses two axes', [1, 1, 3], (x, w) => mul(x, squeeze(w, [0, 1]))],
    ['has no axis of size 1', [3, 4], (x, w) => matmul(x, w)],
    [
      'is also used as it is in a loop',
      [1, 3],
      (x, w) => [mul(x, squeeze(w, [0])), ...loop([], [x], (_, [row]) => [mul(row!, w)])],
    ],
  ])('keeps the dimensions of one that %s', async (_, dims, build) => {
    const w = randomTensor(dims, 2);
    const graph = graphOver({ x }, (v, b) => build(v.x, b.parameter('w', w)));
    const { graph: fed, parameters } = parametersAsInputs(graph);
    expect(parameters).toEqual([{ name: 'w', dims }]);
    await expectSame(graph, fed, { x, w });
  });
});

describe('fuseLinear', () => {
  const x = randomTensor([2, 3, 4], 1);
  const w = randomTensor([4, 5], 2);
  const turned = randomTensor([5, 4], 3);
  const bias = randomTensor([5], 4);
  const feeds = { x, w, turned, bias };
  type Build = (v: Record<keyof typeof feeds, Value>) => Value | Value[];
  const fuse = (build: Build) => {
    const graph = graphOver(feeds, build);
    return { graph, fused: fuseLinear(graph) };
  };

  it.each<[string, Build, string[]]>([
    ['product + bias', (v) => add(matmul(v.x, v.w), v.bias), ['Gemm']],
    ['bias + product', (v) => add(v.bias, matmul(v.x, v.w)), ['Gemm']],
    ['a product alone', (v) => matmul(v.x, v.w), ['Gemm']],
    ['a transposed weight', (v) => add(matmul(v.x, transpose(v.turned, [1, 0])), v.bias), ['Gemm']],
    ['a transposed weight, perm by default', (v) => matmul(v.x, apply('Transpose', [v.turned])), ['Gemm']],
    [
      'a product that is also used without the bias',
      (v) => {
        const product = matmul(v.x, v.w);
        return [add(product, v.bias), mul(product, 2)];
      },
      ['Gemm', 'Add', 'Mul'],
    ],
    ['two layers', (v) => matmul(add(matmul(v.x, v.w), v.bias), v.turned), ['Gemm', 'Gemm']],
    ['a sum of two products', (v) => add(matmul(v.x, v.w), matmul(v.x, v.w)), ['Gemm', 'Gemm', 'Add']],
    ['four axes', (v) => add(matmul(apply('Unsqueeze', [v.x, v.x.builder.ints([0])]), v.w), v.bias), ['Gemm']],
    ['a number added', (v) => add(matmul(v.x, v.w), 3), ['Gemm', 'Add']],
  ])('keeps %s', async (_, build, expected) => {
    const { graph, fused } = fuse(build);
    const arithmetic = ops(fused).filter((op) => ['Gemm', 'MatMul', 'Add', 'Mul', 'Transpose'].includes(op));
    expect(arithmetic).toEqual(expected);
    await expectSame(graph, fused, feeds);
  });

  it.each<[string, Build]>([
    ['products of matrices', (v) => matmul(v.turned, v.w)],
    ['products of two sequences', (v) => matmul(v.x, transpose(v.x, [0, 2, 1]))],
  ])('leaves %s', async (_, build) => {
    const { graph, fused } = fuse(build);
    expect(ops(fused)).toEqual(ops(graph));
    await expectSame(graph, fused, feeds);
  });

  it('leaves sequences of free sizes', async () => {
    const graph = graphOver(feeds, (v) => add(matmul(v.x, v.w), v.bias), { x: ['time', 3, 4] });
    expect(ops(fuseLinear(graph))).toEqual(['MatMul', 'Add']);
  });

  it('leaves an addition that makes a layer of one unit wider', async () => {
    const single = { x, w: randomTensor([4, 1], 2), bias };
    const graph = graphOver(single, (v) => add(matmul(v.x, v.w), v.bias));
    await expectSame(graph, fuseLinear(graph), single);
  });
});

describe('expandCrossEntropy', () => {
  const logits = randomTensor([4, 6], 1, 3);
  const labels = ints([4], [5, 0, 2, 2]);
  const feeds = { logits, labels };

  it('keeps the total, and shares its softmax with the gradient', async () => {
    const graph = graphOver(feeds, (v) => [crossEntropy(v.logits, v.labels), softmax(v.logits, 1)]);
    const expanded = expandCrossEntropy(graph);
    expect(ops(expanded)).not.toContain('SoftmaxCrossEntropyLoss');
    expect(ops(expanded).filter((op) => op === 'Softmax')).toHaveLength(1);
    await expectSame(graph, expanded, feeds);
  });

  it('keeps a softmax of other values', async () => {
    const graph = graphOver(feeds, (v) => [crossEntropy(v.logits, v.labels), softmax(mul(v.logits, 2), 1)]);
    await expectSame(graph, expandCrossEntropy(graph), feeds);
  });

  it('keeps a softmax over the rows', async () => {
    const graph = graphOver(feeds, (v) => [crossEntropy(v.logits, v.labels), softmax(v.logits, 0)]);
    await expectSame(graph, expandCrossEntropy(graph), feeds);
  });

  it.each([
    ['a mean', {}],
    ['a total with ignored labels', { reduction: 'sum', ignore_index: 2 }],
  ])('leaves %s as it is', (_, attributes) => {
    const graph = graphOver(feeds, (v) => apply('SoftmaxCrossEntropyLoss', [v.logits, v.labels], attributes));
    expect(ops(expandCrossEntropy(graph))).toEqual(['SoftmaxCrossEntropyLoss']);
  });

  it('stays finite where a probability is 0 in float32', async () => {
    const far = { logits: { ...logits, data: new Float32Array(sizeOf(logits.dims)) }, labels };
    far.logits.data[0] = 500; // label 5 of row 0 then has probability e^-500
    const graph = graphOver(far, (v) => crossEntropy(v.logits, v.labels));
    const results = await runGraph(expandCrossEntropy(graph), far);
    const [loss] = numbersOf(results[graph.outputs[0]!.name]!);
    expect(loss! - 3 * Math.log(6)).toBeCloseTo(87.34, 1);
  });
});
