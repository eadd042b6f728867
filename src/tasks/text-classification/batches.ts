import type { Tensor } from '../../graph/types.ts';
import { TOKENS } from '../../models/languageModel.ts';
import { LENGTHS } from '../../models/textClassifier.ts';
import { shuffled } from '../arrays/batches.ts';
import { type Batches, type BatchOrder, TARGETS } from '../task.ts';
import { COUNTS } from './lossGraph.ts';
import type { TextSet } from './textData.ts';

/** Different lengths that batches are padded to, at most: each has a compiled step of its own. */
const MOST_LENGTHS = 8;
/** Lengths are rounded up to multiples of this. */
const STEP = 8;
/** Keeps the order of batches from following that of examples. */
const BATCH_SEED = 0x2545f491;

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

/**
 * The batches of an epoch. Examples are shuffled, then brought into the order of the lengths that they are padded to and
 * cut into batches, so that a batch holds texts of similar length and only one batch is not full; then the batches are
 * shuffled. Of as many neighbouring batches as there are ranks each rank gets one, maybe an empty one. Validation and
 * test texts (`isShuffled` false) keep their order.
 */
export function textBatches(
  set: TextSet,
  padded: readonly number[],
  batch: number,
  { epoch, seed, rank, ranks }: BatchOrder,
  isShuffled: boolean,
): Batches {
  const { texts, classes } = set;
  const order = (count: number, own: number) =>
    isShuffled ? [...shuffled(count, own, epoch)] : [...Array(count).keys()];
  const slotOf = (i: number) => padded.findIndex((length) => texts[i]!.length <= length);
  const slots = Uint8Array.from(texts, (_, i) => slotOf(i));
  const sorted = order(texts.length, seed).sort((a, b) => slots[a]! - slots[b]!);
  const steps = Math.ceil(texts.length / (batch * ranks));
  const own = order(steps, seed ^ BATCH_SEED).map((step) => {
    const start = (step * ranks + rank) * batch;
    return sorted.slice(start, start + batch);
  });
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
