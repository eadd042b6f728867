import { SlimError } from '../../base/errors.ts';
import { epochStream } from '../../base/random.ts';
import { sizeOf } from '../../graph/dims.ts';
import { emptyData } from '../../graph/tensors.ts';
import type { Tensor, TensorData } from '../../graph/types.ts';
import type { Tensors } from '../../runtime/runtime.ts';
import { TARGETS } from '../task.ts';
import type { Examples, InputExamples } from './examples.ts';
import { PLACE_WEIGHTS } from './scoring.ts';
import type { Targets } from './targets.ts';

/** The examples' order in an epoch, from 0: another one in each, the same for the same seed (Fisher and Yates). */
export function shuffled(count: number, seed: number, epoch: number): Uint32Array {
  const random = epochStream(seed, epoch);
  const order = inOrder(count);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** The examples from the first to the last. */
export function inOrder(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => i);
}

/** Feeds for the inputs of a batch of a size. `fill` puts examples into it; one that is not full is filled up with its own. */
export function inputFeeds({ inputs }: Examples, batch: number) {
  return {
    feeds: (): Tensors => Object.fromEntries(inputs.map((input) => [input.name, emptyBatch(input, batch)])),
    /** Returns the examples that now stand in the batch, in order. */
    fill(chosen: Uint32Array, feeds: Tensors): Uint32Array {
      const filled = Uint32Array.from({ length: batch }, (_, i) => chosen[i % chosen.length]!);
      for (const input of inputs) placeExamples(input, filled, feeds[input.name]!);
      return filled;
    },
  };
}

/**
 * Feeds for batches of a size: tensors for the inputs, targets and weights of places, and how examples fill them. The
 * places that count share the weight 1. A batch that is not full is filled up with its own examples, which then do not
 * count. `fill` returns the number of places that count.
 */
export function batchFeeds(examples: Examples, targets: Targets, batch: number) {
  const { places } = targets;
  const targetType = targets.values instanceof Float32Array ? 'float32' : 'int64';
  const size = batch * places;
  const inputs = inputFeeds(examples, batch);
  const vector = (elementType: 'float32' | 'int64'): Tensor => {
    return { elementType, dims: [size], data: emptyData(elementType, size) };
  };
  return {
    feeds: (): Tensors => ({
      [TARGETS]: vector(targetType),
      [PLACE_WEIGHTS]: vector('float32'),
      ...inputs.feeds(),
    }),
    fill(chosen: Uint32Array, feeds: Tensors): number {
      const filled = inputs.fill(chosen, feeds);
      const weights = feeds[PLACE_WEIGHTS]!.data as Float32Array;
      let counted = 0;
      filled.forEach((n, b) => {
        copyElements(targets.values, n * places, (n + 1) * places, feeds[TARGETS]!.data, b * places);
        for (let i = 0; i < places; i++) {
          const counts = b < chosen.length ? targets.counts[n * places + i]! : 0;
          weights[b * places + i] = counts;
          counted += counts;
        }
      });
      if (counted > 0) for (let i = 0; i < weights.length; i++) weights[i]! /= counted;
      return counted;
    },
  };
}

function emptyBatch({ array, batchAxis }: InputExamples, batch: number): Tensor {
  const own = array.dims.slice(1);
  const dims = batchAxis === undefined ? own : own.toSpliced(batchAxis, 0, batch);
  return { ...array, dims, data: emptyData(array.elementType, sizeOf(dims)) };
}

/** Copies examples [N, …] into a batch whose axis of the examples may be an inner one; without one, the first of them. */
function placeExamples({ array, batchAxis }: InputExamples, chosen: Uint32Array, into: Tensor): void {
  if (batchAxis === undefined) {
    const size = sizeOf(into.dims);
    copyElements(array.data, chosen[0]! * size, (chosen[0]! + 1) * size, into.data, 0);
    return;
  }
  const inner = sizeOf(into.dims.slice(batchAxis + 1));
  const outer = sizeOf(into.dims.slice(0, batchAxis));
  chosen.forEach((n, b) => {
    for (let o = 0; o < outer; o++) {
      const start = (n * outer + o) * inner;
      copyElements(array.data, start, start + inner, into.data, (o * chosen.length + b) * inner);
    }
  });
}

/** Copies elements between arrays of one element type, as bytes. */
export function copyElements(from: TensorData, start: number, end: number, to: TensorData, at: number): void {
  if (Array.isArray(from) || Array.isArray(to)) throw new SlimError('text has no place in a batch');
  const size = from.BYTES_PER_ELEMENT;
  const source = new Uint8Array(from.buffer, from.byteOffset + start * size, (end - start) * size);
  new Uint8Array(to.buffer, to.byteOffset, to.byteLength).set(source, at * size);
}
