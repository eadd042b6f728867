import { sha256Hex } from '../../base/digest.ts';
import type { Model, Tensor } from '../../graph/types.ts';
import { encodeModel } from '../../onnx/write.ts';
import { accuracyOf, meanLoss } from '../score.ts';
import { type Batches, type BatchOrder, type BatchShape, type Problem, type Split, shapeKey } from '../task.ts';
import { batchFeeds, inOrder, shuffled } from './batches.ts';
import { BATCH, boundGraph, STEPS } from './bound.ts';
import type { ArraysFields } from './definition.ts';
import { type Examples, examplesOf, type NamedArrays } from './examples.ts';
import { calibrationRuns, sampleFeeds } from './samples.ts';
import { CORRECT, type Scored, scoredGraph, scoredOutput } from './scoring.ts';
import { sequenceExamples } from './sequences.ts';
import { besideArray, type Targets, targetsOf } from './targets.ts';

/** Arrays by name for each split, the first axis of each being the examples. */
export interface ArrayData {
  readonly train: NamedArrays;
  readonly valid?: NamedArrays | undefined;
}

/** Examples that are scored: inputs, targets, and how they meet in the model's output. */
interface ScoredExamples {
  readonly examples: Examples;
  readonly targets: Targets;
  readonly scored: Scored;
  /** Examples of a batch: as many as are asked for, unless the model fixes their number or there are fewer. */
  readonly size: number;
  /** Sizes of all free dimensions. */
  readonly shape: BatchShape;
}

/** Cross entropy of a place in nats from which no training comes back. */
const HOPELESS = 1000;

/**
 * Mini-batches of examples for an imported model. The loss of a batch is the mean over its places that count (examples,
 * or steps within lengths and mask), and λ is on that scale. Throws UsageError where model, arrays and fields do not fit
 * together.
 */
export function arraysProblem(model: Model, data: ArrayData, fields: ArraysFields, batch: number): Problem {
  const train = scoredExamples(model, data.train, fields, batch);
  const valid = data.valid && scoredExamples(model, data.valid, fields, batch);
  const setOf = (split: Split) => (split === 'valid' && valid) || train;
  const knowsRight = train.scored.classes !== undefined || fields.loss === 'bce';
  const batches = (split: Split, { epoch, seed, ...ranks }: BatchOrder): Batches => {
    const scored = setOf(split);
    const { count } = scored.examples;
    return exampleBatches(scored, split === 'train' ? shuffled(count, seed, epoch) : inOrder(count), ranks);
  };
  return {
    items: 'examples',
    scores: knowsRight ? [accuracyOf(CORRECT), meanLoss] : [{ ...meanLoss, name: fields.loss }],
    splits: valid ? ['train', 'valid'] : ['train'],
    digest: digestOfArrays(model, data),
    carriesState: false,
    scoresAnyShape: false,
    hopeless: knowsRight ? HOPELESS : Number.POSITIVE_INFINITY,
    lossGraph(given, shape) {
      // Held-out examples may have other sizes.
      const isFor = (set: ScoredExamples) => shape && shapeKey(set.shape) === shapeKey(shape);
      const { examples, scored, size } = [train, ...(valid ? [valid] : [])].find(isFor) ?? train;
      const made = scoredGraph(boundGraph(given, examples, size), scored, fields.loss);
      return { ...made, reduction: 'mean', gradientScale: 1, lookups: [] };
    },
    batches,
    samples: (given) => sampleFeeds(given, valid ?? train),
    calibration: (given) => calibrationRuns(given, train),
  };
}

function scoredExamples(model: Model, data: NamedArrays, fields: ArraysFields, batch: number): ScoredExamples {
  const examples = sequenceExamples(model, data, fields) ?? examplesOf(model, data, fields);
  const size = examples.fixedBatch ?? Math.min(batch, examples.count);
  const scored = scoredOutput(
    model,
    examples,
    besideArray(data, examples, fields.targetArray, '--target').array.dims,
    fields,
  );
  const steps = examples.sequences && { [STEPS]: examples.sequences.steps };
  const shape = { ...examples.sizes, [BATCH]: size, ...steps };
  return { examples, scored, targets: targetsOf(model, data, examples, scored, fields), size, shape };
}

/**
 * Batches over examples in an order, dealt out to the ranks in turn. The last one is filled up with examples that do not
 * count; a rank that has none left has one in which nothing counts, so that all have the same number.
 */
function exampleBatches(
  { examples, targets, size, shape }: ScoredExamples,
  order: Uint32Array,
  { rank, ranks }: Pick<BatchOrder, 'rank' | 'ranks'>,
): Batches {
  const count = Math.ceil(Math.ceil(order.length / size) / ranks);
  const own = (i: number) => order.subarray((i * ranks + rank) * size, (i * ranks + rank + 1) * size);
  const made = batchFeeds(examples, targets, size);
  return {
    count,
    items: Array.from({ length: count }, (_, i) => own(i).length).reduce((a, b) => a + b, 0),
    shapeOf: () => shape,
    feeds: made.feeds,
    fill: (i, feeds) => made.fill(own(i), feeds),
  };
}

/** Identifies a model with its arrays. */
export function digestOfArrays(model: Model, { train, valid }: ArrayData): string {
  const arrays = [train.arrays, valid?.arrays ?? new Map<string, Tensor>()].flatMap((named) => [
    '\narrays',
    ...[...named].flatMap(([name, { dims, elementType, data }]) => [
      `\n${name} ${elementType} ${dims.join(' ')}\n`,
      Array.isArray(data) ? JSON.stringify(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    ]),
  ]);
  return sha256Hex(...encodeModel(model), ...arrays);
}
