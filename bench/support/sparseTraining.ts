import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomStream } from '../../src/base/random.ts';
import { resolveConfig } from '../../src/config/resolve.ts';
import { taskParts, trainParts } from '../../src/config/trainParts.ts';
import type { Vocabulary } from '../../src/data/vocabulary.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { modelOf } from '../../src/graph/model.ts';
import { tanh } from '../../src/graph/ops.ts';
import { run } from '../../src/runs/run.ts';
import { nodeRuntime } from '../../src/runtime/node.ts';
import { presets, tasks } from '../../src/tasks/registry.ts';
import { textConfigOf } from '../../src/tasks/text-classification/definition.ts';
import { loadedTexts } from '../../src/tasks/text-classification/loadedTexts.ts';
import { firstModelOf, trainableForm } from '../../src/train/trainableForm.ts';
import { setupOf } from '../../src/train/trainer.ts';
import { TrainState } from '../../src/train/trainState.ts';

/*
 * A process of its own that trains one classifier on random texts and then says on stdout what it held. Called by
 * sparseMemory.bench.ts; its argument is a `SparseTraining` as JSON.
 */

/** What is trained; nothing at all for the memory of the program itself. */
export interface SparseTraining {
  readonly model: 'nothing' | 'dense' | 'set';
  readonly vocabulary: number;
  /** Of the embedding, and hidden units. */
  readonly size: number;
  readonly hidden: number;
  readonly density: number;
  /** Texts, words of each, and texts of a batch. */
  readonly texts: number;
  readonly words: number;
  readonly batch: number;
  readonly epochs: number;
}

/** What the process held and took. */
export interface SparseTrainingFigures {
  readonly peakBytes: number;
  /** Weights of the embedding that exist. */
  readonly connections: number;
  /** What memory holds of the embedding in training. */
  readonly tableBytes: number;
  readonly secondsPerEpoch: number;
}

const peak = () => process.resourceUsage().maxRSS * 1024;

/** Texts of words drawn by lot in two classes. */
function randomTexts({ vocabulary, texts, words }: SparseTraining) {
  const random = randomStream(1);
  const list = Array.from({ length: vocabulary }, (_, i) => `w${i}`);
  const named: Vocabulary = { words: list, ids: new Map(list.map((word, i) => [word, i])) };
  const set = (count: number) => ({
    texts: Array.from({ length: count }, () =>
      Int32Array.from({ length: words }, () => Math.floor(random() * vocabulary)),
    ),
    classes: Int32Array.from({ length: count }, (_, i) => i % 2),
  });
  const sets = { train: set(texts), valid: set(Math.ceil(texts / 10)) };
  return { name: 'random', source: 'random', vocabulary: named, classes: ['a', 'b'], sets, sha256: '', notes: [] };
}

function prepared(training: SparseTraining) {
  const { model, size, hidden, density, batch, epochs, vocabulary } = training;
  const sizes = { hidden: [hidden], embedding: size, vocabulary, ema: 0.999 };
  const own = model === 'set' ? { density } : {};
  const base = presets[model === 'set' ? 'set-lstm' : 'dense-lstm']!;
  const config = resolveConfig({ ...sizes, ...own, batch, epochs, threads: 1 }, { base, tasks });
  return { config, task: loadedTexts(textConfigOf(config), randomTexts(training)) };
}

/** Bytes of the embedding in training: weights, gradient and the optimizer's slots, and places where they are stored. */
async function tableOf(training: SparseTraining): Promise<Pick<SparseTrainingFigures, 'connections' | 'tableBytes'>> {
  const { config, task } = prepared(training);
  const options = { ...trainParts(config), ...taskParts(task), runtime: nodeRuntime };
  const form = trainableForm(options.model, options);
  const setup = setupOf(options, firstModelOf(form, options));
  const state = await TrainState.create({ ...form, tensors: new Map() }, setup);
  const parameter = state.memory.byName.get('embedding')!;
  const { weights, gradient, slots, connections: table } = parameter;
  const buffers = [weights, gradient, ...Object.values(slots)].reduce((sum, { data }) => sum + data.byteLength, 0);
  const places = table ? table.rowStarts.byteLength + table.columns.byteLength : 0;
  await state.release();
  return { connections: weights.data.length, tableBytes: buffers + places };
}

async function train(training: SparseTraining): Promise<SparseTrainingFigures> {
  const directory = mkdtempSync(join(tmpdir(), 'slimrnn-memory-'));
  try {
    const { config, task } = prepared(training);
    const { history } = await run({ config, task, runtime: nodeRuntime, directory: join(directory, 'run') });
    const peakBytes = peak();
    const secondsPerEpoch = Math.min(...history.map(({ seconds }) => seconds));
    return { peakBytes, secondsPerEpoch, ...(await tableOf(training)) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The program with its engine, which has run a graph of one operator. */
async function nothing(): Promise<SparseTrainingFigures> {
  const b = new GraphBuilder('nothing');
  b.output(tanh(b.input('x', 'float32', [1])), 'y');
  const session = await nodeRuntime.createSession(modelOf(b.build()), { threads: 1 });
  await session.run({ x: { elementType: 'float32', dims: [1], data: new Float32Array(1) } });
  await session.release();
  return { peakBytes: peak(), connections: 0, tableBytes: 0, secondsPerEpoch: 0 };
}

if (process.argv[2] !== undefined) {
  const training = JSON.parse(process.argv[2]) as SparseTraining;
  console.log(JSON.stringify(training.model === 'nothing' ? await nothing() : await train(training)));
}
