import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UsageError } from '../base/errors.ts';
import { fileErrorReason, writeAtomically } from '../base/files.ts';
import { SparseTensor } from '../graph/sparseTensor.ts';
import type { Model } from '../graph/types.ts';
import { inlineFunctions } from '../passes/inlineFunctions.ts';
import { externalFiles } from './externalFiles.ts';
import { readFrom } from './read.ts';
import { startReading } from './reading.ts';
import type { Outside } from './tensor.ts';
import { encodeModel } from './write.ts';

/** Weights of more bytes go to a data file, which leaves enough of the 2 GiB that an ONNX file may have for the rest. */
const MOST_WITHIN = 1.9e9;
/** Smaller tensors stay in the model. */
const SMALLEST_OUTSIDE = 1024;
/** Data begin at multiples of so many bytes. */
const ALIGNMENT = 64;

/**
 * Reads a model from an ONNX file, and the values that it keeps in data files in the same folder (external data).
 * Functions of the model's own stand in place of their calls. Throws a UsageError when a file cannot be read, lies
 * outside the folder, or `readModel` or `inlineFunctions` refuses the model.
 */
export async function loadModel(path: string): Promise<Model> {
  return (await loadModelFiles(path)).model;
}

/** As `loadModel`, with the bytes of the file and of all data files that it names. */
export async function loadModelFiles(path: string): Promise<{ model: Model; bytes: number }> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new UsageError(`cannot read ${path}: ${fileErrorReason(cause)}`, { cause });
  }
  const files = externalFiles(dirname(path));
  try {
    // One place for all who read files: nobody behind it meets a call of a function.
    const size = bytes.byteLength;
    const model = inlineFunctions(readFrom(startReading(bytes, path, files, { ownsBytes: true })));
    return { model, bytes: size + files.bytes() };
  } finally {
    files.close();
  }
}

/**
 * Writes a model to an ONNX file, which is either there as a whole afterwards or as it was before. Weights go into the
 * file, also those that were read from a data file, unless they take more than 1.9 GB or `externalData` names a data
 * file in the same folder: that one (by default the model's name and `.data`) is written first, and overwritten.
 * The model's arrays must not change before the promise resolves: they are written without a copy. Returns the bytes of
 * all files that it wrote.
 * Throws a SlimError for what ONNX cannot hold and when the file cannot be written.
 */
export async function saveModel(path: string, model: Model, options: { externalData?: string } = {}): Promise<number> {
  const { pieces, outside } = filesOf(path, model, options.externalData);
  if (outside !== undefined) await writeAtomically(join(dirname(path), outside.location), outside.data);
  await writeAtomically(path, pieces);
  return bytesIn([...(outside?.data ?? []), ...pieces]);
}

/** The bytes of all files that `saveModel` would write, without `externalData`. Throws what it throws. */
export function savedBytes(path: string, model: Model): number {
  const { pieces, outside } = filesOf(path, model);
  return bytesIn([...(outside?.data ?? []), ...pieces]);
}

/** What the files of a model hold. */
interface ModelFiles {
  /** Of the ONNX file. */
  readonly pieces: readonly Uint8Array[];
  /** The data file, where there is one. */
  readonly outside?: { readonly location: string; readonly data: readonly Uint8Array[] };
}

function filesOf(path: string, model: Model, externalData?: string): ModelFiles {
  const location = externalData ?? (weightBytes(model) > MOST_WITHIN ? `${basename(path)}.data` : undefined);
  if (location === undefined) return { pieces: encodeModel(model) };
  if (basename(location) !== location || ['', '.', '..', basename(path)].includes(location)) {
    throw new UsageError(
      `cannot write ${path}: the data file must have a name of its own, without a folder, not '${location}'`,
    );
  }
  const data: Uint8Array[] = [];
  const pieces = encodeModel(model, collectInto(data, location));
  return { pieces, outside: { location, data } };
}

function weightBytes({ graph }: Model): number {
  let size = 0;
  for (const tensor of graph.initializers.values()) {
    const { data } = tensor instanceof SparseTensor ? { data: tensor.values } : tensor;
    size += Array.isArray(data) ? 0 : data.byteLength;
  }
  return size;
}

function bytesIn(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
}

/** Puts large values one after the other into a data file. */
function collectInto(data: Uint8Array[], location: string): Outside {
  let end = 0;
  return (raw) => {
    if (raw.byteLength < SMALLEST_OUTSIDE) return undefined;
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    data.push(new Uint8Array(offset - end), raw);
    end = offset + raw.byteLength;
    return { location, offset, length: raw.byteLength };
  };
}
