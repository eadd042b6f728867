import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exportedModels, loadExported, valuesOf } from '../../test/support/exportedModels.ts';
import { either, loop, numbersOf, randomTensor } from '../../test/support/graphs.ts';
import { float } from '../graph/attributes.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { add, apply, gather, gemm, greater, matmul, reduceSum, relu, tanh, transpose } from '../graph/ops.ts';
import { allNodes } from '../graph/rewrite.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { nodeRuntime } from '../runtime/node.ts';
import type { Tensors } from '../runtime/runtime.ts';
import { loadWebRuntime } from '../runtime/webInNode.ts';
import { verifyEqual } from '../verify/verify.ts';
import { calibrationRanges, type QuantizedModel, type QuantizeOptions, quantizeModel } from './quantize.ts';
import { activationTypes, gridOf } from './staticLayers.ts';

async function quantized(model: Model, windows: readonly Tensors[], options: QuantizeOptions = {}) {
  const ranges = await calibrationRanges(model, { runtime: nodeRuntime, windows });
  return quantizeModel(model, { ...options, to: 'qdq', ranges });
}

/** Operators with what stands around products as Q and D, constants left out. */
function operators({ model: { graph } }: QuantizedModel): string {
  const short: Record<string, string> = { QuantizeLinear: 'Q', DequantizeLinear: 'D' };
  const ops = allNodes(graph).map(({ op }) => short[op] ?? op);
  return ops.filter((op) => op !== 'Constant' && op !== 'Identity').join(' ');
}

async function outputOf(model: Model, feeds: Tensors): Promise<number[]> {
  const session = await nodeRuntime.createSession(model, { threads: 1 });
  try {
    return numbersOf(Object.values(await session.run(feeds))[0]!);
  } finally {
    await session.release();
  }
}

describe('the grid of a range', () => {
  it('has 255 steps and zero in it', () => {
    expect(gridOf({ min: -1, max: 4.1 }, 'uint8')).toEqual({ scale: Math.fround(5.1 / 255), zero: 50 });
    expect(gridOf({ min: 2, max: 5.1 }, 'uint8')).toEqual({ scale: Math.fround(5.1 / 255), zero: 0 });
    expect(gridOf({ min: -5.1, max: -2 }, 'uint8')).toEqual({ scale: Math.fround(5.1 / 255), zero: 255 });
  });

  it('is symmetric for int8', () => {
    expect(gridOf({ min: -1, max: 2.54 }, 'int8')).toEqual({ scale: Math.fround(0.02), zero: 0 });
    expect(gridOf({ min: -2.54, max: 1 }, 'int8')).toEqual({ scale: Math.fround(0.02), zero: 0 });
  });

  it('of nothing but zero is any, and of what is not finite none', () => {
    for (const type of activationTypes) {
      expect(gridOf({ min: 0, max: 0 }, type)).toMatchObject({ scale: 1 });
      expect(gridOf({ min: 0, max: Number.POSITIVE_INFINITY }, type)).toBe(undefined);
      expect(gridOf({ min: Number.NaN, max: 1 }, type)).toBe(undefined);
    }
  });
});

const [rows, inner, columns] = [5, 18, 20];
const x = randomTensor([rows, inner], 1);

/** A model of x alone. */
function modelWith(build: (x: Value, parameter: (dims: readonly number[]) => Value) => Value, dims = x.dims): Model {
  const b = new GraphBuilder('products');
  let count = 0;
  const parameter = (own: readonly number[]) => b.parameter(`w${count++}`, randomTensor(own, count));
  b.output(build(b.input('x', 'float32', ['rows', ...dims.slice(1)]), parameter), 'y');
  return modelOf(b.build());
}

describe('products on fixed scales', () => {
  const turned = { transB: true };
  const around = (op: string) => `Q D D ${op} Q D`;
  it.each<[string, Parameters<typeof modelWith>[0], string]>([
    ['MatMul', (v, w) => matmul(v, w([inner, columns])), around('MatMul')],
    ['MatMul with a transposed weight', (v, w) => matmul(v, transpose(w([columns, inner]), [1, 0])), around('MatMul')],
    ['Gemm', (v, w) => gemm(v, w([inner, columns])), around('Gemm')],
    ['Gemm with a bias', (v, w) => gemm(v, w([columns, inner]), w([columns]), turned), 'Q D D D Gemm Q D'],
    ['Gemm with a bias for all', (v, w) => gemm(v, w([inner, columns]), w([1])), around('Gemm')],
    [
      'Gemm with factors',
      (v, w) => apply('Gemm', [v, w([inner, columns]), w([columns])], { alpha: float(0.5), beta: float(2) }),
      around('Gemm'),
    ],
    ['a product and its Relu', (v, w) => relu(matmul(v, w([inner, columns]))), 'Q D D MatMul Relu Q D'],
    [
      'a product that Relu is not alone to read',
      (v, w) => {
        const product = matmul(v, w([inner, columns]));
        return add(relu(product), product);
      },
      'Q D D MatMul Q D Relu Add',
    ],
    [
      'two products in a row',
      (v, w) => matmul(matmul(v, w([inner, columns])), w([columns, inner])),
      'Q D D MatMul Q D D MatMul Q D',
    ],
    [
      'two products of one value',
      (v, w) => add(matmul(v, w([inner, columns])), matmul(v, w([inner, columns]))),
      'Q D D MatMul Q D D MatMul Q D Add',
    ],
  ])('%s', async (_, build, expected) => {
    const model = modelWith(build);
    for (const activations of activationTypes) {
      const made = await quantized(model, [{ x }], { activations, bits: 7 });
      expect([operators(made), made.kept]).toEqual([expected, []]);
      for (const runtime of [nodeRuntime, await loadWebRuntime()]) {
        const { maxRelativeDifference } = await verifyEqual(runtime, model, made.model, { feeds: [{ x }] });
        expect(maxRelativeDifference).toBeLessThan(0.05);
        expect(maxRelativeDifference).toBeGreaterThan(0);
      }
    }
  });

  it('convolutions with their bias and their limits', async () => {
    const image = randomTensor([2, 6, 9, 7], 3);
    const model = modelWith(
      (v, w) => apply('Clip', [apply('Conv', [v, w([8, 6, 3, 3]), w([8])], { pads: [1, 1, 1, 1] }), 0, 6]),
      image.dims,
    );
    const made = await quantized(model, [{ x: image }], { bits: 7 });
    expect(operators(made)).toBe('Q D D D Conv Clip Q D');
    expect(made.weights).toEqual([{ name: 'w0', form: 'product' }]);
    const { maxRelativeDifference } = await verifyEqual(nodeRuntime, model, made.model, { feeds: [{ x: image }] });
    expect(maxRelativeDifference).toBeLessThan(0.05);
  });

  it('of cells that were taken apart, inside their loop', async () => {
    const model = modelWith((v, w) => {
      const [input, recurrent] = [w([inner, inner]), w([inner, inner])];
      const sequence = apply('Unsqueeze', [v, v.builder.ints([1])]);
      const start = v.builder.constant({ elementType: 'float32', dims: [1, inner], data: new Float32Array(inner) });
      return loop([start], [sequence], ([state], [step]) => {
        const next = tanh(add(matmul(step!, input), matmul(state!, recurrent)));
        return [next, next];
      })[1]!;
    });
    const made = await quantized(model, [{ x }], { bits: 7 });
    expect(operators(made)).toContain('Scan Q D D MatMul Q D Q D D MatMul Q D Add Tanh');
    const { meanRelativeDifference } = await verifyEqual(nodeRuntime, model, made.model, { feeds: [{ x }] });
    expect(meanRelativeDifference).toBeLessThan(0.03);
  });

  it('leave what has no range, or a weight on the left: those weights are stored as int8', async () => {
    const b = new GraphBuilder('left');
    const v = b.input('x', 'float32', ['rows', inner]);
    const names = ['branch', 'left', 'right'];
    const [own, left, right] = names.map((name, i) => b.parameter(name, randomTensor([inner, inner], i)));
    const [chosen] = either(greater(reduceSum(v), -1e9), [
      (branch, of) => branch.node('MatMul', [of(v), of(own!)])[0]!,
      (branch, of) => branch.node('Neg', [of(v)])[0]!,
    ]);
    b.output(matmul(matmul(left!, transpose(chosen!, [1, 0])), matmul(chosen!, right!)), 'y');
    const { weights } = await quantized(modelOf(b.build()), [{ x }]);
    expect(weights).toEqual([
      { name: 'right', form: 'product' },
      { name: 'branch', form: 'int8' },
      { name: 'left', form: 'int8' },
    ]);
  });

  it('read a table in two forms that is looked up, too', async () => {
    const b = new GraphBuilder('tied');
    const table = b.parameter('table', randomTensor([40, 12], 2));
    b.output(matmul(gather(table, b.input('ids', 'int64', ['time'])), transpose(table, [1, 0])), 'y');
    const ids: Tensor = { elementType: 'int64', dims: [6], data: BigInt64Array.of(3n, 0n, 39n, 7n, 7n, 20n) };
    const made = await quantized(modelOf(b.build()), [{ ids }]);
    expect(made.weights).toEqual(['rows', 'product'].map((form) => ({ name: 'table', form })));
  });

  it('move no output by more than rounding explains', async () => {
    const size = fc.integer({ min: 16, max: 24 });
    const cases = fc.record({
      ...{ k: size, n: size, seed: fc.integer({ min: 1, max: 1e6 }), scale: fc.constantFrom(1e-3, 1, 50) },
      ...{ hasBias: fc.boolean(), activations: fc.constantFrom(...activationTypes) },
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ k, n, seed, scale, hasBias, activations }) => {
        const [a, w, bias] = [[4, k], [k, n], [n]].map((dims, i) => randomTensor(dims, seed + i, scale)) as [
          Tensor,
          Tensor,
          Tensor,
        ];
        const b = new GraphBuilder('product');
        const [weight, shift] = [b.parameter('w', w), hasBias ? b.parameter('bias', bias) : undefined];
        b.output(gemm(b.input('x', 'float32', ['rows', k]), weight, shift), 'y');
        const model = modelOf(b.build());
        const made = await quantized(model, [{ x: a }], { activations, bits: 7 });
        const [expected, got] = [await outputOf(model, { x: a }), await outputOf(made.model, { x: a })];
        const stepOf = (values: readonly number[]) =>
          gridOf({ min: Math.min(...values), max: Math.max(...values) }, activations)!.scale;
        const [xs, ws] = [numbersOf(a), numbersOf(w)];
        const [inputStep, outputStep] = [stepOf(xs), stepOf(expected)];
        for (const [at, value] of expected.entries()) {
          const [row, column] = [Math.floor(at / n), at % n];
          const own = Array.from({ length: k }, (_, i) => [xs[row * k + i]!, ws[i * n + column]!] as const);
          const weightStep = Math.max(...own.map(([, each]) => Math.abs(each))) / 64;
          // (x + e)(w + f) − xw with |e| and |f| of at most half a step, then half a step of bias and output.
          const products = own.map(
            ([each, by]) => (Math.abs(each) * weightStep + Math.abs(by) * inputStep + (inputStep * weightStep) / 2) / 2,
          );
          const sum = products.reduce((total, each) => total + each, (inputStep * weightStep + outputStep) / 2);
          expect(Math.abs(got[at]! - value)).toBeLessThanOrEqual(sum * 1.001);
        }
      }),
      { numRuns: 20 },
    );
  });
});

describe('models as exporters write them', () => {
  const apart = ['keras/streaming-function.function', 'keras/v1-lstm-peephole.v1', 'keras/v1-lstm-projection.v1'];
  const whole = ['torch/lstm-2.old', 'torch/gated.old', 'torch/tied-embedding.new'];

  it.each([...apart.map((name) => ({ name, form: 'product' })), ...whole.map((name) => ({ name, form: 'int8' }))])(
    '$name',
    async ({ name, form }) => {
      const entry = exportedModels.find(({ file }) => file === `${name}.onnx`)!;
      const [model, { inputs }] = [await loadExported(entry), valuesOf(entry)];
      const { states } = entry;
      const ranges = await calibrationRanges(model, { runtime: nodeRuntime, windows: [inputs], states });
      const { model: made, weights } = quantizeModel(model, { to: 'qdq', ranges });
      expect(new Set(weights.map((weight) => weight.form))).toEqual(new Set([form]));
      expect(made.opsets['']).toBeGreaterThanOrEqual(13);
      for (const runtime of [nodeRuntime, await loadWebRuntime()]) {
        const { maxRelativeDifference } = await verifyEqual(runtime, model, made, { feeds: [inputs], states });
        expect(maxRelativeDifference).toBeLessThan(0.02);
      }
    },
  );
});
