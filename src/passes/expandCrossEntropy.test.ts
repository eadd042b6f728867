import { describe, expect, it } from 'vitest';
import { graphOver, numbersOf, randomTensor, runGraph } from '../../test/support/graphs.ts';
import { expectSameGraph, int32s, operatorsOf } from '../../test/support/samePass.ts';
import { sizeOf } from '../graph/dims.ts';
import { apply, crossEntropy, mul, softmax } from '../graph/ops.ts';
import { expandCrossEntropy } from './expandCrossEntropy.ts';

describe('expandCrossEntropy', () => {
  const logits = randomTensor([4, 6], 1, 3);
  const labels = int32s([4], [5, 0, 2, 2]);
  const feeds = { logits, labels };

  it('keeps the total, and shares its softmax with the gradient', async () => {
    const graph = graphOver(feeds, (v) => [crossEntropy(v.logits, v.labels), softmax(v.logits, 1)]);
    const expanded = expandCrossEntropy(graph);
    expect(operatorsOf(expanded)).not.toContain('SoftmaxCrossEntropyLoss');
    expect(operatorsOf(expanded).filter((op) => op === 'Softmax')).toHaveLength(1);
    await expectSameGraph(graph, expanded, feeds);
  });

  it('keeps a softmax of other values', async () => {
    const graph = graphOver(feeds, (v) => [crossEntropy(v.logits, v.labels), softmax(mul(v.logits, 2), 1)]);
    await expectSameGraph(graph, expandCrossEntropy(graph), feeds);
  });

  it('keeps a softmax over the rows', async () => {
    const graph = graphOver(feeds, (v) => [crossEntropy(v.logits, v.labels), softmax(v.logits, 0)]);
    await expectSameGraph(graph, expandCrossEntropy(graph), feeds);
  });

  it.each([
    ['a mean', {}],
    ['a total with ignored labels', { reduction: 'sum', ignore_index: 2 }],
  ])('leaves %s as it is', (_, attributes) => {
    const graph = graphOver(feeds, (v) => apply('SoftmaxCrossEntropyLoss', [v.logits, v.labels], attributes));
    expect(operatorsOf(expandCrossEntropy(graph))).toEqual(['SoftmaxCrossEntropyLoss']);
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
