import type { Tensor } from '../../graph/types.ts';
import { TOKENS } from '../../models/languageModel.ts';
import { LENGTHS } from '../../models/textClassifier.ts';
import { lengthBatches } from '../lengthBatches.ts';
import { type Batches, type BatchOrder, TARGETS } from '../task.ts';
import { COUNTS } from './lossGraph.ts';
import type { TextSet } from './textData.ts';

/** Different lengths that batches are padded to, at most: each has a compiled step of its own. */
const MOST_LENGTHS = 8;
/** Lengths are rounded up to multiples of this. */
const STEP = 8;

/**
 * Lengths to pad to, from short to long, so that about equally many training texts fall to each; the last one is that of
 * the longest text in any set.
 */
export function paddedLengths(train: TextSet, others: readonly TextSet[] = []): number[] {
  const lengths = train.texts.map((text) => text.length).sort((a, b) => a - b);
  const longest = [train, ...others].flatMap((set) => set.texts).reduce((most, text) => Math.max(most, text.length), 1);
  const found = new Set<number>([longest]);
  for (let i = 1; i < MOST_LENGTHS; i++) {
    const quantile = lengths[Math.ceil((i * lengths.length) / MOST_LENGTHS) - 1] ?? longest;
    found.add(Math.min(longest, Math.ceil(quantile / STEP) * STEP));
  }
  return [...found].sort((a, b) => a - b);
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
