import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { taskCases } from '../../../test/support/tasks.ts';
import { optionsFor, stateOf, steps, trainBatches } from '../../../test/support/training.ts';
import type { Settings } from '../../base/fields.ts';
import { DrawnTensor } from '../../graph/drawnTensor.ts';
import { SparseTensor } from '../../graph/sparseTensor.ts';
import { loadModel } from '../../onnx/file.ts';
import { run } from '../../runs/run.ts';
import { nodeRuntime } from '../../runtime/node.ts';
import type { TrainState } from '../../train/trainState.ts';

/*
 * What SET promises, on real updates of a classifier of texts.
 */

const texts = taskCases.find(({ name }) => name === 'text-classification')!;
const asked = { setShare: 0.3, density: 0.4, optimizer: 'adam' };
const TABLE = 'embedding';

async function started(fields: Settings) {
  const start = optionsFor(texts.make({ ...asked, ...fields }));
  const { state } = await stateOf(start);
  state.begin();
  const batches = trainBatches(start.problem).count;
  return { state, batches, run: (from: number, to: number) => steps(state, start.problem, [from, to], 0.02) };
}

/** Places of the connections of every parameter, and those of each gate by themselves. */
function topology(state: TrainState): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const { name, mask, rows, cols } of state.memory.matrices) {
    const [size, gates] = [(rows * cols) / 4, 4];
    for (let gate = 0; gate < gates; gate++) {
      const own = [...mask!.subarray(gate * size, (gate + 1) * size)];
      found.set(
        `${name} ${gate}`,
        own.flatMap((there, i) => (there === 1 ? [i] : [])),
      );
    }
  }
  for (const table of state.memory.sparse)
    found.set(table.name, [...(state.weights(table.name) as SparseTensor).indices]);
  return found;
}

const counts = (state: TrainState) => new Map([...topology(state)].map(([name, places]) => [name, places.length]));

describe('the connections', () => {
  it.each<[string, Settings]>([
    ['the smallest weights', {}],
    ['both signs, with weights of their own', { setRule: 'set', setNew: 'initial', setRate: 'constant' }],
    ['the gradient, often', { setGrowth: 'gradient', setEvery: 2 }],
    ['ε and gates', { density: undefined, setEpsilon: 1 }],
  ])('keep their number in every gate and in the table while they move by %s', async (_, fields) => {
    const { state, batches, run: train } = await started({ ...fields, epochs: 4 });
    const [first, sizes] = [topology(state), counts(state)];
    for (let epoch = 0; epoch < 3; epoch++) {
      await train(epoch * batches, (epoch + 1) * batches);
      expect(counts(state)).toEqual(sizes);
    }
    expect(topology(state)).not.toEqual(first);
    await train(3 * batches, 4 * batches);
    const ends = [...counts(state)];
    expect(ends.every(([name, count]) => count <= sizes.get(name)!)).toBe(true);
    await state.release();
  });

  it('only go after the last update', async () => {
    const { state, batches, run: train } = await started({ epochs: 1, setRate: 'constant' });
    const before = topology(state);
    await train(0, batches);
    for (const [name, places] of topology(state)) {
      expect(places.length).toBe(before.get(name)!.length - Math.floor(0.3 * before.get(name)!.length));
      expect(places.every((place) => before.get(name)!.includes(place))).toBe(true);
    }
    await state.release();
  });

  it('stay where they began, if that is asked for', async () => {
    const { state, batches, run: train } = await started({ setRule: 'static', epochs: 2 });
    const first = topology(state);
    await train(0, 2 * batches);
    expect(topology(state)).toEqual(first);
    await state.release();
  });

  it('differ with the seed, and only with it', async () => {
    const made = await Promise.all([{ seed: 1 }, { seed: 1 }, { seed: 2 }].map((fields) => started(fields)));
    const [one, same, other] = made.map(({ state }) => topology(state));
    expect(one).toEqual(same);
    expect(one).not.toEqual(other);
    await Promise.all(made.map(({ state }) => state.release()));
  });

  it('are new to the optimizer where they come up', async () => {
    const { state, batches, run: train } = await started({ epochs: 3, setRate: 'constant' });
    const before = new Set((state.weights(TABLE) as SparseTensor).indices);
    await train(0, batches);
    const { values, indices } = state.weights(TABLE) as SparseTensor;
    const { values: mean } = state.weights(TABLE, 'mean') as SparseTensor;
    const fresh = [...indices.keys()].filter((i) => !before.has(indices[i]!));
    expect(fresh.length).toBeGreaterThan(0);
    for (const i of fresh) expect([values[i], mean[i]]).toEqual([0, 0]);
    await state.release();
  });
});

describe('a run with a sparse table', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slimrnn-set-'));
  afterEach(() => {
    vi.restoreAllMocks();
    rmSync(folder, { recursive: true, force: true });
  });

  it('is refused where a gate would have no connection', async () => {
    const made = texts.make({ ...asked, density: 0.001 });
    const directory = join(folder, 'empty');
    await expect(run({ ...made, runtime: nodeRuntime, directory })).rejects.toThrow(
      'so few connections leave none to ',
    );
    expect(existsSync(directory)).toBe(false);
  });

  it('never lays the table out, from the first weights to the saved file', async () => {
    const laidOut: string[] = [];
    for (const { prototype } of [SparseTensor, DrawnTensor]) {
      const { layOut } = prototype;
      vi.spyOn(prototype, 'layOut').mockImplementation(function (this: SparseTensor & DrawnTensor) {
        laidOut.push(this.dims.join());
        return layOut.call(this) as Float32Array<ArrayBuffer>;
      });
    }
    const made = texts.make({ ...asked, ema: 0.9, epochs: 2, density: 0.3 });
    await run({ ...made, runtime: nodeRuntime, directory: folder });
    const table = (await loadModel(join(folder, 'model.onnx'))).graph.initializers.get(TABLE)!;
    expect(table).toBeInstanceOf(SparseTensor);
    expect(laidOut).not.toContain(table.dims.join());
  });
});
