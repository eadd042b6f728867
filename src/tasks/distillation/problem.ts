import { inOrder, shuffled } from '../arrays/batches.ts';
import { BATCH, boundGraph, STEPS } from '../arrays/bound.ts';
import { calibrationRuns, sampleFeeds } from '../arrays/samples.ts';
import { type Problem, type Split, shapeKey } from '../task.ts';
import { type CutLesson, taughtBatches } from './batches.ts';
import type { Lesson, Lessons } from './lessons.ts';
import { distillationGraph } from './lossGraph.ts';
import { scoresFor } from './scores.ts';
import { kindText, realOutputs } from './taught.ts';

/**
 * Mini-batches of examples with a teacher's answers. The loss is the mean over the outputs and over their places that
 * count, and λ is on that scale; it is 0 for a student that does what its teacher does.
 */
export function distillationProblem(lessons: Lessons, batch: number): Problem {
  const train = cut(lessons.train, batch);
  const valid = lessons.valid && cut(lessons.valid, batch);
  const variances = train.answers.map((values, i) => varianceOf(values, train.counts[i]!));
  const notes = notesOn(lessons);
  const setOf = (split: Split) => (split === 'valid' && valid) || train;
  return {
    items: 'examples',
    scores: scoresFor(train.taught),
    splits: valid ? ['train', 'valid'] : ['train'],
    digest: lessons.digest,
    carriesState: false,
    scoresAnyShape: false,
    hopeless: Number.POSITIVE_INFINITY,
    lossGraph(given, shape) {
      // Held-out examples may have other sizes.
      const isFor = (set: CutLesson) => shape && shapeKey(set.shape) === shapeKey(shape);
      const { examples, taught, size } = [train, ...(valid ? [valid] : [])].find(isFor) ?? train;
      const made = distillationGraph(boundGraph(given, examples, size), taught, variances, size);
      return { ...made, reduction: 'mean', gradientScale: 1, lookups: [], notes };
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

/** Batches have as many examples as are asked for, unless the model fixes their number or there are fewer. */
function cut(lesson: Lesson, batch: number): CutLesson {
  const { fixedBatch, count, sizes, sequences } = lesson.examples;
  const size = fixedBatch ?? Math.min(batch, count);
  return { ...lesson, size, shape: { ...sizes, [BATCH]: size, ...(sequences && { [STEPS]: sequences.steps }) } };
}

/** What is followed, and what is not because the teacher lacks it. */
function notesOn({ train: { taught }, student, wiring }: Lessons): string[] {
  const followed = taught.map((output) => {
    const { name, teacher } = output;
    return `'${name}' (${kindText(output)}${teacher.name === name ? '' : `, the teacher's '${teacher.name}'`})`;
  });
  const names = new Set(taught.map(({ name }) => name));
  const alone = wiring.outputs ? [] : realOutputs({ model: student, wiring }).filter(({ name }) => !names.has(name));
  return [
    `the teacher is followed in ${followed.join(', ')}`,
    ...alone.map(({ name }) => `the teacher has no output '${name}' of real numbers, so that it follows nothing`),
  ];
}

/** Variance of an output's numbers [N · places · classes] where places count [N · places]; 1 where all are the same. */
export function varianceOf(values: Float32Array, counts: Uint8Array): number {
  const classes = values.length / counts.length;
  let [sum, squares, count] = [0, 0, 0];
  values.forEach((value, i) => {
    if (counts[Math.floor(i / classes)] === 0) return;
    sum += value;
    squares += value * value;
    count++;
  });
  const mean = sum / count;
  const variance = squares / count - mean * mean;
  return variance > 1e-12 * (squares / count) ? variance : 1;
}
