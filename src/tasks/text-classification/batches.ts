import type { Tensor } from '../../graph/types.ts';
import { TOKENS } from '../../models/languageModel.ts';
import { LENGTHS } from '../../models/textClassifier.ts';
import { lengthBatches, paddedLengths } from '../lengthBatches.ts';
import { type Batches, type BatchOrder, TARGETS } from '../task.ts';
import { COUNTS } from './lossGraph.ts';
import type { TextSet } from './textData.ts';

/** Different lengths that batches are padded to, at most: each has a compiled step of its own. */
const MOST_LENGTHS = 8;

/** Lengths that texts are padded to (`paddedLengths`). */
export function textLengths(train: TextSet, others: readonly TextSet[] = []): number[] {
  const of = ({ texts }: TextSet) => texts.map((text) => text.length);
  return paddedLengths(of(train), others.flatMap(of), MOST_LENGTHS);
}

/** The batches of an epoch, of texts of similar length. Validation and test texts (`isShuffled` false) are not shuffled. */
export function textBatches(
  set: TextSet,
  padded: readonly number[],
  batch: number,
  order: BatchOrder,
  isShuffled: boolean,
): Batches {
  const { texts, classes } = set;
  const slots = Uint8Array.from(texts, (text) => padded.findIndex((length) => text.length <= length));
  const own = lengthBatches(slots, batch, order, isShuffled);
  const lengthOf = (examples: readonly number[]) => padded[Math.max(0, ...examples.map((i) => slots[i]!))]!;
  return {
    count: own.length,
    items: own.reduce((sum, examples) => sum + examples.length, 0),
    shapeOf: (i) => ({ time: lengthOf(own[i]!), batch }),
    feeds: ({ time }) => ({
      ...inputFeeds(time!, batch),
      [TARGETS]: { elementType: 'int32', dims: [batch], data: new Int32Array(batch) },
      [COUNTS]: { elementType: 'float32', dims: [batch], data: new Float32Array(batch) },
    }),
    fill: (i, feeds) => {
      const examples = own[i]!;
      const chosen = examples.map((n) => texts[n]!);
      fillFeeds(chosen, feeds);
      const [targets, counts] = [feeds[TARGETS]!.data as Int32Array, feeds[COUNTS]!.data as Float32Array];
      for (let b = 0; b < batch; b++) {
        targets[b] = b < examples.length ? classes[examples[b]!]! : 0;
        counts[b] = b < examples.length ? 1 : 0;
      }
      return examples.length;
    },
  };
}

/** Tensors for the inputs of a classifier. */
export function inputFeeds(time: number, batch: number): Record<string, Tensor> {
  return {
    [TOKENS]: { elementType: 'int32', dims: [time, batch], data: new Int32Array(time * batch) },
    [LENGTHS]: { elementType: 'int32', dims: [batch], data: new Int32Array(batch) },
  };
}

/** Lays texts side by side, time first. What is left of the batch is texts of the word 0, which should not count. */
export function fillFeeds(texts: readonly Int32Array[], feeds: Readonly<Record<string, Tensor>>): void {
  const [tokens, lengths] = [feeds[TOKENS]!.data as Int32Array, feeds[LENGTHS]!.data as Int32Array];
  tokens.fill(0);
  for (let b = 0; b < lengths.length; b++) {
    const text = texts[b];
    lengths[b] = text?.length ?? 1;
    text?.forEach((word, t) => {
      tokens[t * lengths.length + b] = word;
    });
  }
}
