import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { saveArrays } from '../../src/data/arrays.ts';
import { saveModel } from '../../src/onnx/file.ts';
import { recurrentModel, sumTask } from '../fixtures/finetune/task.ts';
import { asCsv, reviews } from './reviews.ts';
import { tiny, writeCorpus } from './runCli.ts';
import { withZeros } from './sparse.ts';

/*
 * For tests: every sparsity method and every task as a user types them, in trainings of a second or two.
 */

/** The command of a task without a method; that of a first model with zeros in it has them from a file. */
export interface TaskRun {
  readonly command: readonly string[];
  readonly fromZeros: (of: string) => readonly string[];
  /** Methods to try: each with one task here at least, and with every task by its contract. */
  readonly methods: readonly string[];
}

const seconds = ['--threads', '1', '--epochs', '4'];
const classifier = ['--text', 'review', '--label', 'stars', '--hidden', '12', '--embedding', '8', '--batch', '16'];
const arrays = ['--data', 'train.npz', '--loss', 'cross-entropy', '--target-array', 'y', '--learning-rate', '0.02'];
const following = ['--teacher', 'teacher.onnx', '--data', 'train.npz', '--learning-rate', '0.02'];

const tinyBidaf = ['--hidden', '4', '--word-size', '4', '--filters', '4'];

/** Tasks by name. */
export const taskRuns: Readonly<Record<string, TaskRun>> = {
  'language-model': {
    command: ['train', ...tiny, '--data', 'text', '--keep', '0.9', ...seconds],
    fromZeros: (of) => ['--init', of],
    methods: ['dense', 'group-lasso', 'magnitude', 'set', 'zeros-kept'],
  },
  'text-classification': {
    command: ['train', 'sentiment', ...classifier, '--data', 'reviews.csv', '--learning-rate', '0.02', ...seconds],
    fromZeros: (of) => ['--init', of],
    methods: ['target'],
  },
  'question-answering': {
    command: ['train', 'bidaf-tiny', ...tinyBidaf, '--batch', '64', '--threads', '1', '--epochs', '2'],
    fromZeros: (of) => ['--init', of],
    methods: ['group-lasso'],
  },
  arrays: {
    command: ['finetune', 'model.onnx', ...arrays, '--batch', '8', ...seconds],
    fromZeros: () => [],
    methods: ['l1', 'zeros-kept'],
  },
  distillation: {
    command: ['finetune', 'model.onnx', ...following, '--batch', '8', ...seconds],
    fromZeros: () => [],
    methods: ['proximal'],
  },
};

/** Flags of the methods by name. */
export const methodRuns: Readonly<Record<string, readonly string[]>> = {
  dense: [],
  'group-lasso': ['--iss', '0.02', '--threshold', '0.03', '--shrink-every', '20', '--train-collapsed'],
  proximal: ['--iss', '0.05', '--proximal', '--shrink-every', '20', '--train-collapsed'],
  target: ['--target', 'units=0.5', '--iss', '0.02'],
  l1: ['--l1', '0.002'],
  magnitude: ['--magnitude', '0.7', '--prune-every', '10', '--prune-from', '0.5'],
  set: ['--set-share', '0.3', '--density', '0.3'],
  'zeros-kept': ['--keep-zeros'],
};

/** Writes what the commands read into a folder. */
export async function prepareTaskRuns(folder: string): Promise<void> {
  writeCorpus(join(folder, 'text'));
  writeFileSync(join(folder, 'reviews.csv'), asCsv(reviews(160)));
  // Zeros in it let a run keep them.
  await saveModel(join(folder, 'model.onnx'), withZeros(recurrentModel({ op: 'GRU', hidden: 12 }), 3));
  await saveModel(join(folder, 'teacher.onnx'), recurrentModel({ hidden: 16 }));
  await saveArrays(join(folder, 'train.npz'), sumTask(400));
}
