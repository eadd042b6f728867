import type { Tensor } from '../../graph/types.ts';
import { QUESTION_INPUTS as INPUTS, QUESTION_OUTPUTS } from '../../models/bidaf.ts';
import { lengthBatches, paddedLengths } from '../lengthBatches.ts';
import { type Batches, type BatchOrder, TARGETS } from '../task.ts';
import { bestSpan } from './bestSpan.ts';
import { fedVectors } from './fedVectors.ts';
import { COUNTS } from './lossGraph.ts';
import { scoreAnswer } from './officialScore.ts';
import type { QuestionSet, ReadPassage } from './questionData.ts';
import { EXACT, OVERLAP } from './scores.ts';

/** Different lengths that passages of training are padded to, at most: each has a compiled step of its own. */
const MOST_PASSAGES = 6;
/** Batches are of passages of similar length: the longest of their questions is nearly always a long one. */
const MOST_QUESTIONS = 1;

/** Lengths to pad to, from short to long. */
export interface Padding {
  readonly passage: readonly number[];
  readonly question: readonly number[];
}

/** What spellings are to a model: the number of each word, and of its characters [spellings, length]. */
export interface Spelled {
  readonly words: Int32Array;
  readonly characters: Int32Array;
  readonly wordLength: number;
  /** Rows of words from number `trainedWords` on, where they are fed [words, size]. */
  readonly vectors?: { readonly trainedWords: number; readonly table: Tensor } | undefined;
}

/** Lengths that passages and questions are padded to (`paddedLengths`). */
export function paddingOf(train: QuestionSet, all: readonly QuestionSet[]): Padding {
  const lengths = (set: QuestionSet) => ({
    passage: set.questions.map((q) => set.passages[q.passage]!.words.length),
    question: set.questions.map((q) => q.words.length),
  });
  const own = lengths(train);
  const others = all.map(lengths);
  const of = (part: keyof Padding, most: number) =>
    paddedLengths(
      own[part],
      others.flatMap((set) => set[part]),
      most,
    );
  return { passage: of('passage', MOST_PASSAGES), question: of('question', MOST_QUESTIONS) };
}

/** The batches of an epoch, of passages of similar length. Questions of other splits (`isShuffled` false) are not shuffled. */
export function questionBatches(
  set: QuestionSet,
  spelled: Spelled,
  padding: Padding,
  batch: number,
  order: BatchOrder,
  isShuffled: boolean,
): Batches {
  const { questions, passages } = set;
  const passageOf = (i: number): ReadPassage => passages[questions[i]!.passage]!;
  const padded = (lengths: readonly number[], length: number) => lengths.findIndex((most) => length <= most);
  const slots = questions.map((q, i) => [
    padded(padding.passage, passageOf(i).words.length),
    padded(padding.question, q.words.length),
  ]);
  const own = lengthBatches(
    slots.map(([passage]) => passage!),
    batch,
    order,
    isShuffled,
  );
  const longest = (chosen: readonly number[], part: 0 | 1) => Math.max(0, ...chosen.map((i) => slots[i]![part]!));
  return {
    count: own.length,
    items: own.reduce((sum, chosen) => sum + chosen.length, 0),
    shapeOf: (i) => ({
      passage: padding.passage[longest(own[i]!, 0)]!,
      question: padding.question[longest(own[i]!, 1)]!,
      batch,
    }),
    feeds: ({ passage, question }) => ({
      ...inputFeeds({ passage: passage!, question: question!, batch }, spelled),
      [TARGETS]: { elementType: 'int32', dims: [2, batch], data: new Int32Array(2 * batch) },
      [COUNTS]: { elementType: 'float32', dims: [batch], data: new Float32Array(batch) },
    }),
    fill(i, feeds) {
      const chosen = own[i]!.map((n) => questions[n]!);
      fillFeeds(
        chosen.map((q) => ({ passage: passages[q.passage]!.words, question: q.words })),
        feeds,
        spelled,
      );
      const [targets, counts] = [feeds[TARGETS]!.data as Int32Array, feeds[COUNTS]!.data as Float32Array];
      for (let b = 0; b < batch; b++) {
        targets[b] = chosen[b]?.first ?? 0;
        targets[batch + b] = chosen[b]?.last ?? 0;
        counts[b] = b < chosen.length ? 1 : 0;
      }
      return chosen.length;
    },
    judge(i, outputs) {
      const [start, end] = [outputs[QUESTION_OUTPUTS.start]!, outputs[QUESTION_OUTPUTS.end]!];
      const time = start.dims[1]!;
      const sums = { [EXACT]: 0, [OVERLAP]: 0 };
      for (const [b, n] of own[i]!.entries()) {
        const row = ({ data }: Tensor) => (data as Float32Array).subarray(b * time, (b + 1) * time);
        const passage = passageOf(n);
        const { first, last } = bestSpan(row(start), row(end), passage.words.length);
        const text = passage.text.slice(passage.starts[first], passage.ends[last]);
        const { exact, f1 } = scoreAnswer(text, questions[n]!.answers);
        sums[EXACT]! += exact;
        sums[OVERLAP]! += f1;
      }
      return sums;
    },
  };
}

/** Sizes of a batch. */
interface Sizes {
  readonly passage: number;
  readonly question: number;
  readonly batch: number;
}

/** Tensors for the inputs of a model, and for the vectors that its loss graph is fed. */
export function inputFeeds(
  { passage, question, batch }: Sizes,
  { wordLength, vectors }: Pick<Spelled, 'wordLength' | 'vectors'>,
): Record<string, Tensor> {
  const ints = (...dims: number[]): Tensor => ({
    elementType: 'int32',
    dims,
    data: new Int32Array(dims.reduce((a, b) => a * b)),
  });
  const size = vectors?.table.dims[1];
  const rows = (time: number): Tensor => ({
    elementType: 'float32',
    dims: [time, batch, size!],
    data: new Float32Array(time * batch * size!),
  });
  return {
    [INPUTS.passage]: ints(passage, batch),
    [INPUTS.passageCharacters]: ints(passage, batch, wordLength),
    [INPUTS.passageLength]: ints(batch),
    [INPUTS.question]: ints(question, batch),
    [INPUTS.questionCharacters]: ints(question, batch, wordLength),
    [INPUTS.questionLength]: ints(batch),
    ...(size !== undefined && {
      [fedVectors(INPUTS.passage)]: rows(passage),
      [fedVectors(INPUTS.question)]: rows(question),
    }),
  };
}

/** Passage and question by the numbers of their spellings. */
export interface Asked {
  readonly passage: Int32Array;
  readonly question: Int32Array;
}

/** Lays questions and passages side by side, time first. What is left of the batch is one word of padding each. */
export function fillFeeds(asked: readonly Asked[], feeds: Readonly<Record<string, Tensor>>, spelled: Spelled): void {
  const parts = [
    [asked.map((a) => a.passage), INPUTS.passage, INPUTS.passageCharacters, INPUTS.passageLength],
    [asked.map((a) => a.question), INPUTS.question, INPUTS.questionCharacters, INPUTS.questionLength],
  ] as const;
  for (const [texts, words, characters, lengths] of parts) {
    fillPart(texts, feeds, { words, characters, lengths }, spelled);
  }
}

function fillPart(
  texts: readonly Int32Array[],
  feeds: Readonly<Record<string, Tensor>>,
  names: { readonly words: string; readonly characters: string; readonly lengths: string },
  { words, characters, wordLength, vectors }: Spelled,
): void {
  const ints = (name: string) => feeds[name]!.data as Int32Array;
  const [numbers, letters, lengths] = [ints(names.words), ints(names.characters), ints(names.lengths)];
  const batch = lengths.length;
  numbers.fill(0);
  letters.fill(0);
  const rows = feeds[fedVectors(names.words)]?.data as Float32Array | undefined;
  rows?.fill(0);
  const table = vectors?.table.data as Float32Array;
  const size = vectors?.table.dims[1] ?? 0;
  for (let b = 0; b < batch; b++) {
    const text = texts[b];
    lengths[b] = text?.length ?? 1;
    for (let t = 0; t < (text?.length ?? 0); t++) {
      const spelling = text![t]!;
      const [at, word] = [t * batch + b, words[spelling]!];
      numbers[at] = word;
      letters.set(characters.subarray(spelling * wordLength, (spelling + 1) * wordLength), at * wordLength);
      const row = vectors ? word - vectors.trainedWords : -1;
      if (rows && row >= 0) rows.set(table.subarray(row * size, (row + 1) * size), at * size);
    }
  }
}
