import { sizeOf } from '../../graph/dims.ts';
import { emptyData } from '../../graph/tensors.ts';
import type { Tensor } from '../../graph/types.ts';
import type { Tensors } from '../../runtime/runtime.ts';
import { copyElements, inputFeeds } from '../arrays/batches.ts';
import type { Batches, BatchOrder, BatchShape } from '../task.ts';
import type { Lesson } from './lessons.ts';
import { answersName, weightsName } from './lossGraph.ts';
import type { Taught } from './taught.ts';

/** A lesson as it is cut into batches. */
export interface CutLesson extends Lesson {
  /** Examples of a batch. */
  readonly size: number;
  /** Sizes of all free dimensions. */
  readonly shape: BatchShape;
}

/**
 * Batches over examples in an order, dealt out to the ranks in turn. The last one is filled up with examples that do not
 * count; a rank that has none left has one in which nothing counts, so that all have the same number. A place that counts
 * weighs the same in every batch: 1 / (examples of the batch · such places of an example, on average over all).
 */
export function taughtBatches(
  { examples, taught, answers, counts, size, shape }: CutLesson,
  order: Uint32Array,
  { rank, ranks }: Pick<BatchOrder, 'rank' | 'ranks'>,
): Batches {
  const count = Math.ceil(Math.ceil(order.length / size) / ranks);
  const own = (i: number) => order.subarray((i * ranks + rank) * size, (i * ranks + rank + 1) * size);
  const inputs = inputFeeds(examples, size);
  const average = counts.map((all) => all.reduce((a, b) => a + b, 0) / examples.count);
  return {
    count,
    items: Array.from({ length: count }, (_, i) => own(i).length).reduce((a, b) => a + b, 0),
    shapeOf: () => shape,
    feeds: () => ({ ...inputs.feeds(), ...answerFeeds(taught, size) }),
    fill(i, feeds) {
      const chosen = own(i);
      const filled = inputs.fill(chosen, feeds);
      for (const [k, { places, classes }] of taught.entries()) {
        const each = sizeOf(places);
        const into = feeds[answersName(k)]!.data;
        const weights = feeds[weightsName(k)]!.data as Float32Array;
        const weight = 1 / (chosen.length * average[k]!);
        filled.forEach((n, at) => {
          copyElements(answers[k]!, n * each * classes, (n + 1) * each * classes, into, at * each * classes);
          for (let p = 0; p < each; p++) {
            weights[at * each + p] = at < chosen.length ? counts[k]![n * each + p]! * weight : 0;
          }
        });
      }
      return chosen.length;
    },
  };
}

function answerFeeds(taught: readonly Taught[], batch: number): Tensors {
  const tensor = (dims: readonly number[]): Tensor => {
    return { elementType: 'float32', dims, data: emptyData('float32', sizeOf(dims)) };
  };
  const feeds = taught.flatMap(({ places, classes }, k): [string, Tensor][] => {
    const rows = batch * sizeOf(places);
    return [
      [answersName(k), tensor(classes > 1 ? [rows, classes] : [rows])],
      [weightsName(k), tensor([rows])],
    ];
  });
  return Object.fromEntries(feeds);
}
