import { describe, expect, it } from 'vitest';
import { relativeError } from '../../test/fixtures/torch/lstmLanguageModel.ts';
import { onnxLayers, torchLayers } from '../../test/fixtures/torch/recurrentLayers.ts';
import { numbersOf, runGraph } from '../../test/support/graphs.ts';
import { differentiate } from '../autodiff/differentiate.ts';
import { hoistLoops } from '../passes/hoistLoops.ts';
import { lowerRecurrent } from '../passes/lowerRecurrent.ts';

describe("PyTorch's layers", () => {
  it.each(Object.entries(torchLayers))('%s: outputs, loss and all gradients are the same', async (name, torch) => {
    const { graph, feeds, gradients } = onnxLayers(name);
    const { graph: whole, gradients: named } = differentiate(lowerRecurrent(graph), 'loss', Object.keys(gradients));
    for (const variant of [whole, hoistLoops(whole)]) {
      const got = await runGraph(variant, feeds);
      expect(relativeError(numbersOf(got.y!), torch.y)).toBeLessThan(1e-5);
      expect(relativeError(numbersOf(got.hn!), torch.hn)).toBeLessThan(1e-5);
      expect(relativeError(numbersOf(got.loss!), [torch.loss])).toBeLessThan(1e-5);
      const errors = Object.entries(gradients).map(([key, expected]) => ({
        key,
        error: relativeError(numbersOf(got[named.get(key)!]!), expected),
      }));
      expect(errors.filter(({ error }) => !(error < 1e-5))).toEqual([]);
    }
  });

  it("ONNX's own operators compute PyTorch's outputs, so the fixture means what it says", async () => {
    for (const [name, torch] of Object.entries(torchLayers)) {
      const { graph, feeds } = onnxLayers(name);
      const { y, hn } = await runGraph(graph, feeds);
      expect(relativeError(numbersOf(y!), torch.y)).toBeLessThan(1e-5);
      expect(relativeError(numbersOf(hn!), torch.hn)).toBeLessThan(1e-5);
    }
  });
});
