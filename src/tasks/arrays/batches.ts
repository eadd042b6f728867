import { SlimError, UsageError } from '../../base/errors.ts';
import { randomStream } from '../../base/random.ts';
import { formatShape, isStatic, sizeOf } from '../../graph/dims.ts';
import { emptyData } from '../../graph/tensors.ts';
import type { Tensor, TensorData, ValueInfo } from '../../graph/types.ts';
import { TARGETS } from '../../train/trainingGraph.ts';
import { withAxis } from './axes.ts';
import type { Examples, InputExamples } from './examples.ts';
import { PLACE_WEIGHTS } from './scoring.ts';
import type { Targets } from './targets.ts';

/** The examples' order in an epoch, from 0: another one in each, the same for the same seed (Fisher and Yates). */
export function shuffled(count: number, seed: number, epoch: number): Uint32Array {
  const random = randomStream((Math.imul(seed, 0x9e3779b1) ^ epoch) >>> 0);
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** The feeds of one batch, the same arrays again and again with other examples in them. */
export interface BatchFeeds {
  readonly feeds: Readonly<Record<string, Tensor>>;
  /**
   * Puts examples in; the places that count share the weight 1. A batch that is not full is filled up with its own
   * examples, which then do not count. Returns the number of places that count.
   */
  fill(examples: Uint32Array): number;
}

/** Makes the feeds for batches of a size; `bound` are the inputs of the bound graph, for the sizes of zeros. */
export function batchFeeds(
  examples: Examples,
  targets: Targets,
  batch: number,
  bound: readonly ValueInfo[],
): BatchFeeds {
  const { places } = targets;
  const inputs = examples.inputs.map((input) => ({ input, tensor: emptyBatch(input, batch) }));
  const weights = new Float32Array(batch * places);
  const goalType = targets.values instanceof Float32Array ? 'float32' : 'int64';
  const goal = emptyData(goalType, batch * places);
  const feeds: Record<string, Tensor> = {
    [TARGETS]: { elementType: goalType, dims: [goal.length], data: goal },
    [PLACE_WEIGHTS]: { elementType: 'float32', dims: [weights.length], data: weights },
  };
  for (const { input, tensor } of inputs) feeds[input.name] = tensor;
  for (const { name } of examples.zeros) {
    const { shape, elementType } = bound.find((v) => v.name === name)!.type;
    if (!isStatic(shape)) {
      throw new UsageError(`input '${name}' is ${formatShape(shape)}; give it an array, so that its sizes are known`);
    }
    feeds[name] = { elementType, dims: shape, data: emptyData(elementType, sizeOf(shape)) };
  }
  const fill = (chosen: Uint32Array): number => {
    const filled = Uint32Array.from({ length: batch }, (_, i) => chosen[i % chosen.length]!);
    for (const { input, tensor } of inputs) placeExamples(input, filled, tensor);
    let counted = 0;
    filled.forEach((n, b) => {
      const [from, to] = [n * places, (n + 1) * places];
      copy(targets.values, from, to, goal, b * places);
      for (let i = 0; i < places; i++) {
        const counts = b < chosen.length ? targets.counts[from + i]! : 0;
        weights[b * places + i] = counts;
        counted += counts;
      }
    });
    if (counted > 0) for (let i = 0; i < weights.length; i++) weights[i]! /= counted;
    return counted;
  };
  return { feeds, fill };
}

function emptyBatch({ array, batchAxis }: InputExamples, batch: number): Tensor {
  const dims = withAxis(array.dims.slice(1), batchAxis, batch).map(Number);
  return { ...array, dims, data: emptyData(array.elementType, sizeOf(dims)) };
}

/** Copies examples [N, …] into a batch whose axis of the examples may be an inner one. */
function placeExamples({ array, batchAxis }: InputExamples, chosen: Uint32Array, into: Tensor): void {
  const inner = sizeOf(into.dims.slice(batchAxis + 1));
  const outer = sizeOf(into.dims.slice(0, batchAxis));
  chosen.forEach((n, b) => {
    for (let o = 0; o < outer; o++) {
      const start = (n * outer + o) * inner;
      copy(array.data, start, start + inner, into.data, (o * chosen.length + b) * inner);
    }
  });
}

/** Copies elements between arrays of one element type, as bytes. */
function copy(from: TensorData, start: number, end: number, to: TensorData, at: number): void {
  if (Array.isArray(from) || Array.isArray(to)) throw new SlimError('text has no place in a batch');
  const size = from.BYTES_PER_ELEMENT;
  const source = new Uint8Array(from.buffer, from.byteOffset + start * size, (end - start) * size);
  new Uint8Array(to.buffer, to.byteOffset, to.byteLength).set(source, at * size);
}
