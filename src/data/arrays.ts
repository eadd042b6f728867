/**
 * Named arrays in files: what NumPy and safetensors write, and examples as JSON lines.
 */
import { existsSync, statSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { UsageError } from '../base/errors.ts';
import { writeAtomically } from '../base/files.ts';
import type { Tensor } from '../graph/types.ts';
import { type ArrayFile, bytesAt, withFile } from './arrays/arrayFile.ts';
import { readFolder } from './arrays/folder.ts';
import { readJsonLines } from './arrays/jsonLines.ts';
import { readNpy } from './arrays/npy.ts';
import { readSafetensors, safetensorsPieces } from './arrays/safetensors.ts';

type Arrays = ReadonlyMap<string, Tensor>;

const READERS: Readonly<Record<string, (file: ArrayFile) => Promise<Map<string, Tensor>>>> = {
  '.npz': async (file) => (await import('./arrays/npz.ts')).readNpz(file),
  '.npy': readNamedNpy,
  '.safetensors': readSafetensors,
  '.jsonl': readJsonLines,
  '.ndjson': readJsonLines,
};

const WRITERS: Readonly<Record<string, (arrays: Arrays) => Uint8Array[] | Promise<Uint8Array[]>>> = {
  '.npz': async (arrays) => (await import('./arrays/npz.ts')).npzPieces(arrays),
  '.safetensors': safetensorsPieces,
};

/**
 * Reads the arrays of a file by name, in the file's order; its extension says how: .npz, .npy (one array, named after
 * the file), .safetensors, .jsonl or .ndjson (one example per line, see `readJsonLines` for types and padding).
 * A folder stands for the arrays of all its files; those of the same name are laid one after another, along their first
 * axis. Throws a UsageError that names the file and the array, offset or line.
 * @example const inputs = await loadArrays('inputs.npz'); // Map { 'tokens' => { elementType: 'int64', dims: [35, 20] … } }
 */
export async function loadArrays(path: string): Promise<Map<string, Tensor>> {
  if (existsSync(path) && statSync(path).isDirectory()) return readFolder(path, Object.keys(READERS), loadArrays);
  return withFile(path, formatOf(path, READERS, 'read'));
}

/**
 * Writes arrays to a .npz or .safetensors file, which holds either all of them or what it held before.
 * Throws a UsageError for another extension and for names and types that the format does not have.
 */
export async function saveArrays(path: string, arrays: Arrays): Promise<void> {
  const pieces = formatOf(path, WRITERS, 'write');
  for (const name of arrays.keys()) {
    // UTF-8 cannot hold half a surrogate pair: the name would come back as another one.
    if (/\p{Surrogate}/u.test(name))
      throw new UsageError(`cannot write ${path}: the name ${JSON.stringify(name)} is broken`);
  }
  await writeAtomically(path, await pieces(arrays));
}

function formatOf<T>(path: string, formats: Readonly<Record<string, T>>, verb: string): T {
  const extension = extname(path).toLowerCase();
  const format = Object.hasOwn(formats, extension) ? formats[extension] : undefined;
  if (format !== undefined) return format;
  throw new UsageError(
    `cannot ${verb} arrays in ${path}: expected a name that ends in ${Object.keys(formats).join(', ')}`,
  );
}

async function readNamedNpy(file: ArrayFile): Promise<Map<string, Tensor>> {
  const name = basename(file.path, extname(file.path));
  return new Map([[name, readNpy(await bytesAt(file, 0, file.size, 'the file'), file.path, 'the file')]]);
}
