import { sha256Hex } from '../../base/digest.ts';
import { UsageError } from '../../base/errors.ts';
import { didYouMean } from '../../base/suggest.ts';
import type { Part } from '../../data/parts.ts';
import { buildVocabulary, UNKNOWN, type Vocabulary } from '../../data/vocabulary.ts';
import type { WordTable } from '../../data/wordTable.ts';
import type { CollectedTexts } from './collectTexts.ts';
import type { TextFields } from './definition.ts';
import { heldOut } from './holdOut.ts';

/** Examples of a part: the words of each text by their numbers in the vocabulary, and its class. */
export interface TextSet {
  readonly texts: readonly Int32Array[];
  /** Index of each text's class. */
  readonly classes: Int32Array;
}

/** Labelled texts, ready for training. */
export interface TextData {
  readonly vocabulary: Vocabulary;
  readonly classes: readonly string[];
  readonly sets: { readonly train: TextSet; readonly valid: TextSet; readonly test?: TextSet };
  /** Hex digest of words, classes and examples: identifies the data in a checkpoint. */
  readonly sha256: string;
  /** What the user should know, line by line. */
  readonly notes: readonly string[];
}

/** Texts by part; those of validation may be left out. */
export type CollectedParts = { readonly train: CollectedTexts } & Partial<Record<Part, CollectedTexts>>;

/** Different labels that no column of classes has. */
const MOST_CLASSES = 1000;

/**
 * Makes the data of a classifier, with classes and vocabulary of the training texts alone. Where there are no
 * validation texts, a share of the training texts is held out (`heldOut`).
 * Throws a UsageError when there are fewer than two classes, or other parts have labels that training lacks.
 */
export function makeTextData(
  source: string,
  parts: CollectedParts,
  table: WordTable,
  fields: Pick<TextFields, 'vocabulary' | 'minCount' | 'validShare' | 'testShare' | 'maxLength' | 'cut'>,
): TextData {
  const { train, valid, test } = parts;
  const classes = classesOf(source, train.labels);
  for (const other of [valid, test]) if (other) requireKnown(other, classes);
  const everywhere = [...train.texts.keys()];
  const asked = test ? undefined : fields.testShare;
  const [others, tested] =
    asked === undefined ? [everywhere, []] : setApart(source, train, everywhere, asked, 'testing');
  const [learned, kept] = valid ? [others, []] : setApart(source, train, others, fields.validShare, 'validation');
  const vocabulary = buildVocabulary(wordsOf(train, learned, table), {
    maxSize: fields.vocabulary,
    minCount: fields.minCount,
    withUnknown: true,
  });
  const encode = encoder(table, vocabulary, classes);
  const sets = {
    train: encode(train, learned),
    valid: valid ? encode(valid) : encode(train, kept),
    ...((test || tested.length > 0) && { test: test ? encode(test) : encode(train, tested) }),
  };
  const notes = notesOf(parts, { valid: kept.length, test: tested.length }, fields);
  return { vocabulary, classes, sets, sha256: digest(vocabulary, classes, sets), notes };
}

/** The texts `among` those of a part without a share that is held out (`heldOut`), and these. */
function setApart(
  source: string,
  { labels, ranks }: CollectedTexts,
  among: readonly number[],
  share: number,
  purpose: string,
): [left: number[], held: number[]] {
  const pick = (list: readonly string[]) => among.map((i) => list[i]!);
  const held = heldOut(pick(labels), pick(ranks), share);
  if (held.size === 0)
    throw new UsageError(`${source}: ${among.length} texts are too few to hold some out for ${purpose}`);
  return [among.filter((_, n) => !held.has(n)), among.filter((_, n) => held.has(n))];
}

/** The different labels, numbers in their order and words by their code units. */
function classesOf(source: string, labels: readonly string[]): string[] {
  const found = [...new Set(labels)];
  if (found.length === 0) throw new UsageError(`${source} has no texts`);
  if (found.length === 1) {
    throw new UsageError(
      `${source}: all ${labels.length} texts have the label '${found[0]}'; a classifier needs two classes or more`,
    );
  }
  if (found.length > MOST_CLASSES) {
    throw new UsageError(
      `${source}: ${labels.length} texts have ${found.length} different labels; is --label the column of the classes?`,
    );
  }
  const areNumbers = found.every((label) => label !== '' && Number.isFinite(Number(label)));
  return found.sort((a, b) => (areNumbers && Number(a) - Number(b)) || (a < b ? -1 : 1));
}

function requireKnown({ labels, places }: CollectedTexts, classes: readonly string[]): void {
  const unknown = [...places.keys()].find((label) => !classes.includes(label));
  if (unknown === undefined) return;
  const count = labels.filter((label) => label === unknown).length;
  throw new UsageError(
    `${places.get(unknown)}: no training text has the label '${unknown}'${didYouMean(unknown, classes)}, which ${count} ` +
      `text${count === 1 ? ' has' : 's have'} here; the training texts have ${classes.join(', ')}`,
  );
}

function* wordsOf({ texts }: CollectedTexts, chosen: readonly number[], { words }: WordTable): Generator<string> {
  for (const i of chosen) for (const number of texts[i]!) yield words[number]!;
}

/** Turns a table's numbers into the vocabulary's, and labels into indices. */
function encoder({ words }: WordTable, vocabulary: Vocabulary, classes: readonly string[]) {
  const unknown = vocabulary.ids.get(UNKNOWN)!;
  const numbers = Int32Array.from(words, (word) => vocabulary.ids.get(word) ?? unknown);
  const indices = new Map(classes.map((label, i) => [label, i]));
  return ({ texts, labels }: CollectedTexts, chosen: readonly number[] = [...texts.keys()]): TextSet => ({
    texts: chosen.map((i) => texts[i]!.map((number) => numbers[number]!)),
    classes: Int32Array.from(chosen, (i) => indices.get(labels[i]!)!),
  });
}

/** Neither words nor labels hold line breaks; the lengths keep the texts apart. */
function digest({ words }: Vocabulary, classes: readonly string[], sets: TextData['sets']): string {
  const bytes = ({ buffer, byteOffset, byteLength }: Int32Array) => new Uint8Array(buffer, byteOffset, byteLength);
  const parts = Object.entries(sets).flatMap(([part, { texts, classes: own }]) => [
    `\n\n${part}\n${texts.length}\n`,
    bytes(Int32Array.from(texts, (text) => text.length)),
    bytes(own),
    ...texts.map(bytes),
  ]);
  return sha256Hex(words.join('\n'), '\n\n', classes.join('\n'), ...parts);
}

function notesOf(
  { train, valid }: CollectedParts,
  held: { readonly valid: number; readonly test: number },
  { maxLength, cut }: Pick<TextFields, 'maxLength' | 'cut'>,
): string[] {
  const share = Math.round((100 * train.cut) / train.texts.length);
  const end = cut === 'head' ? 'first' : 'last';
  return [
    ...(held.test > 0 ? [`${held.test} of ${train.texts.length} texts are set apart as test texts`] : []),
    ...(valid ? [] : [`${held.valid} of ${train.texts.length} training texts are held out for validation`]),
    ...(share > 0 ? [`${share} % of the training texts are cut to their ${end} ${maxLength} words`] : []),
  ];
}
