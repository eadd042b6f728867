import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SavedConfig } from '../../src/runs/record.ts';
import { meanLoss, perplexity, type ScoreKind, scoreKinds } from '../../src/tasks/score.ts';

/*
 * For tests: run directories made by hand, without training, of a language model, a classifier, or of version 0.1.
 */

const accuracy: ScoreKind = { name: 'accuracy', better: 'higher', decimals: 1, isShare: true };
const macroF1: ScoreKind = { ...accuracy, name: 'macro-F1' };

const kinds = {
  'language-model': { items: 'tokens', scores: scoreKinds([perplexity]) },
  'text-classification': { items: 'examples', scores: scoreKinds([accuracy, macroF1, meanLoss]) },
} as const;

/** Kind of a task of which runs can be made. */
export type MadeTask = keyof typeof kinds;

/** Scores of a made model; they get better with every epoch, and end at n = 2 in a finished run. */
function scoresOf(task: MadeTask, n: number, first: number): Record<string, number> {
  if (task === 'language-model') return { perplexity: first / n };
  return { accuracy: 1 - 0.25 / n, 'macro-F1': 1 - 0.5 / n, loss: first / 200 / n };
}

/** A config.json; `more` is laid over it. */
export function runConfig(task: MadeTask = 'language-model', more: object = {}): SavedConfig {
  return {
    format: 2,
    task: { kind: task },
    model: { kind: 'lstm', hidden: [8, 8], embedding: 8, initScale: 0.1, keep: 1 },
    method: { kind: 'group-lasso', iss: 0.01 },
    optimizer: { kind: 'sgd' },
    schedule: { kind: 'constant', learningRate: 1 },
    ...{ epochs: 9, threshold: 1e-4, seed: 1 },
    sources: { data: null, init: null },
    ...kinds[task],
    ...more,
  };
}

/** What epochs of both formats have alike. */
function epochBasis(epoch: number): object {
  return {
    ...{ epoch, learningRate: 1, units: [8, 8], alive: [8 - Math.min(epoch, 6), 8] },
    ...{ parameters: 1000, penalty: 1, seconds: 2 },
    groupNorms: [
      { zeros: 1, from: -3, counts: [1, 2] },
      { zeros: 0, from: -3, counts: [8] },
    ],
  };
}

/** A line of metrics.jsonl. */
export function epochRow(epoch: number, more: object = {}, task: MadeTask = 'language-model'): object {
  const scores = { train: scoresOf(task, epoch, 200), valid: scoresOf(task, epoch, 150) };
  return { ...epochBasis(epoch), ...scores, itemsPerSecond: 5000, ...more };
}

/** The same of version 0.1. */
function oldEpochRow(epoch: number): object {
  const scores = { trainPerplexity: 200 / epoch, validPerplexity: 150 / epoch };
  return { ...epochBasis(epoch), ...scores, tokensPerSecond: 5000 };
}

/** Lines of metrics.jsonl for epochs 1 to n. */
export function epochLines(epochs: number, rowOf: (epoch: number) => object = (epoch) => epochRow(epoch)): string {
  return Array.from({ length: epochs }, (_, i) => `${JSON.stringify(rowOf(i + 1))}\n`).join('');
}

/** How a run is made. */
export interface MadeRun {
  readonly epochs?: number;
  /** With a result. */
  readonly finished?: boolean;
  readonly task?: MadeTask;
  /** 1 for a run as version 0.1 left it, of a language model. */
  readonly version?: 1 | 2;
  /** Laid over config.json. */
  readonly config?: object;
}

/** Makes a run directory with so many epochs; a result makes it a finished one. */
export function makeRun(folder: string, made: MadeRun = {}): void {
  const { epochs = 2, finished = false, task = 'language-model', version = 2, config = {} } = made;
  mkdirSync(folder, { recursive: true });
  const write = (name: string, content: string) => writeFileSync(join(folder, name), content);
  const old = { hidden: [8, 8], iss: 0.01, threshold: 1e-4, epochs: 9, seed: 1, data: null, init: null };
  write('config.json', JSON.stringify(version === 1 ? { ...old, ...config } : runConfig(task, config)));
  write('metrics.jsonl', epochLines(epochs, version === 1 ? oldEpochRow : (epoch) => epochRow(epoch, {}, task)));
  if (!finished) return;
  write('result.json', JSON.stringify(version === 1 ? oldResult : resultOf(task)));
  write('slim.onnx', 'onnx');
  write('vocabulary.txt', 'a\nb\n');
  if (task === 'text-classification') write('labels.txt', 'bad\ngood\n');
}

const resultBasis = { seconds: 4, verify: { maxAbsDifference: 0, maxRelativeDifference: 0, batches: 5 } };
const slim = {
  ...{ name: 'slim', file: 'slim.onnx', bytes: 4, hidden: [2, 8] },
  ...{ parameters: 900, multiplyAdds: 700 },
};

function resultOf(task: MadeTask): object {
  const scores = { valid: scoresOf(task, 2, 150), test: scoresOf(task, 2, 160) };
  const confusion = {
    classes: ['bad', 'good'],
    counts: [
      [45, 5],
      [10, 40],
    ],
  };
  const details = task === 'text-classification' ? { details: { confusion } } : {};
  const data = { name: 'made up', source: 'made up', sha256: '12ab', facts: { vocabulary: 2 } };
  return { ...resultBasis, format: 2, data, models: [{ ...slim, scores, ...details }], notes: [] };
}

const oldResult = { ...resultBasis, models: [{ ...slim, validPerplexity: 75, testPerplexity: 80 }] };

/** A live.json as a training writes it. */
export function liveDocument(more: object = {}): string {
  const score = { name: 'perplexity', value: 99.5 };
  const at = { epoch: 3, epochs: 9, share: 0.25, score, itemsPerSecond: 5000, secondsLeft: 60 };
  return JSON.stringify({ ...at, units: [8, 8], alive: [5, 8], updatedAt: Date.now(), ...more });
}
