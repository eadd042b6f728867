import { expect, it } from 'vitest';
import { quantizeText } from './quantizeText.ts';

it('a slower model is called so, with what to do', () => {
  const pair = { batch: 1, steps: 30, before: 1, after: 2, speedup: 0.5 };
  const difference = { maxAbsDifference: 0.1, meanAbsDifference: 0.01, maxRelativeDifference: 0.02 };
  const text = quantizeText({
    ...{
      model: 'a.onnx',
      written: true,
      out: 'b.onnx',
      to: 'int8',
      bits: 7,
      forGiven: '',
      bound: 0.05,
      inputs: 'noise',
    },
    ...{
      bytes: { before: 4000, after: 1000 },
      weights: [{ name: 'w0', form: 'product' }],
      kept: [{ name: 'w1', why: 'has NaN or infinity' }],
    },
    verify: { ...difference, meanRelativeDifference: 0.001, batches: 3, worst: { output: 'y', apart: 0.02 } },
    latencies: [
      { ...pair, device: 'wasm' },
      { device: 'cpu', problem: 'no such operator' },
    ],
  });
  expect(text).toMatch(/^slower on wasm: it takes 2\.00 times as long as the model itself; --to int8-storage /m);
  expect(text).toMatch(/^not timed on cpu: no such operator$/m);
  expect(text).toMatch(/^kept in float32: w1, which has NaN or infinity$/m);
  expect(text).toMatch(/^ WebAssembly, batch 1 × 30 steps +1\.00 ms +2\.00 ms +0\.50×/m);
});
