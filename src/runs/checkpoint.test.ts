import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { randomStream } from '../base/random.ts';
import type { Tensor } from '../graph/types.ts';
import { languageModel } from '../models/languageModel.ts';
import { saveModel } from '../onnx/file.ts';
import type { EpochMetrics } from '../train/metrics.ts';
import { type Checkpoint, epochStart } from '../train/store.ts';
import { loadCheckpoint, saveCheckpoint } from './checkpoint.ts';

const folder = mkdtempSync(join(tmpdir(), 'slimrnn-checkpoint-'));
const path = join(folder, 'checkpoint.onnx');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const small = { hidden: [3, 2], embedding: 4, vocabulary: 5, initScale: 0.1 };
const plain = languageModel(small);

const finite = fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => (Object.is(x, -0) ? 0 : x));
const count = fc.nat(1e9);
/** Of a score, a sum, a state. */
const name = fc.stringMatching(/^[a-z][A-Za-z0-9-]*$/);
const metrics: fc.Arbitrary<EpochMetrics> = fc.record({
  epoch: count,
  learningRate: finite,
  train: fc.dictionary(name, finite, { maxKeys: 3 }),
  units: fc.array(count),
  alive: fc.array(count),
  parameters: count,
  penalty: finite,
  seconds: finite,
  itemsPerSecond: finite,
});
const tensor = fc
  .array(fc.float(), { minLength: 1, maxLength: 20 })
  .map((values): Tensor => ({ elementType: 'float32', dims: [1, values.length], data: Float32Array.from(values) }));
/** A mask of connections. */
const mask = fc
  .array(fc.integer({ min: 0, max: 1 }), { minLength: 1, maxLength: 20 })
  .map((values): Tensor => ({ elementType: 'uint8', dims: [values.length], data: Uint8Array.from(values) }));
/** What a method or an optimizer keeps. */
const state = fc.dictionary(name, fc.oneof(finite, fc.array(finite, { maxLength: 4 })), { maxKeys: 3 });
const checkpoints: fc.Arbitrary<Checkpoint> = fc.record({
  model: fc.record({ seed: fc.nat(), note: fc.string() }).map(({ seed, note }) => ({
    ...languageModel({ ...small, seed }),
    metadata: { note },
  })),
  tensors: fc
    .dictionary(fc.stringMatching(/^[a-z][a-z_./0-9]*$/), fc.oneof(tensor, mask), { maxKeys: 4 })
    .map((d) => new Map(Object.entries(d))),
  progress: fc.record(
    {
      digest: fc.string(),
      epoch: count,
      batch: count,
      ended: fc.boolean(),
      updates: count,
      sums: fc.record({ count: finite, totals: fc.dictionary(name, fc.array(finite), { maxKeys: 3 }) }),
      penalty: finite,
      seconds: finite,
      history: fc.array(metrics, { maxLength: 3 }),
      kept: fc.array(fc.array(count, { maxLength: 4 }), { maxLength: 3 }),
      method: state,
      optimizer: state,
    },
    { requiredKeys: ['digest', 'epoch', 'batch', 'ended', 'updates', 'sums', 'penalty', 'seconds', 'history'] },
  ),
});

const example: Checkpoint = {
  model: plain,
  tensors: new Map([['state/h', { elementType: 'float32', dims: [1, 2], data: Float32Array.of(0.25, -1) }]]),
  progress: { digest: 'abc', ...epochStart, epoch: 1, updates: 3, history: [] },
};

describe('a checkpoint', () => {
  it('comes back as it was, to the last bit', async () => {
    await fc.assert(
      fc.asyncProperty(checkpoints, async (checkpoint) => {
        await saveCheckpoint(path, checkpoint);
        const loaded = await loadCheckpoint(path, checkpoint.progress.digest);
        expect(loaded.progress).toEqual(checkpoint.progress);
        expect(bits(loaded.tensors)).toEqual(bits(checkpoint.tensors));
        expect(bits(loaded.model.graph.initializers)).toEqual(bits(checkpoint.model.graph.initializers));
        expect(loaded.model.graph.nodes).toEqual(checkpoint.model.graph.nodes);
        expect(loaded.model.metadata).toEqual(checkpoint.model.metadata);
      }),
      { numRuns: 30 },
    );
  });

  it('takes the place of the one before', async () => {
    await saveCheckpoint(path, example);
    await saveCheckpoint(path, { ...example, progress: { ...example.progress, epoch: 2 } });
    expect((await loadCheckpoint(path, 'abc')).progress.epoch).toBe(2);
  });

  it('of another run is refused', async () => {
    await saveCheckpoint(path, example);
    await expect(loadCheckpoint(path, 'abd')).rejects.toThrow(`${path} is a checkpoint of another run`);
  });

  it('that is cut off anywhere is refused', async () => {
    await saveCheckpoint(path, example);
    const bytes = readFileSync(path);
    const cut = join(folder, 'cut.onnx');
    for (let length = 0; length < bytes.length; length += 97) {
      writeFileSync(cut, bytes.subarray(0, length));
      await expect(loadCheckpoint(cut, 'abc')).rejects.toMatchObject({ name: 'UsageError' });
    }
  });

  it('with a changed weight, state or place is refused', async () => {
    await saveCheckpoint(path, example);
    const bytes = readFileSync(path);
    const weight = bytes.indexOf(new Uint8Array(dataOf(plain.graph.initializers.get('embedding')!)));
    const state = bytes.indexOf(new Uint8Array(Float32Array.of(0.25, -1).buffer));
    const place = bytes.indexOf('"epoch":1') + '"epoch":'.length;
    const changed = join(folder, 'changed.onnx');
    for (const at of [weight + 2, state + 1, place]) {
      const copy = Buffer.from(bytes);
      copy[at]! ^= 1;
      writeFileSync(changed, copy);
      await expect(loadCheckpoint(changed, 'abc')).rejects.toThrow(`${changed} is damaged`);
    }
  });

  it('with any one bit flipped is refused, with what to do', async () => {
    await saveCheckpoint(path, { ...example, model: { ...plain, metadata: { note: 'a note' } } });
    const bytes = readFileSync(path);
    const flipped = join(folder, 'flipped.onnx');
    const random = randomStream(7);
    // All bits of what ends the file, and a sample of the others: nodes, names, weights, metadata.
    const tail = Array.from({ length: 8 * 100 }, (_, i) => 8 * bytes.length - 1 - i);
    const sample = Array.from({ length: 1500 }, () => Math.floor(random() * 8 * bytes.length));
    for (const bit of [...tail, ...sample]) {
      const copy = Buffer.from(bytes);
      copy[bit >> 3]! ^= 1 << (bit & 7);
      writeFileSync(flipped, copy);
      await expect(loadCheckpoint(flipped, 'abc'), `bit ${bit}`).rejects.toMatchObject({
        name: 'UsageError',
        message: expect.stringMatching(/; delete it, and --resume begins the run anew$/),
      });
    }
  });

  it('of an earlier version, with a checksum of its tensors or none, comes back', async () => {
    const { progress } = example;
    const initializers = new Map(plain.graph.initializers);
    for (const [key, value] of example.tensors) initializers.set(`checkpoint/${key}`, value);
    const graph = { ...plain.graph, initializers };
    const text = JSON.stringify(progress);
    for (const sum of [undefined, checksumOf(text, initializers)]) {
      const metadata = { 'slimrnn.checkpoint': text, ...(sum && { 'slimrnn.checksum': sum }) };
      await saveModel(path, { ...plain, graph, metadata });
      expect((await loadCheckpoint(path, 'abc')).progress).toEqual(progress);
    }
    await saveModel(path, { ...plain, graph, metadata: { 'slimrnn.checkpoint': text, 'slimrnn.checksum': '0' } });
    await expect(loadCheckpoint(path, 'abc')).rejects.toThrow('is damaged');
  });

  it('is more than a model', async () => {
    await saveModel(path, plain);
    await expect(loadCheckpoint(path, 'abc')).rejects.toThrow('not a checkpoint of a run');
    const metadata = { 'slimrnn.checkpoint': '{"epoch": 1}' };
    await saveModel(path, { ...plain, metadata });
    await expect(loadCheckpoint(path, 'abc')).rejects.toThrow('another version of slimrnn');
    await saveModel(path, { ...plain, metadata: { 'slimrnn.checkpoint': '{' } });
    await expect(loadCheckpoint(path, 'abc')).rejects.toThrow('another version of slimrnn');
  });
});

/** As versions without a digest of the whole file wrote it. */
function checksumOf(progress: string, tensors: ReadonlyMap<string, Tensor>): string {
  const hash = createHash('sha256').update(progress);
  for (const [name, tensor] of tensors) {
    hash.update(`\n${name} ${tensor.dims.join(' ')}\n`).update(new Uint8Array(dataOf(tensor)));
  }
  return hash.digest('hex');
}

/** Tensors as text that tells -0 from 0 and one NaN from another. */
function bits(tensors: ReadonlyMap<string, Tensor>): Record<string, string> {
  const text = (t: Tensor) => `${t.elementType} [${t.dims}] ${Buffer.from(dataOf(t)).toString('hex')}`;
  return Object.fromEntries([...tensors].map(([name, t]) => [name, text(t)]));
}

function dataOf({ data }: Tensor): ArrayBuffer {
  if (Array.isArray(data)) throw new Error('no strings here');
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice().buffer;
}
