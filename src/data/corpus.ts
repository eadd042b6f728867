/**
 * A word-level corpus: three streams of ids over one vocabulary, from a folder or a single file.
 */
import { basename, resolve } from 'node:path';
import { UsageError } from '../base/errors.ts';
import { type CorpusOptions, type LoadedCorpus, makeCorpus } from './makeCorpus.ts';
import type { Part } from './parts.ts';
import { findParts, pathKind, readTextFile } from './textFiles.ts';
import { readTokens } from './tokens.ts';

/** Fewest lines that a single file needs for a split into 90, 5 and 5 %. */
const MIN_LINES = 20;

/**
 * Loads tokenised text (tokens between white space, a line per sentence) from a folder with train, valid and test
 * files, or from one file whose lines are split in order: the first 90 % train, the next 5 % valid, the last 5 % test.
 * Throws a UsageError when the path, a file or the text cannot serve.
 */
export async function loadCorpus(path: string, options: CorpusOptions = {}): Promise<LoadedCorpus> {
  const isFolder = (await pathKind(path)) === 'folder';
  const tokens = isFolder ? await readParts(path) : splitLines(await readTextFile(path), path);
  return makeCorpus(basename(resolve(path)), path, tokens, options);
}

async function readParts(folder: string): Promise<Record<Part, string[]>> {
  const files = await findParts(folder);
  const read = async (part: Part) => readTokens(await readTextFile(files[part]));
  return { train: await read('train'), valid: await read('valid'), test: await read('test') };
}

function splitLines(text: string, path: string): Record<Part, string[]> {
  const lines = text.trimEnd().split('\n');
  if (lines.length < MIN_LINES) {
    throw new UsageError(
      `${path} is too short to split: it has ${lines.length} line${lines.length === 1 ? '' : 's'}, and 90 % train, ` +
        `5 % valid and 5 % test need at least ${MIN_LINES}; put one sentence on a line, or name a folder with three files`,
    );
  }
  const trainEnd = Math.floor((lines.length * 90) / 100);
  const validEnd = Math.floor((lines.length * 95) / 100);
  const tokens = (from: number, to: number) => readTokens(`${lines.slice(from, to).join('\n')}\n`);
  return { train: tokens(0, trainEnd), valid: tokens(trainEnd, validEnd), test: tokens(validEnd, lines.length) };
}
