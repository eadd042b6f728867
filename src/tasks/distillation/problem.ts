import { sha256Hex } from '../../base/digest.ts';
import { sizeOf } from '../../graph/dims.ts';
import { emptyData } from '../../graph/tensors.ts';
import type { Model, Tensor } from '../../graph/types.ts';
import { encodeModel } from '../../onnx/write.ts';
import type { Runtime, Tensors } from '../../runtime/runtime.ts';
import { copyElements, inOrder, inputFeeds, shuffled } from '../arrays/batches.ts';
import { BATCH, boundGraph, STEPS } from '../arrays/bound.ts';
import { type Examples, examplesOf, type NamedArrays } from '../arrays/examples.ts';
import { type ArrayData, digestOfArrays } from '../arrays/problem.ts';
import { calibrationRuns, sampleFeeds } from '../arrays/samples.ts';
import { sequenceExamples } from '../arrays/sequences.ts';
import { meanLoss, type Score } from '../score.ts';
import { type Batches, type BatchOrder, type BatchShape, type Problem, type Split, shapeKey } from '../task.ts';
import { placesThatCount } from './counts.ts';
import type { DistillationFields } from './definition.ts';
import { answersName, countsName, distillationGraph, sumName } from './lossGraph.ts';
import { type Taught, taughtOutputs } from './taught.ts';
import { teach } from './teach.ts';

/** What float32 can hold: a student that computes the same has no finite one. */
const LARGEST_SNR = 150;

/** Examples with what the teacher says to them. */
interface TaughtExamples {
  readonly examples: Examples;
  readonly taught: readonly Taught[];
  /** For each output [N · places · classes]. */
  readonly answers: readonly Float32Array[];
  /** For each output [N · places], 1 for places that count, else 0. */
  readonly counts: readonly Uint8Array[];
  /** Examples of a batch: as many as are asked for, unless the model fixes their number or there are fewer. */
  readonly size: number;
  /** Sizes of all free dimensions. */
  readonly shape: BatchShape;
}

/** What a student is taught from. */
export interface Lessons {
  readonly student: Model;
  readonly teacher: Model;
  readonly data: ArrayData;
}

/**
 * Mini-batches of examples with a teacher's answers, which are computed once. The loss of a batch is the mean over the
 * outputs and their places that count, and λ is on that scale; it is 0 for a student that does what its teacher does.
 * Throws UsageError where models, arrays and fields do not fit together.
 */
export async function distillationProblem(
  { student, teacher, data }: Lessons,
  fields: DistillationFields,
  { runtime, batch }: { readonly runtime: Runtime; readonly batch: number },
): Promise<Problem> {
  const taughtFrom = async (named: NamedArrays): Promise<TaughtExamples> => {
    const placed = (model: Model) => ({ model, examples: examplesFor(model, named, fields) });
    const [own, theirs] = [placed(student), placed(teacher)];
    const taught = taughtOutputs(own, theirs, fields);
    const { examples } = own;
    const size = examples.fixedBatch ?? Math.min(batch, examples.count);
    const counts = taught.map((output) => placesThatCount(named, examples, output, fields));
    const answers = await teach(theirs, taught, { runtime, batch });
    const steps = examples.sequences && { [STEPS]: examples.sequences.steps };
    return { examples, taught, answers, counts, size, shape: { ...examples.sizes, [BATCH]: size, ...steps } };
  };
  const train = await taughtFrom(data.train);
  const valid = data.valid && (await taughtFrom(data.valid));
  const variances = train.answers.map((values, i) => varianceOf(values, train.counts[i]!, train.taught[i]!.classes));
  const setOf = (split: Split) => (split === 'valid' && valid) || train;
  return {
    items: 'examples',
    scores: scoresFor(train.taught),
    splits: valid ? ['train', 'valid'] : ['train'],
    digest: sha256Hex(digestOfArrays(student, data), ...encodeModel(teacher)),
    carriesState: false,
    scoresAnyShape: false,
    hopeless: Number.POSITIVE_INFINITY,
    lossGraph(given, shape) {
      // Held-out examples may have other sizes.
      const isFor = (set: TaughtExamples) => shape && shapeKey(set.shape) === shapeKey(shape);
      const { examples, taught, size } = [train, ...(valid ? [valid] : [])].find(isFor) ?? train;
      const made = distillationGraph(boundGraph(given, examples, size), taught, variances, size);
      return { ...made, reduction: 'mean', gradientScale: 1, lookups: [] };
    },
    batches(split, { epoch, seed, ...ranks }) {
      const set = setOf(split);
      const { count } = set.examples;
      return taughtBatches(set, split === 'train' ? shuffled(count, seed, epoch) : inOrder(count), ranks);
    },
    samples: (given) => sampleFeeds(given, valid ?? train),
    calibration: (given) => calibrationRuns(given, train),
  };
}

function examplesFor(model: Model, data: NamedArrays, fields: DistillationFields): Examples {
  return sequenceExamples(model, data, fields) ?? examplesOf(model, data, fields);
}

/**
 * Batches over examples in an order, dealt out to the ranks in turn. The last one is filled up with examples that do not
 * count; a rank that has none left has one in which nothing counts, so that all have the same number.
 */
function taughtBatches(
  { examples, taught, answers, counts, size, shape }: TaughtExamples,
  order: Uint32Array,
  { rank, ranks }: Pick<BatchOrder, 'rank' | 'ranks'>,
): Batches {
  const count = Math.ceil(Math.ceil(order.length / size) / ranks);
  const own = (i: number) => order.subarray((i * ranks + rank) * size, (i * ranks + rank + 1) * size);
  const inputs = inputFeeds(examples, size);
  return {
    count,
    items: Array.from({ length: count }, (_, i) => own(i).length).reduce((a, b) => a + b, 0),
    shapeOf: () => shape,
    feeds: () => ({ ...inputs.feeds(), ...answerFeeds(taught, size) }),
    fill(i, feeds) {
      const chosen = own(i);
      if (chosen.length === 0) return 0;
      const filled = inputs.fill(chosen, feeds);
      for (const [k, { places, classes }] of taught.entries()) {
        const each = sizeOf(places);
        const isCounted = feeds[countsName(k)]!.data as Float32Array;
        filled.forEach((n, at) => {
          const into = feeds[answersName(k)]!.data;
          copyElements(answers[k]!, n * each * classes, (n + 1) * each * classes, into, at * each * classes);
          for (let p = 0; p < each; p++) isCounted[at * each + p] = at < chosen.length ? counts[k]![n * each + p]! : 0;
        });
      }
      return chosen.length;
    },
  };
}

function answerFeeds(taught: readonly Taught[], batch: number): Tensors {
  const feeds = taught.flatMap(({ places, classes }, k): [string, Tensor][] => {
    const rows = batch * sizeOf(places);
    const tensor = (dims: readonly number[]): Tensor => ({
      elementType: 'float32',
      dims,
      data: emptyData('float32', sizeOf(dims)),
    });
    return [
      [answersName(k), tensor(classes > 1 ? [rows, classes] : [rows])],
      [countsName(k), tensor([rows])],
    ];
  });
  return Object.fromEntries(feeds);
}

/** Variance of an output's numbers where places count; 1 where they are all the same. */
function varianceOf(values: Float32Array, counts: Uint8Array, classes: number): number {
  let [sum, squares, count] = [0, 0, 0];
  counts.forEach((counted, place) => {
    if (counted === 0) return;
    for (let c = 0; c < classes; c++) {
      const value = values[place * classes + c]!;
      sum += value;
      squares += value * value;
      count++;
    }
  });
  const mean = sum / count;
  const variance = squares / count - mean * mean;
  return variance > 1e-12 * (squares / count) ? variance : 1;
}

/**
 * How near a student is to its teacher: the share of equal decisions where outputs decide something, and the squared
 * error as a share of the answers' power (mean over outputs), also in decibels.
 */
function scoresFor(taught: readonly Taught[]): Score[] {
  const deciding = [...taught.keys()].filter((i) => taught[i]!.kind !== 'values');
  const total = (sums: Parameters<Score['of']>[0], name: string) => sums.totals[name]![0]!;
  const errorOf: Score['of'] = (sums) => {
    const shares = taught.map((_, i) => total(sums, sumName('error', i)) / (total(sums, sumName('power', i)) || 1));
    return shares.reduce((a, b) => a + b, 0) / shares.length;
  };
  const agreement: Score = {
    name: 'agreement',
    better: 'higher',
    decimals: 2,
    isShare: true,
    of: (sums) => {
      const count = (name: 'agreeing' | 'decisions') => deciding.reduce((n, i) => n + total(sums, sumName(name, i)), 0);
      return count('agreeing') / count('decisions');
    },
  };
  const error: Score = { name: 'error', better: 'lower', decimals: 2, isShare: true, of: errorOf };
  const snr: Score = {
    name: 'SNR (dB)',
    better: 'higher',
    decimals: 1,
    of: (sums) => Math.min(LARGEST_SNR, -10 * Math.log10(errorOf(sums))),
  };
  const near = [error, snr, meanLoss];
  if (deciding.length === 0) return near;
  return deciding.length === taught.length ? [agreement, ...near] : [error, snr, agreement, meanLoss];
}
