/**
 * A corpus: three streams of ids over one vocabulary, from a folder or a single file.
 */
import { basename, resolve } from 'node:path';
import { UsageError } from '../base/errors.ts';
import { areNumbers, columnPlace, fieldText } from './columns.ts';
import { endingOf } from './labelled/readLabelled.ts';
import { objectsOf } from './lines.ts';
import { type CorpusOptions, type LoadedCorpus, makeCorpus } from './makeCorpus.ts';
import type { Part } from './parts.ts';
import { tableRows } from './tableRows.ts';
import { findChapters, findParts, pathKind, readTextFile } from './textFiles.ts';
import { type Tokenizer, tokenizers } from './tokenizations.ts';

/** Fewest lines that a text needs for a split into 90, 5 and 5 %. */
const MIN_LINES = 20;

/** How to read a corpus. */
export interface ReadCorpusOptions extends CorpusOptions {
  /** How texts are cut into tokens; between white space by default. */
  readonly tokenize?: Tokenizer | undefined;
  /** Column (field of JSON lines) of a table that holds the texts, 'text' by default. */
  readonly column?: string | undefined;
}

/**
 * Loads a text: a folder with train, valid and test files, or one text whose lines are split in order (the first 90 %
 * train, the next 5 % valid, the last 5 % test), from a file, from the text files of a folder in the order of their names, or
 * from the rows of a table (.csv, .tsv, .jsonl). Each file may be gzipped. The vocabulary is that of the training text.
 * Throws a UsageError when the path, a file or the text cannot serve.
 */
export async function loadCorpus(path: string, options: ReadCorpusOptions = {}): Promise<LoadedCorpus> {
  const { tokenize = tokenizers.whitespace, column = 'text' } = options;
  const texts = await readTexts(path, column);
  const tokens = { train: tokenize(texts.train), valid: tokenize(texts.valid), test: tokenize(texts.test) };
  return makeCorpus(basename(resolve(path)), path, tokens, options);
}

async function readTexts(path: string, column: string): Promise<Record<Part, string>> {
  if ((await pathKind(path)) === 'file') {
    const ending = endingOf(path);
    return splitLines(ending ? await columnText(path, ending, column) : await readTextFile(path), path);
  }
  const chapters = await findChapters(path);
  if (chapters.length > 0) {
    const texts = await Promise.all(chapters.map(readTextFile));
    return splitLines(texts.map((text) => text.trimEnd()).join('\n'), path);
  }
  const files = await findParts(path);
  const [train, valid, test] = await Promise.all([files.train, files.valid, files.test].map(readTextFile));
  return { train: train!, valid: valid!, test: test! };
}

/** The texts of a column, one behind the other, each on lines of its own. */
async function columnText(path: string, ending: string, name: string): Promise<string> {
  const texts: string[] = [];
  const wanted = { what: 'text', name } as const;
  const kind = ending === '.csv' ? 'csv' : ending === '.tsv' ? 'tsv' : undefined;
  if (kind !== undefined) {
    let place: number | undefined;
    const isNumbered = areNumbers([name]);
    for await (const { values } of tableRows(path, kind)) {
      const isHead = place === undefined && !isNumbered;
      place ??= columnPlace(path, wanted, values, isNumbered);
      if (!isHead) texts.push(values[place]!.trim());
    }
  } else {
    for await (const { line, object, wrong } of objectsOf(path, '{"text": "…"}')) {
      texts.push(fieldText(`${path}, line ${line}`, wanted, object, wrong).trim());
    }
  }
  return texts.join('\n');
}

function splitLines(text: string, path: string): Record<Part, string> {
  const lines = text.trimEnd().split('\n');
  if (lines.length < MIN_LINES) {
    throw new UsageError(
      `${path} is too short to split: it has ${lines.length} line${lines.length === 1 ? '' : 's'}, and 90 % train, ` +
        `5 % valid and 5 % test need at least ${MIN_LINES}; put one sentence on a line, or name a folder with three files`,
    );
  }
  const trainEnd = Math.floor((lines.length * 90) / 100);
  const validEnd = Math.floor((lines.length * 95) / 100);
  const part = (from: number, to: number) => `${lines.slice(from, to).join('\n')}\n`;
  return { train: part(0, trainEnd), valid: part(trainEnd, validEnd), test: part(validEnd, lines.length) };
}
