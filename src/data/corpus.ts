/**
 * A word-level corpus: three streams of ids over one vocabulary, from a folder, a single file or given tokens.
 */
import { createHash } from 'node:crypto';
import { basename, resolve } from 'node:path';
import { UsageError } from '../errors.ts';
import { findParts, PARTS, type Part, pathKind, readTextFile } from './textFiles.ts';
import { readTokens } from './tokens.ts';
import { buildVocabulary, encode, type Vocabulary } from './vocabulary.ts';

/** Training, validation and test text as ids, ready for batching. */
export interface Corpus {
  readonly name: string;
  /** Where the text came from, in words for a report. */
  readonly source: string;
  readonly vocabulary: Vocabulary;
  readonly train: Int32Array;
  readonly valid: Int32Array;
  readonly test: Int32Array;
  /** Hex digest of the words and the three id streams: identifies the data in a checkpoint. */
  readonly sha256: string;
}

/** A corpus with the number of tokens outside the vocabulary: mapped to `<unk>`, or dropped for want of it. */
export interface LoadedCorpus extends Corpus {
  readonly outside: Readonly<Record<Part, { readonly mapped: number; readonly dropped: number }>>;
}

/** How to load a corpus. */
export interface CorpusOptions {
  /** Most words in the vocabulary, `<unk>` included; rarer words become `<unk>`. Default: no limit. */
  readonly maxVocabulary?: number | undefined;
  /** Words that occur less often in the training text become `<unk>`. Default: 1, all words stay. */
  readonly minCount?: number | undefined;
}

/** Fewest lines that a single file needs for a split into 90, 5 and 5 %. */
const MIN_LINES = 20;

/**
 * Loads tokenised text (tokens between white space, a line per sentence) from a folder with train, valid and test
 * files, or from one file whose lines are split in order: the first 90 % train, the next 5 % valid, the last 5 % test.
 * Throws a UsageError when the path, a file or the text cannot serve.
 */
export async function loadCorpus(path: string, options: CorpusOptions = {}): Promise<LoadedCorpus> {
  const tokens =
    (await pathKind(path)) === 'folder' ? await readFolder(path) : splitLines(await readTextFile(path), path);
  return makeCorpus(basename(resolve(path)), path, tokens, options);
}

/**
 * Makes a corpus from the tokens of its parts, with the vocabulary of the training tokens alone.
 * Throws a UsageError when a part has no token that the vocabulary knows.
 */
export function makeCorpus(
  name: string,
  source: string,
  tokens: Readonly<Record<Part, readonly string[]>>,
  options: CorpusOptions = {},
): LoadedCorpus {
  const vocabulary = buildVocabulary(tokens.train, { maxSize: options.maxVocabulary, minCount: options.minCount });
  const train = encode(tokens.train, vocabulary);
  const valid = encode(tokens.valid, vocabulary);
  const test = encode(tokens.test, vocabulary);
  const encoded = { train, valid, test };
  for (const part of PARTS) {
    if (encoded[part].ids.length > 0) continue;
    throw new UsageError(
      `${source}: none of the ${tokens[part].length} tokens of the ${part} text occurs in the training text`,
    );
  }
  const { ids: trainIds, ...outsideTrain } = train;
  const { ids: validIds, ...outsideValid } = valid;
  const { ids: testIds, ...outsideTest } = test;
  return {
    name,
    source,
    vocabulary,
    train: trainIds,
    valid: validIds,
    test: testIds,
    sha256: digest(vocabulary.words, [trainIds, validIds, testIds]),
    outside: { train: outsideTrain, valid: outsideValid, test: outsideTest },
  };
}

async function readFolder(folder: string): Promise<Record<Part, string[]>> {
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

/** Words hold no white space, so a line break separates them; the lengths keep the streams apart. */
function digest(words: readonly string[], streams: readonly Int32Array[]): string {
  const hash = createHash('sha256').update(words.join('\n'));
  for (const ids of streams) {
    hash.update(`\n${ids.length}\n`).update(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength));
  }
  return hash.digest('hex');
}
