import { afterEach } from 'vitest';
import type { Tensor } from '../../src/graph/types.ts';
import type { Matrix, SparsityMethod } from '../../src/methods/method.ts';
import type { TrainState } from '../../src/train/trainState.ts';
import { asOurs, fixture, relativeError, type TorchWindow, torchModel } from '../fixtures/torch/lstmLanguageModel.ts';
import { type PlainSettings, plainSetup, plainState, trainBatches } from './training.ts';
import { windowProblem } from './windows.ts';

/*
 * For tests: updates of the LSTM language model whose loss and gradients PyTorch has computed.
 */

const { batch, time } = fixture.sizes;
/** Two windows, the second one from the states that the first one leaves. */
export const windows = fixture.plain.windows as [TorchWindow, TorchWindow];
const [first] = windows;
const problem = windowProblem(windows, { batch, time });
const batches = trainBatches(problem);
/** The learning rate of an update when nothing else is said. */
export const RATE = 0.7;

const made: TrainState[] = [];
afterEach(async () => {
  for (const state of made.splice(0)) await state.release();
});

/** PyTorch's model in training; it is released after the test. */
export async function stateFor(
  setup: PlainSettings,
  keep = 1,
  tensors?: ReadonlyMap<string, Tensor>,
): Promise<TrainState> {
  const state = await plainState(torchModel({ keep }), plainSetup(problem, setup), tensors);
  made.push(state);
  return state;
}

/** An update on the first or the second window; its loss is that of a word. */
export function step(state: TrainState, window = first, { rate = RATE, update = 0 } = {}) {
  return state.step(batches, windows.indexOf(window), { rate, update });
}

/** PyTorch's loss of a word. */
export const meanLoss = (window: TorchWindow) => window.loss / (batch * time);

/** Current weights by name, copied. */
export function weightsOf(state: TrainState): Record<string, number[]> {
  return Object.fromEntries([...state.snapshot().weights].map(([name, t]) => [name, [...(t.data as Float32Array)]]));
}

/** Carried states by input, over live memory. */
export function carriedIn(state: TrainState): Map<string, Tensor> {
  const { tensors } = state.snapshot();
  return new Map([...tensors].flatMap(([key, t]) => (key.startsWith('state/') ? [[key.slice(6), t] as const] : [])));
}

/** ∂(cross entropy)/∂w / B of the first window, by PyTorch. */
export function torchGradient(): Record<string, number[]> {
  const summed = asOurs(first.gradients, 'gradients');
  return Object.fromEntries(Object.entries(summed).map(([name, g]) => [name, g.map((v) => v / batch)]));
}

/** The norm over all gradients together. */
export const jointNorm = (gradient: Record<string, number[]>) => Math.hypot(...Object.values(gradient).flat());

/** Parameters whose change is not −rate · min(1, clip/‖g‖) · g. */
export function wrongUpdates(
  before: Record<string, number[]>,
  after: Record<string, number[]>,
  gradient: Record<string, number[]>,
  clip: number,
): string[] {
  const factor = -RATE * Math.min(1, clip / jointNorm(gradient));
  return Object.entries(gradient).flatMap(([name, g]) => {
    const change = after[name]!.map((w, i) => w - before[name]![i]!);
    const error = relativeError(
      change,
      g.map((v) => factor * v),
    );
    return error <= 1e-4 ? [] : [`${name}: largest difference ${error.toExponential(1)} of its largest change`];
  });
}

/** The value of that penalty. */
export const PENALTY = 4.5;
const rowPenalty = (i: number) => 0.25 * (1 + (i % 4));
const colPenalty = (j: number) => 0.125 * (j % 3);

/** A method with given penalties, which notes the squares that it sees. */
export function fakeMethod(threshold: number) {
  const seen: { name: string; rowSquares: number[]; colSquares: number[] }[][] = [];
  const method: SparsityMethod = {
    name: 'fake',
    parameters: new Set(Object.keys(COLUMNS)),
    threshold,
    beforeUpdate(matrices: readonly Matrix[]) {
      seen.push(matrices.map((m) => ({ name: m.name, rowSquares: [...m.rowSquares], colSquares: [...m.colSquares] })));
      for (const m of matrices) {
        m.rowPenalty.set(Array.from({ length: m.rows }, (_, i) => rowPenalty(i)));
        m.colPenalty.set(Array.from({ length: m.cols }, (_, j) => colPenalty(j)));
      }
      return PENALTY;
    },
  };
  return { method, seen };
}

/** Columns of the matrices that a method sees: neither vectors nor the table of words. */
export const COLUMNS: Readonly<Record<string, number>> = {
  'lstm_0.weight': 6,
  'lstm_0.recurrent': 5,
  'lstm_1.weight': 5,
  'lstm_1.recurrent': 7,
  'head.weight': 17,
};

/** g + w · (row + column penalty) */
export function withPenalty(
  gradient: Record<string, number[]>,
  weights: Record<string, number[]>,
): Record<string, number[]> {
  const entries = Object.entries(gradient).map(([name, g]) => {
    const cols = COLUMNS[name];
    if (cols === undefined) return [name, g];
    return [name, g.map((v, k) => v + weights[name]![k]! * (rowPenalty(Math.floor(k / cols)) + colPenalty(k % cols)))];
  });
  return Object.fromEntries(entries);
}
