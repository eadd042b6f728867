import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { randomTensor } from '../../../test/support/graphs.ts';
import { configOf } from '../../../test/support/training.ts';
import type { Settings } from '../../base/fields.ts';
import { loadArrays } from '../../data/arrays.ts';
import { int64s } from '../../graph/attributes.ts';
import { GraphBuilder } from '../../graph/builder.ts';
import { modelOf } from '../../graph/model.ts';
import { gather, matmul, slice, squeeze, transpose } from '../../graph/ops.ts';
import type { Model, Tensor } from '../../graph/types.ts';
import { nodeRuntime } from '../../runtime/node.ts';
import { createScorer } from '../../train/scorer.ts';
import { type ScoreValues, scoresOf } from '../score.ts';
import { loadedArrays } from './loadedArrays.ts';

/*
 * Examples of different lengths, which the reader of a file pads: what it added counts nowhere. The right numbers are
 * those of the examples one by one, each as long as it is.
 */

const classes = 4;
const examples = [3, 5, 1, 4, 2].map((length, n) => {
  const tokens = Array.from({ length }, (_, t) => 1 + ((7 * n + 3 * t) % 9));
  return { tokens, y: tokens.map((token) => 1 + (token % 3)), one: n % classes };
});

interface Form {
  readonly direction?: 'forward' | 'bidirectional';
  /** An input that takes the lengths of sequences. */
  readonly lengths?: boolean;
  /** Scores of the last state in place of those of every step. */
  readonly last?: boolean;
}

/** tokens [batch, time] → scores of each step [batch, time, 4], or of the last state [batch, 4]. */
function tagger({ direction = 'forward', lengths = false, last = false }: Form = {}): Model {
  const b = new GraphBuilder('tagger');
  const tokens = b.input('tokens', 'int64', ['batch', 'time']);
  const lens = lengths ? b.input('lens', 'int32', ['batch']) : undefined;
  const d = direction === 'forward' ? 1 : 2;
  const weight = (name: string, dims: number[], seed: number) => b.parameter(name, randomTensor(dims, seed, 0.5));
  const x = transpose(gather(weight('E', [11, 3], 1), tokens), [1, 0, 2]);
  const inputs = [x, weight('W', [d, 24, 3], 2), weight('R', [d, 24, 6], 3), undefined, lens];
  const [y, h] = b.node('LSTM', inputs, { hidden_size: 6, direction }, 2, '', 'lstm');
  const v = weight('V', [6, classes], 4);
  const states = last
    ? squeeze(slice(h!, [0], [1], [0]), [0])
    : transpose(squeeze(slice(y!, [0], [1], [1]), [1]), [1, 0, 2]);
  b.output(matmul(states, v), 'scores');
  return modelOf(b.build());
}

interface Scored {
  readonly values: ScoreValues;
  readonly notes: readonly string[];
}

async function scored(model: Model, arrays: ReadonlyMap<string, Tensor>, settings: Settings = {}): Promise<Scored> {
  const base = { task: 'arrays', loss: 'cross-entropy', targetArray: 'y', batch: 2 };
  const data = { source: 'data', arrays };
  const task = loadedArrays(configOf({ ...base, ...settings }), model, { train: data, valid: data });
  const scorer = createScorer(model, { problem: task.problem, runtime: nodeRuntime, threads: 1, seed: 1 });
  try {
    const values = scoresOf(task.problem.scores, await scorer.score('valid'));
    return { values, notes: task.notes };
  } finally {
    await scorer.release();
  }
}

/** Mean loss and accuracy over all steps of all examples, each by itself. */
async function oneByOne(model: Model, target: 'y' | 'one' = 'y') {
  let [loss, accuracy, steps] = [0, 0, 0];
  for (const example of examples) {
    const { length } = example.tokens;
    const own = new Map([
      ['tokens', int64s([1, length], example.tokens)],
      ['y', int64s([1, length], example.y)],
      ['one', int64s([1], [example.one])],
    ]);
    const { values } = await scored(model, own, { targetArray: target });
    const count = target === 'y' ? length : 1;
    loss += count * values.loss!;
    accuracy += count * values.accuracy!;
    steps += count;
  }
  return { loss: loss / steps, accuracy: accuracy / steps };
}

let folder: string;
let arrays: Map<string, Tensor>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slimrnn-padding-'));
  const path = join(folder, 'tags.jsonl');
  writeFileSync(path, examples.map((example) => `${JSON.stringify(example)}\n`).join(''));
  arrays = await loadArrays(path);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('targets that the reader padded do not count, with --lengths or without', async () => {
  const right = await oneByOne(tagger());
  for (const settings of [{}, { lengths: 'y_length' }, { lengths: 'tokens_length' }]) {
    const { values, notes } = await scored(tagger(), arrays, settings);
    expect(values.loss).toBeCloseTo(right.loss, 5);
    expect(values.accuracy).toBeCloseTo(right.accuracy, 5);
    expect(notes).toContain("note: data: 'y' was padded to 5 steps; the 10 steps that are padding do not count");
    expect(notes.join('\n')).not.toContain('no input for lengths');
  }
});

it('real targets that the reader padded do not count', async () => {
  const real = new Map(arrays);
  const b = new GraphBuilder('sums');
  const table = b.parameter('E', randomTensor([11, 1], 1));
  b.output(squeeze(gather(table, b.input('tokens', 'int64', ['batch', 'time'])), [2]), 'sum');
  const rows = examples.flatMap(({ tokens, y }) => tokens.map((token, i) => ({ token, y: y[i]! })));
  const right = rows.reduce((a, { token, y }) => a + (Number(randomTensor([11, 1], 1).data[token]) - y) ** 2, 0);
  const { values } = await scored(modelOf(b.build()), real, { loss: 'mse' });
  expect(values.mse).toBeCloseTo(right / rows.length, 5);
});

it('lengths go to the input that takes them: the last state is that of the last step', async () => {
  const right = await oneByOne(tagger({ last: true }), 'one');
  const { values, notes } = await scored(tagger({ last: true, lengths: true }), arrays, { targetArray: 'one' });
  expect(values.loss).toBeCloseTo(right.loss, 5);
  expect(notes.join('\n')).not.toContain('no input for lengths');
});

it('a model without lengths reads padding, and a note says so', async () => {
  const { values, notes } = await scored(tagger({ last: true }), arrays, { targetArray: 'one' });
  expect(Math.abs(values.loss! - (await oneByOne(tagger({ last: true }), 'one')).loss)).toBeGreaterThan(1e-4);
  expect(notes.join('\n')).toMatch(/'tokens' was padded with zeros at the end.*no input for lengths: its last steps/);
  const both = await scored(tagger({ direction: 'bidirectional' }), arrays);
  expect(both.notes.join('\n')).toMatch(/no input for lengths: 'lstm' reads backwards and begins in it/);
});
