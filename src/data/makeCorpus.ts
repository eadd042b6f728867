/**
 * A word-level corpus out of tokens: three streams of ids over one vocabulary. Free of Node, for browsers too.
 */
import { sha256Hex } from '../base/digest.ts';
import { UsageError } from '../base/errors.ts';
import type { Part } from './parts.ts';
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
  const encodePart = (part: Part) => {
    const { ids, ...outside } = encode(tokens[part], vocabulary);
    if (ids.length > 0) return [ids, outside] as const;
    throw new UsageError(
      `${source}: none of the ${tokens[part].length} tokens of the ${part} text occurs in the training text`,
    );
  };
  const [train, outsideTrain] = encodePart('train');
  const [valid, outsideValid] = encodePart('valid');
  const [test, outsideTest] = encodePart('test');
  // Words hold no white space, so a line break separates them; the lengths keep the streams apart.
  const streams = [train, valid, test].flatMap((ids) => [
    `\n${ids.length}\n`,
    new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength),
  ]);
  const sha256 = sha256Hex(vocabulary.words.join('\n'), ...streams);
  const outside = { train: outsideTrain, valid: outsideValid, test: outsideTest };
  return { name, source, vocabulary, train, valid, test, sha256, outside };
}
