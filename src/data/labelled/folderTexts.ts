import { isUtf8 } from 'node:buffer';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { UsageError } from '../../base/errors.ts';
import { fileErrorReason } from '../../base/files.ts';
import { malformed } from '../arrays/arrayFile.ts';
import { GZIP } from '../lines.ts';
import type { LabelledText } from './labelledText.ts';

/** A sub-folder that holds no class: aclImdb keeps texts without labels there. */
const UNLABELLED = 'unsup';
/** Bytes of a text, at most. */
const LARGEST_TEXT = 1 << 26;

const unpack = promisify(gunzip);

/** Names of the sub-folders that hold a class each, sorted. */
export async function classFolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return folders.filter((name) => !name.startsWith('.') && name !== UNLABELLED).sort();
}

/**
 * The texts of a folder with a sub-folder for each class and a text in each file of it, in the order of their names.
 * Throws a UsageError where a class has no files, and where a file is not UTF-8 text.
 */
export async function* folderTexts(folder: string): AsyncGenerator<LabelledText> {
  for (const label of await classFolders(folder)) {
    const inside = await readdir(join(folder, label), { withFileTypes: true });
    const files = inside.filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.'));
    if (files.length === 0) throw new UsageError(`${join(folder, label)} has no files: expected the texts of a class`);
    for (const name of files.map((entry) => entry.name).sort()) {
      const path = join(folder, label, name);
      yield { text: await textOf(path), label, place: path };
    }
  }
}

async function textOf(path: string): Promise<string> {
  try {
    const bytes = await readFile(path);
    const text = GZIP.test(path) ? await unpack(bytes, { maxOutputLength: LARGEST_TEXT }) : bytes;
    if (isUtf8(text)) return new TextDecoder().decode(text);
  } catch (error) {
    throw malformed(path, fileErrorReason(error), error);
  }
  throw malformed(path, 'it is not UTF-8 text');
}
