import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UsageError } from '../base/errors.ts';
import { fileErrorReason, writeAtomically } from '../base/files.ts';
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
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new UsageError(`cannot read ${path}: ${fileErrorReason(cause)}`, { cause });
  }
  const files = externalFiles(dirname(path));
  try {
    // One place for all who read files: nobody behind it meets a call of a function.
    return inlineFunctions(readFrom(startReading(bytes, path, files, { ownsBytes: true })));
  } finally {
    files.close();
  }
}

/**
 * Writes a model to an ONNX file, which is either there as a whole afterwards or as it was before. Weights go into the
 * file, also those that were read from a data file, unless they take more than 1.9 GB or `externalData` names a data
 * file in the same folder: that one (by default the model's name and `.data`) is written first, and overwritten.
 * The model's arrays must not change before the promise resolves: they are written without a copy.
 * Throws a SlimError for what ONNX cannot hold and when the file cannot be written.
 */
export async function saveModel(path: string, model: Model, options: { externalData?: string } = {}): Promise<void> {
  let size = 0;
  for (const { data } of model.graph.initializers.values()) size += Array.isArray(data) ? 0 : data.byteLength;
  const location = options.externalData ?? (size > MOST_WITHIN ? `${basename(path)}.data` : undefined);
  if (location === undefined) {
    await writeAtomically(path, encodeModel(model));
    return;
  }
  if (basename(location) !== location || ['', '.', '..', basename(path)].includes(location)) {
    throw new UsageError(
      `cannot write ${path}: the data file must have a name of its own, without a folder, not '${location}'`,
    );
  }
  const data: Uint8Array[] = [];
  const pieces = encodeModel(model, collectInto(data, location));
  await writeAtomically(join(dirname(path), location), data);
  await writeAtomically(path, pieces);
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
