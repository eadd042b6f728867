import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../base/errors.ts';
import { fileErrorReason, writeAtomically } from '../base/files.ts';
import { requireHeld } from '../base/lock.ts';
import { SparseTensor } from '../graph/sparseTensor.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { MODEL } from '../onnx/fields.ts';
import { readModel } from '../onnx/read.ts';
import { encodeModel } from '../onnx/write.ts';
import { Writer } from '../onnx/writer.ts';
import { type Checkpoint, progressSchema, type RunStore } from '../train/store.ts';
import { jsonOf } from './formats.ts';
import { runFiles } from './runDirectory.ts';

/*
 * A checkpoint is an ONNX file: the model as it is trained, what goes with it as further initializers, and the place in
 * the run as metadata. One file, so it is written as a whole or not at all.
 */

const KEY = 'slimrnn.checkpoint';
/** Says that a digest of all bytes before it ends the file. */
const SEALED = 'slimrnn.sealed';
const SEAL = 'slimrnn.sha256';
/** Earlier versions had a digest of the place in the run and of the tensors alone. */
const CHECKSUM = 'slimrnn.checksum';
const BESIDE = 'checkpoint/';
const REMEDY = 'delete it, and --resume begins the run anew';

/** Writes a checkpoint in place of the last one, which stays as it was when that throws (SlimError: disk full, …). */
export async function saveCheckpoint(path: string, { model, tensors, progress }: Checkpoint): Promise<void> {
  const initializers = new Map(model.graph.initializers);
  for (const [name, tensor] of tensors) initializers.set(`${BESIDE}${name}`, tensor);
  const text = JSON.stringify(progress);
  const metadata = { ...model.metadata, [KEY]: text, [SEALED]: 'sha256' };
  const pieces = encodeModel({ ...model, metadata, graph: { ...model.graph, initializers } });
  await writeAtomically(path, [...pieces, sealOf(pieces)]);
}

/** Reads a checkpoint; throws UsageError for one that is damaged, none, or of another run (`digest` differs). */
export async function loadCheckpoint(path: string, digest: string): Promise<Checkpoint> {
  const file = await readChecked(path).catch((cause: unknown) => {
    throw cause instanceof UsageError ? new UsageError(`${cause.message}; ${REMEDY}`, { cause }) : cause;
  });
  const { [KEY]: text, [CHECKSUM]: sum, [SEALED]: _, [SEAL]: __, ...metadata } = file.metadata;
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

/** Reads the file; throws a UsageError when it says that it is sealed and its bytes are not those that were. */
async function readChecked(path: string): Promise<Model> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new UsageError(`cannot read ${path}: ${fileErrorReason(cause)}`, { cause });
  });
  const seal = sealOf([bytes.subarray(0, Math.max(0, bytes.length - SEAL_LENGTH))]);
  const isWhole = bytes.subarray(-SEAL_LENGTH).equals(seal);
  const model = readModel(bytes, path);
  // Either of them may be what is damaged.
  const isSealed = SEALED in model.metadata || SEAL in model.metadata;
  if (isWhole || !isSealed) return model;
  throw new UsageError(`${path} is damaged: its checksum does not fit its content`);
}

/** The entry that ends a checkpoint, with the SHA-256 of all before it: metadata like others, for who reads ONNX. */
function sealOf(pieces: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  const writer = new Writer();
  writer.entry(MODEL.metadataProps, SEAL, hash.digest('hex'));
  return writer.joined();
}

const SEAL_LENGTH = sealOf([]).length;

/** SHA-256 over the place in the run and over all numbers: a flipped bit would otherwise train on unnoticed. */
function checksum(progress: string, tensors: ReadonlyMap<string, Tensor>): string {
  const hash = createHash('sha256').update(progress);
  for (const [name, tensor] of tensors) {
    hash.update(`\n${name} ${tensor.dims.join(' ')}\n`);
    for (const data of tensor instanceof SparseTensor ? [tensor.indices, tensor.values] : [tensor.data]) {
      if (Array.isArray(data)) hash.update(JSON.stringify(data));
      else hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
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

/** The checkpoints of a run whose directory another process has: they are read, and never written. */
export function readerStore(directory: string): RunStore {
  const path = join(directory, runFiles.checkpoint);
  return {
    load: async (digest) => (existsSync(path) ? loadCheckpoint(path, digest) : undefined),
    save: async () => undefined,
    place: () => (existsSync(path) ? directory : undefined),
  };
}
