import { describe, expect, it } from 'vitest';
import { torchBidaf, torchBidafModel } from '../../../test/fixtures/torch/bidaf.ts';
import { largestDifference, numbersOf, runGraph } from '../../../test/support/graphs.ts';
import { differentiate } from '../../autodiff/differentiate.ts';
import type { Tensor } from '../../graph/types.ts';
import { QUESTION_INPUTS as INPUTS, QUESTION_OUTPUTS, WORD_VECTORS } from '../../models/bidaf.ts';
import { hoistLoops } from '../../passes/hoistLoops.ts';
import { parametersAsInputs } from '../../passes/parametersAsInputs.ts';
import { LOSS, TARGETS } from '../task.ts';
import { fillFeeds, inputFeeds } from './batches.ts';
import { COUNTS, questionLossGraph } from './lossGraph.ts';

const { sizes, examples } = torchBidaf;
const model = torchBidafModel();
/** Longer than any passage and question, and a place in the batch that is empty. */
const shape = { passage: 9, question: 6, batch: 4 };

/** The examples side by side: each word's number stands for itself and its characters. */
function feeds(): Record<string, Tensor> {
  const texts = examples.flatMap(({ passage, question }) => [passage, question]);
  const words = Int32Array.from(texts.flatMap((text) => text.words));
  const characters = Int32Array.from(texts.flatMap((text) => text.characters));
  const vectors = { trainedWords: sizes.trainedWords, table: model.graph.initializers.get(WORD_VECTORS)! };
  const spelled = { words, characters, wordLength: sizes.wordLength, vectors };
  let at = 0;
  const own = texts.map((text) => Int32Array.from(text.words, () => at++));
  const made = inputFeeds(shape, spelled);
  fillFeeds(
    examples.map((_, i) => ({ passage: own[2 * i]!, question: own[2 * i + 1]! })),
    made,
    spelled,
  );
  return made;
}

const int32 = (dims: readonly number[], values: readonly number[]): Tensor => ({
  elementType: 'int32',
  dims,
  data: Int32Array.from(values),
});

describe('BiDAF beside PyTorch, where each passage goes alone and in its own length', () => {
  it('has the same logits and attention at the places that count', async () => {
    const inputs = feeds();
    const given = Object.fromEntries(Object.values(INPUTS).map((name) => [name, inputs[name]!]));
    const found = await runGraph(model.graph, given);
    for (const [i, { start, end, attention, passage, question }] of examples.entries()) {
      const [t, j] = [passage.words.length, question.words.length];
      const row = (name: string) => numbersOf(found[name]!).slice(i * shape.passage, (i + 1) * shape.passage);
      expect(largestDifference(row(QUESTION_OUTPUTS.start).slice(0, t), start)).toBeLessThan(1e-5);
      expect(largestDifference(row(QUESTION_OUTPUTS.end).slice(0, t), end)).toBeLessThan(1e-5);
      expect(Math.max(...row(QUESTION_OUTPUTS.start).slice(t))).toBeLessThan(-1e29);
      const all = numbersOf(found[QUESTION_OUTPUTS.attention]!);
      const at = (a: number, b: number) => all[(i * shape.passage + a) * shape.question + b]!;
      const own = Array.from({ length: t * j }, (_, n) => at(Math.floor(n / j), n % j));
      expect(largestDifference(own, attention)).toBeLessThan(1e-5);
    }
  });

  it('has the same loss and gradients, words by their fed vectors', async () => {
    const trained = new Set(Object.keys(torchBidaf.weights).filter((name) => name !== WORD_VECTORS));
    const { graph, parameters } = parametersAsInputs(questionLossGraph(model, shape).graph, trained);
    expect(graph.initializers.has(WORD_VECTORS)).toBe(false);
    const { graph: derived, gradients } = differentiate(
      graph,
      LOSS,
      parameters.map(({ name }) => name),
    );
    const weights = parameters.map(({ name, dims }) => [name, { ...model.graph.initializers.get(name)!, dims }]);
    const answers = [0, 1].flatMap((part) => [...examples.map(({ answer }) => answer[part]!), 0]);
    const found = await runGraph(hoistLoops(derived), {
      ...feeds(),
      ...Object.fromEntries(weights),
      [TARGETS]: int32([2, shape.batch], answers),
      [COUNTS]: { elementType: 'float32', dims: [shape.batch], data: Float32Array.of(1, 1, 1, 0) },
    });
    expect(numbersOf(found[LOSS]!)[0]).toBeCloseTo(torchBidaf.loss, 5);
    for (const [name, gradient] of gradients) {
      expect(largestDifference(numbersOf(found[gradient]!), torchBidaf.gradients[name]!), name).toBeLessThan(2e-5);
    }
    expect(gradients.size).toBe(trained.size);
  });
});
