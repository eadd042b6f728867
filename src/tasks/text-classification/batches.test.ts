import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TOKENS } from '../../models/languageModel.ts';
import { LENGTHS } from '../../models/textClassifier.ts';
import { type Batches, type BatchOrder, TARGETS } from '../task.ts';
import { textBatches, textLengths } from './batches.ts';
import { COUNTS } from './lossGraph.ts';
import type { TextSet } from './textData.ts';

/** Texts of these lengths; every word of text i is i, and so is its class. */
const setOf = (lengths: readonly number[]): TextSet => ({
  texts: lengths.map((length, i) => new Int32Array(length).fill(i)),
  classes: Int32Array.from(lengths, (_, i) => i),
});

/** What batches hold: the example of each place that counts, by batch. Checks the feeds on the way. */
function examplesIn(set: TextSet, batches: Batches): number[][] {
  return Array.from({ length: batches.count }, (_, i) => {
    const shape = batches.shapeOf(i);
    const feeds = batches.feeds(shape);
    const count = batches.fill(i, feeds);
    const [tokens, lengths, targets, counts] = [TOKENS, LENGTHS, TARGETS, COUNTS].map((name) => feeds[name]!);
    expect(tokens!.dims).toEqual([shape.time, shape.batch]);
    expect([...(counts!.data as Float32Array)]).toEqual(
      Array.from({ length: shape.batch! }, (_, b) => (b < count ? 1 : 0)),
    );
    const examples = [...(targets!.data as Int32Array)].slice(0, count);
    examples.forEach((example, b) => {
      expect(lengths!.data[b]).toBe(set.texts[example]!.length);
      const column = Array.from({ length: shape.time! }, (_, t) => tokens!.data[t * shape.batch! + b]);
      expect(column).toEqual(column.map((_, t) => (t < set.texts[example]!.length ? example : 0)));
    });
    expect([...(lengths!.data as Int32Array)].every((length) => length >= 1 && length <= shape.time!)).toBe(true);
    return examples;
  });
}

const first: BatchOrder = { epoch: 0, seed: 1, rank: 0, ranks: 1 };
const lengths = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 80 });

describe('textBatches', () => {
  it('holds every example once in an epoch, over all ranks, which have as many batches of the same sizes', () => {
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 4 }), (list, batch, ranks) => {
        const set = setOf(list);
        const own = Array.from({ length: ranks }, (_, rank) =>
          textBatches(set, textLengths(set), batch, { ...first, rank, ranks }, true),
        );
        const examples = own.flatMap((batches) => examplesIn(set, batches).flat());
        expect(examples.sort((a, b) => a - b)).toEqual([...list.keys()]);
        expect(new Set(own.map((batches) => batches.count)).size).toBe(1);
        expect(own.reduce((sum, batches) => sum + batches.items, 0)).toBe(list.length);
      }),
    );
  });

  const set = setOf(Array.from({ length: 300 }, (_, i) => 1 + ((i * 37) % 120)));
  const padded = textLengths(set);
  const of = (order: Partial<BatchOrder>, isShuffled = true) =>
    examplesIn(set, textBatches(set, padded, 16, { ...first, ...order }, isShuffled));

  it('comes in another order in each epoch and for each seed, and in the same again', () => {
    expect(of({})).toEqual(of({}));
    const orders = [of({}), of({ epoch: 1 }), of({ seed: 2 })].map((batches) => JSON.stringify(batches));
    expect(new Set(orders).size).toBe(3);
    // Neither are the same examples always together.
    const sets = [of({}), of({ epoch: 1 })].map((batches) => batches.map((b) => b.sort((x, y) => x - y).join()));
    expect(sets[0]!.filter((batch) => sets[1]!.includes(batch)).length).toBeLessThan(3);
  });

  it('keeps the order of texts that are not learned from', () => {
    expect(of({ epoch: 1, seed: 2 }, false)).toEqual(of({}, false));
  });

  it('puts texts of similar length together, so that little is padding, in few shapes', () => {
    const batches = textBatches(set, padded, 16, first, true);
    const shapes = Array.from({ length: batches.count }, (_, i) => batches.shapeOf(i).time!);
    expect(new Set(shapes).size).toBeLessThanOrEqual(8);
    const words = set.texts.reduce((sum, text) => sum + text.length, 0);
    expect(words / (16 * shapes.reduce((a, b) => a + b, 0))).toBeGreaterThan(0.8);
    expect(of({}).filter((examples) => examples.length < 16)).toHaveLength(1);
  });
});

describe('textLengths', () => {
  it('reaches to the longest text of training, then to that of all sets, in multiples of 8 below', () => {
    const padded = textLengths(setOf([1, 2, 3, 9, 17, 30, 31, 32, 33]), [setOf([50])]);
    expect(padded.slice(-2)).toEqual([33, 50]);
    expect(padded.slice(0, -2).every((length) => length % 8 === 0)).toBe(true);
    expect(textLengths(setOf([3, 3, 3]))).toEqual([3]);
  });
});
