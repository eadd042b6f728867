import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../base/errors.ts';
import { writeAtomically } from '../base/files.ts';
import { requireHeld } from '../base/lock.ts';
import type { Tensor } from '../graph/types.ts';
import { loadModel } from '../onnx/file.ts';
import { encodeModel } from '../onnx/write.ts';
import { type Checkpoint, progressSchema, type RunStore } from '../train/store.ts';
import { jsonOf } from './formats.ts';
import { runFiles } from './runDirectory.ts';

/*
 * A checkpoint is an ONNX file: the model as it is trained, what goes with it as further initializers, and the place in
 * the run as metadata. One file, so it is written as a whole or not at all.
 */

const KEY = 'slimrnn.checkpoint';
const CHECKSUM = 'slimrnn.checksum';
const BESIDE = 'checkpoint/';
const REMEDY = 'delete it, and --resume begins the run anew';

/** Writes a checkpoint in place of the last one, which stays as it was when that throws (SlimError: disk full, …). */
export async function saveCheckpoint(path: string, { model, tensors, progress }: Checkpoint): Promise<void> {
  const initializers = new Map(model.graph.initializers);
  for (const [name, tensor] of tensors) initializers.set(`${BESIDE}${name}`, tensor);
  const text = JSON.stringify(progress);
  const metadata = { ...model.metadata, [KEY]: text, [CHECKSUM]: checksum(text, initializers) };
  await writeAtomically(path, encodeModel({ ...model, metadata, graph: { ...model.graph, initializers } }));
}

/** Reads a checkpoint; throws UsageError for one that is damaged, none, or of another run (`digest` differs). */
export async function loadCheckpoint(path: string, digest: string): Promise<Checkpoint> {
  const file = await loadModel(path).catch((cause: unknown) => {
    throw cause instanceof UsageError ? new UsageError(`${cause.message}; ${REMEDY}`, { cause }) : cause;
  });
  const { [KEY]: text, [CHECKSUM]: sum, ...metadata } = file.metadata;
  if (text === undefined) throw new UsageError(`${path} is an ONNX model but not a checkpoint of a run; ${REMEDY}`);
  if (sum !== undefined && sum !== checksum(text, file.graph.initializers)) {
    throw new UsageError(`${path} is damaged: its checksum does not fit its content; ${REMEDY}`);
  }
  const parsed = progressSchema.safeParse(jsonOf(text));
  if (!parsed.success) throw new UsageError(`${path} was written by another version of slimrnn; ${REMEDY}`);
  if (parsed.data.digest !== digest) {
    throw new UsageError(`${path} is a checkpoint of another run: its configuration or its data differ from this one`);
  }
  const weights = new Map<string, Tensor>();
  const tensors = new Map<string, Tensor>();
  for (const [name, tensor] of file.graph.initializers) {
    if (name.startsWith(BESIDE)) tensors.set(name.slice(BESIDE.length), tensor);
    else weights.set(name, tensor);
  }
  const model = { ...file, metadata, graph: { ...file.graph, initializers: weights } };
  return { model, tensors, progress: parsed.data };
}

/** SHA-256 over the place in the run and over all numbers: a flipped bit would otherwise train on unnoticed. */
function checksum(progress: string, tensors: ReadonlyMap<string, Tensor>): string {
  const hash = createHash('sha256').update(progress);
  for (const [name, { dims, data }] of tensors) {
    hash.update(`\n${name} ${dims.join(' ')}\n`);
    if (Array.isArray(data)) hash.update(JSON.stringify(data));
    else hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}

/** Checkpoints in a run directory, and beside each of them the epochs so far as metrics.jsonl. */
export function fileStore(directory: string): RunStore {
  const path = join(directory, runFiles.checkpoint);
  const saveMetrics = ({ progress }: Checkpoint) =>
    writeAtomically(
      join(directory, runFiles.metrics),
      progress.history.map((epoch) => `${JSON.stringify(epoch)}\n`).join(''),
    );
  return {
    async load(digest) {
      if (!existsSync(path)) return undefined;
      const checkpoint = await loadCheckpoint(path, digest);
      // A process that was killed between the two files leaves metrics behind the checkpoint.
      await saveMetrics(checkpoint);
      return checkpoint;
    },
    async save(checkpoint) {
      requireHeld(directory);
      await saveCheckpoint(path, checkpoint);
      await saveMetrics(checkpoint);
    },
    place: () => (existsSync(path) ? directory : undefined),
  };
}
