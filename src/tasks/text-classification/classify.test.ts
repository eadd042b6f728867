import { describe, expect, it } from 'vitest';
import { SlimError } from '../../base/errors.ts';
import { vocabularyOf } from '../../data/vocabulary.ts';
import type { Tensor } from '../../graph/types.ts';
import { textClassifier } from '../../models/textClassifier.ts';
import { withoutDropout } from '../../passes/withoutDropout.ts';
import { nodeRuntime } from '../../runtime/node.ts';
import { classify, textSession } from './classify.ts';
import { withTextMetadata } from './metadata.ts';

const vocabulary = vocabularyOf(['the', 'good', 'bad', '<unk>']);
const sizes = { vocabulary: 4, embedding: 3, hidden: [3], classes: 2, initScale: 1, keep: 0.5 };
const plain = withoutDropout(textClassifier(sizes));
const model = withTextMetadata(plain, ['no', 'yes'], vocabulary, { maxLength: 3, cut: 'tail' });

describe('classify', () => {
  it('gives the probabilities of each text, however many there are and however long they are', async () => {
    const texts = Array.from({ length: 70 }, (_, i) => ['The good', 'bad', 'a b c d, the bad good', '', '...'][i % 5]!);
    const found = await classify(model, vocabulary, texts, nodeRuntime);
    expect(found).toHaveLength(70);
    const [first, , cut, empty, dots] = found;
    expect(found[65]!.probabilities).toEqual(first!.probabilities.map((p) => expect.closeTo(p, 5)));
    expect(first!.probabilities[0]! + first!.probabilities[1]!).toBeCloseTo(1, 12);
    expect(first!.label).toBe(first!.probabilities[0]! > 0.5 ? 'no' : 'yes');
    expect([first!.unknown, cut!.unknown, empty!.unknown, dots!.unknown]).toEqual([0, 0, 1, 3]);
    const [alone] = await classify(model, vocabulary, ['THE BAD GOOD'], nodeRuntime);
    expect(cut!.probabilities).toEqual(alone!.probabilities.map((p) => expect.closeTo(p, 5)));
  });

  it('keeps its feet with scores that overflow', async () => {
    const { graph } = model;
    const bias: Tensor = { elementType: 'float32', dims: [2], data: Float32Array.of(-2000, 2000) };
    const sure = { ...model, graph: { ...graph, initializers: new Map(graph.initializers).set('head.bias', bias) } };
    const [found] = await classify(sure, vocabulary, ['good'], nodeRuntime);
    expect(found).toMatchObject({ label: 'yes', probabilities: [0, 1] });
  });

  it('refuses another model and another vocabulary', async () => {
    await expect(textSession(plain, vocabulary, nodeRuntime)).rejects.toThrow('its file names no classes');
    const other = vocabularyOf(['the', 'bad', 'good', '<unk>']);
    await expect(textSession(model, other, nodeRuntime)).rejects.toThrow('trained with another vocabulary');
    const broken = { ...model, metadata: { 'slimrnn.textClassifier': '{"classes": []}' } };
    await expect(textSession(broken, vocabulary, nodeRuntime)).rejects.toThrow(SlimError);
  });
});
