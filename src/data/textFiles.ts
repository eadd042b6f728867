/**
 * The text files behind a corpus: which file of a folder is which part, and reading one with clear errors.
 */
import { constants, isUtf8 } from 'node:buffer';
import type { Dirent } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { UsageError } from '../base/errors.ts';
import { GZIP } from './lines.ts';
import { PARTS, type Part } from './parts.ts';

const PART_FILE = /^(?:.+[._-])?([a-z]+)\.(?:txt|tokens)(?:\.gz)?$/i;
const TEXT_FILE = /\.(?:txt|tokens)(?:\.gz)?$/i;
const VALIDATION = new Set(['valid', 'validation', 'val', 'dev']);

/** Says what stands at a path; throws a UsageError when that is neither a file nor a folder, or cannot be reached. */
export async function pathKind(
  path: string,
  expected = 'a text file, or a folder with train, valid and test text files',
): Promise<'file' | 'folder'> {
  const status = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(
      error.code === 'ENOENT' || error.code === 'ENOTDIR'
        ? `${path} does not exist: expected ${expected}`
        : `cannot open ${path}: ${error.message}`,
    );
  });
  if (status.isDirectory()) return 'folder';
  if (status.isFile()) return 'file';
  throw new UsageError(`${path} is neither a file nor a folder`);
}

/**
 * Finds the three parts in a folder by name: `train.txt`, `ptb.train.txt`, `wiki.train.tokens` and the like, where the
 * middle part may be called `valid`, `validation` or `dev`. Throws a UsageError when one is missing or not unique.
 */
export async function findParts(folder: string): Promise<Record<Part, string>> {
  const entries = await listed(folder);
  const files = visibleFiles(entries);
  const find = (part: Part): string => {
    const found = files.filter((file) => partNamed(PART_FILE.exec(file)?.[1] ?? '') === part);
    if (found.length === 1) return join(folder, found[0]!);
    if (found.length === 0) {
      const names = part === 'valid' ? 'valid.txt, validation.txt, dev.txt' : `${part}.txt`;
      throw new UsageError(
        `${folder} has no ${part} text: looked for ${names}, also with a prefix (ptb.${part}.txt) or the ending ` +
          `.tokens; ${contents(entries)}`,
      );
    }
    throw new UsageError(
      `${folder} has more than one ${part} text: ${found.join(', ')}; keep one of them in the folder`,
    );
  };
  return { train: find('train'), valid: find('valid'), test: find('test') };
}

/**
 * The text files of a folder in the order of their names, in which numbers count (`2.txt` before `10.txt`): chapters of one
 * text. None where a file is called after a part: such a folder has parts, or lacks some.
 */
export async function findChapters(folder: string): Promise<string[]> {
  const entries = await listed(folder);
  const names = visibleFiles(entries).filter((name) => TEXT_FILE.test(name));
  if (names.some((name) => partNamed(PART_FILE.exec(name)?.[1] ?? ''))) return [];
  const { compare } = new Intl.Collator('en', { numeric: true });
  return names.sort(compare).map((name) => join(folder, name));
}

async function listed(folder: string): Promise<Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`cannot list ${folder}: ${error.message}`);
  });
}

/** Names of the files of a folder in order, but for hidden ones, which other programs leave there. */
export function visibleFiles(entries: readonly Dirent[]): string[] {
  const files = entries.filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.'));
  return files.map((entry) => entry.name).sort();
}

/**
 * Reads a UTF-8 text file, unpacked where its name ends in .gz; throws a UsageError when it is empty, binary, not UTF-8,
 * damaged or too large for one string.
 */
export async function readTextFile(path: string): Promise<string> {
  const bytes = await readUnpacked(path);
  if (bytes.length > constants.MAX_STRING_LENGTH) {
    throw new UsageError(
      `${path} has ${bytes.length} bytes, more than the ${constants.MAX_STRING_LENGTH} that can be read at once: use a part of it`,
    );
  }
  if (bytes.includes(0)) {
    throw new UsageError(`${path} is not a text file: it contains NUL bytes; expected words in UTF-8`);
  }
  if (!isUtf8(bytes)) {
    throw new UsageError(`${path} is not UTF-8 text: convert it first, for example with iconv -t utf-8`);
  }
  const text = new TextDecoder().decode(bytes);
  if (text.trim() === '') throw new UsageError(`${path} is empty: expected words between white space`);
  return text;
}

/** The bytes of a file, unpacked where its name ends in .gz. Throws a UsageError when it cannot be read or unpacked. */
export async function readUnpacked(path: string): Promise<Buffer> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EISDIR') throw new UsageError(`${path} is a folder: name a file in it`);
    throw new UsageError(`cannot read ${path}: ${error.message}`);
  });
  if (!GZIP.test(path)) return bytes;
  return promisify(gunzip)(bytes, { maxOutputLength: constants.MAX_STRING_LENGTH }).catch((error: Error) => {
    throw new UsageError(`${path} is no gzip file, is damaged, or holds too much: ${error.message}`, { cause: error });
  });
}

/** The part that a word in the name of a file or folder stands for. */
export function partNamed(word: string): Part | undefined {
  const lower = word.toLowerCase();
  return VALIDATION.has(lower) ? 'valid' : PARTS.find((part) => part === lower);
}

/** What a folder contains, in words. */
export function contents(entries: readonly Dirent[]): string {
  const names = entries.map((entry) => entry.name + (entry.isDirectory() ? '/' : '')).sort();
  if (names.length === 0) return 'the folder is empty';
  const more = names.length > 10 ? ` and ${names.length - 10} more` : '';
  return `the folder contains ${names.slice(0, 10).join(', ')}${more}`;
}
