import type { Settings } from '../../src/base/fields.ts';
import { randomStream } from '../../src/base/random.ts';
import type { LabelledText } from '../../src/data/labelled/labelledText.ts';
import { type Corpus, makeCorpus } from '../../src/data/makeCorpus.ts';
import type { Passage } from '../../src/data/questions/squad.ts';
import { WordTable } from '../../src/data/wordTable.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { softmax } from '../../src/graph/ops.ts';
import type { Model, Tensor } from '../../src/graph/types.ts';
import { QUESTION_INPUTS } from '../../src/models/bidaf.ts';
import { TOKENS } from '../../src/models/languageModel.ts';
import { LENGTHS } from '../../src/models/textClassifier.ts';
import { nodeRuntime } from '../../src/runtime/node.ts';
import type { NamedArrays } from '../../src/tasks/arrays/examples.ts';
import { loadedArrays } from '../../src/tasks/arrays/loadedArrays.ts';
import { PLACE_WEIGHTS } from '../../src/tasks/arrays/scoring.ts';
import { type Lessons, prepareLessons } from '../../src/tasks/distillation/lessons.ts';
import { loadedLessons } from '../../src/tasks/distillation/loadedDistillation.ts';
import { answersName, weightsName } from '../../src/tasks/distillation/lossGraph.ts';
import { freshModel } from '../../src/tasks/language-model/model.ts';
import { loadedText } from '../../src/tasks/language-model/problem.ts';
import { questionConfigOf } from '../../src/tasks/question-answering/definition.ts';
import { encoderOf, makeLexicon } from '../../src/tasks/question-answering/lexicon.ts';
import { loadedQuestions, readSets } from '../../src/tasks/question-answering/loadedQuestions.ts';
import { COUNTS as QUESTION_COUNTS } from '../../src/tasks/question-answering/lossGraph.ts';
import { countWords } from '../../src/tasks/question-answering/questionData.ts';
import { type Split, TARGETS } from '../../src/tasks/task.ts';
import { collectTexts } from '../../src/tasks/text-classification/collectTexts.ts';
import { textConfigOf } from '../../src/tasks/text-classification/definition.ts';
import { loadedTexts } from '../../src/tasks/text-classification/loadedTexts.ts';
import { COUNTS } from '../../src/tasks/text-classification/lossGraph.ts';
import { makeTextData, type TextData } from '../../src/tasks/text-classification/textData.ts';
import { type RecurrentModel, recurrentModel, sumTask } from '../fixtures/finetune/task.ts';
import { numbersOf } from './graphs.ts';
import { type Case, configOf } from './training.ts';

/*
 * For tests: every task with data that are learned in seconds and a tiny model, for contracts that all of them pass.
 */

/** A task, made with some fields of its configuration; another seed gives other data of the same kind. */
export interface TaskCase {
  readonly name: string;
  make(fields?: Settings, seed?: number): Case;
  /** Items of a split, as text that tells what goes in and what should come out. */
  items(split: Split): string[];
  /** The same of those that count in a filled batch. */
  itemsIn(feeds: Readonly<Record<string, Tensor>>): string[];
  /** Set where maxima give the loss kinks that finite differences meet: its gradients are compared with PyTorch's elsewhere. */
  readonly hasKinks?: boolean;
  /** How many items the batches of so many ranks may leave out: what does not fill a window. */
  leftOut(ranks: number): number;
  /** Settings that cut the same data into other batches, without changing what a model is asked. */
  readonly recut: readonly Settings[];
  /** Settings with which the training data are learned almost by heart. */
  readonly learning: Settings;
  /** Bounds of the deciding score: better than `learned` after such a training, worse than `absurd` with wild weights. */
  readonly learned: number;
  readonly absurd: number;
}

const WORDS = 9;
/** Steps of a window and rows of a batch; the training text is 2 · 3 · (2 · 12 · 5 + 1) words, so two ranks fill windows too. */
const [STEPS, ROWS] = [5, 3];
const LENGTH = 2 * ROWS * (12 * STEPS + 1);

/** A text in which every third word is drawn by lot and the next two follow from it. */
function words(count: number, seed: number): string[] {
  const random = randomStream(seed);
  let last = 0;
  return Array.from({ length: count }, (_, i) => {
    last = i % 3 === 0 ? 3 * Math.floor((random() * WORDS) / 3) : last + 1;
    return `w${last}`;
  });
}

/** A small corpus of nine words; half of what comes next can be known. */
export function tinyCorpus(seed = 1): Corpus {
  const part = (length: number, own: number) => words(length, 10 * seed + own);
  // All words, whatever was drawn.
  const all = Array.from({ length: WORDS }, (_, i) => `w${i}`);
  const train = [...all, ...part(LENGTH - WORDS, 0)];
  return makeCorpus('made up', 'made up', { train, valid: part(97, 1), test: part(61, 2) });
}

const textItems = (tokens: ArrayLike<number>, next: ArrayLike<number>) =>
  Array.from(tokens, (token, i) => `${token} ${next[i]}`);

const languageModelCase: TaskCase = {
  name: 'language-model',
  make(fields = {}, seed = 1) {
    const sizes = { hidden: [4, 3], embedding: 3, steps: STEPS, batch: ROWS, initScale: 1.2, epochs: 2, threads: 1 };
    const config = configOf({ ...sizes, ...fields }, 'zaremba-small');
    const corpus = tinyCorpus(seed);
    return { config, task: loadedText(config, corpus, freshModel(config, corpus.vocabulary)) };
  },
  items(split) {
    const ids = tinyCorpus()[split];
    return textItems(ids.subarray(0, -1), ids.subarray(1));
  },
  itemsIn: (feeds) => textItems(numbersOf(feeds[TOKENS]!), numbersOf(feeds[TARGETS]!)),
  leftOut: (ranks) => ranks * ROWS * (STEPS + 1),
  // Sequences side by side are rows of the text, each from a state of zeros: their number matters, their windows do not.
  recut: [{ steps: 1 }, { steps: 7 }, { steps: 31 }],
  learning: { epochs: 12, optimizer: 'adam', learningRate: 0.02, hidden: [12], embedding: 6 },
  learned: 2.6,
  absurd: 40,
};

const EXAMPLES = 70;

/** Arrays of the same examples whatever the split, under the names of a split. */
function named(split: Split, count: number, seed: number): NamedArrays {
  return { source: `the ${split} arrays`, arrays: sumTask(count, 4, seed) };
}

const arraysCase: TaskCase = {
  name: 'arrays',
  make(fields = {}, seed = 1) {
    const own = { task: 'arrays', loss: 'cross-entropy', targetArray: 'y', batch: 8, epochs: 2, threads: 1 };
    const config = configOf({ ...own, ...fields });
    const data = { train: named('train', EXAMPLES, seed), valid: named('valid', 30, seed + 50) };
    return { config, task: loadedArrays(config, recurrentModel({ op: 'GRU', hidden: 4 }), data) };
  },
  items(split) {
    const { arrays } = split === 'train' ? named(split, EXAMPLES, 1) : named(split, 30, 51);
    return arrayItems(arrays.get('x')!, arrays.get('y')!, () => true);
  },
  itemsIn(feeds) {
    const weights = numbersOf(feeds[PLACE_WEIGHTS]!);
    return arrayItems(feeds.x!, feeds[TARGETS]!, (n) => weights[n]! > 0);
  },
  leftOut: () => 0,
  recut: [{ batch: 1 }, { batch: 7 }, { batch: 64 }],
  learning: { epochs: 20, learningRate: 0.03 },
  learned: 0.95,
  absurd: 0.8,
};

/** A recurrent layer with two outputs that differ in kind and places: scores [B, 2], and their softmax. */
function chooser(form: RecurrentModel): Model {
  const { graph, ...model } = recurrentModel(form);
  const b = GraphBuilder.from(graph);
  b.output(softmax(b.value('scores')), 'classes');
  return { ...model, graph: b.build() };
}

/** Inputs without labels, and what a larger model of another kind says to them. */
function lessons(seed: number): Promise<Lessons> {
  const inputs = (split: Split, count: number, own: number): NamedArrays => {
    const { source, arrays } = named(split, count, own);
    return { source, arrays: new Map([['x', arrays.get('x')!]]) };
  };
  const given = {
    ...{ student: chooser({ op: 'GRU', hidden: 4 }), teacher: chooser({ op: 'LSTM', hidden: 8 }) },
    data: { train: inputs('train', EXAMPLES, seed), valid: inputs('valid', 30, seed + 50) },
  };
  return prepareLessons(given, {}, { runtime: nodeRuntime, batch: 64, threads: 1 });
}

const taught = new Map([
  [1, await lessons(1)],
  [2, await lessons(2)],
]);

const distillationCase: TaskCase = {
  name: 'distillation',
  make(fields = {}, seed = 1) {
    const own = { task: 'distillation', batch: 8, epochs: 2, threads: 1, learningRate: 0.02 };
    const config = configOf({ ...own, ...fields });
    return { config, task: loadedLessons(config, taught.get(seed)!) };
  },
  items(split) {
    const { examples, answers } = taught.get(1)![split === 'train' ? 'train' : 'valid']!;
    return lessonItems(examples.inputs[0]!.array, [...answers[0]!], () => true);
  },
  itemsIn(feeds) {
    const weights = numbersOf(feeds[weightsName(0)]!);
    return lessonItems(feeds.x!, numbersOf(feeds[answersName(0)]!), (n) => weights[2 * n]! > 0);
  },
  leftOut: () => 0,
  recut: [{ batch: 1 }, { batch: 7 }, { batch: 64 }],
  learning: { epochs: 20, learningRate: 0.03 },
  learned: 0.05,
  absurd: 0.5,
};

/** Inputs x [N, …] with the teacher's scores [N, 2] of those that count. */
function lessonItems(x: Tensor, scores: readonly number[], counts: (n: number) => boolean): string[] {
  const inputs = numbersOf(x);
  const count = scores.length / 2;
  const size = inputs.length / count;
  return Array.from({ length: count }, (_, n) => n).flatMap((n) =>
    counts(n) ? [`${inputs.slice(n * size, (n + 1) * size)} ${scores.slice(2 * n, 2 * n + 2)}`] : [],
  );
}

function arrayItems(x: Tensor, y: Tensor, counts: (n: number) => boolean): string[] {
  const [inputs, targets] = [numbersOf(x), numbersOf(y)];
  const size = inputs.length / targets.length;
  return targets.flatMap((target, n) => (counts(n) ? [`${inputs.slice(n * size, (n + 1) * size)} ${target}`] : []));
}

const MOODS = { bad: 'awful', good: 'lovely', odd: 'strange' };

/** Texts of other words with one, anywhere, that tells the class; some are cut. */
function* moodTexts(count: number, seed: number): Generator<LabelledText> {
  const random = randomStream(seed);
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)]!;
  for (let i = 0; i < count; i++) {
    const [label, word] = pick(Object.entries(MOODS));
    const words = Array.from({ length: 1 + Math.floor(random() * 5) }, () => pick(['a', 'film', 'so', 'very', 'the']));
    words.splice(Math.floor(random() * Math.min(words.length, 5)), 0, word);
    yield { text: words.join(' '), label, place: `text ${i}` };
  }
}

const TEXT_FIELDS = { task: 'text-classification', minCount: 1, maxLength: 5, cut: 'head', hidden: [5], embedding: 4 };

/** Small labelled texts, the same for the same seed. */
async function moods(seed: number): Promise<TextData> {
  const { task } = textConfigOf(configOf(TEXT_FIELDS));
  const table = new WordTable();
  const part = (count: number, own: number) =>
    collectTexts(moodTexts(count, 10 * seed + own), table, { ...task, seed });
  return makeTextData(
    'made up',
    { train: await part(70, 0), valid: await part(30, 1), test: await part(21, 2) },
    table,
    task,
  );
}

const moodData = new Map([
  [1, await moods(1)],
  [2, await moods(2)],
]);

const textClassificationCase: TaskCase = {
  name: 'text-classification',
  make(fields = {}, seed = 1) {
    const own = {
      ...TEXT_FIELDS,
      bidirectional: true,
      classWeights: 'balanced',
      keep: 1,
      learningRate: 0.02,
      batch: 8,
      epochs: 2,
      threads: 1,
    };
    const config = configOf({ ...own, ...fields });
    const texts = { ...moodData.get(seed)!, name: 'made up', source: 'made up' };
    return { config, task: loadedTexts(textConfigOf(config), texts) };
  },
  items(split) {
    const { texts, classes } = moodData.get(1)!.sets[split]!;
    return texts.map((text, i) => `${text} ${classes[i]}`);
  },
  itemsIn(feeds) {
    const [tokens, lengths, targets, counts] = [TOKENS, LENGTHS, TARGETS, COUNTS].map((name) =>
      numbersOf(feeds[name]!),
    );
    const batch = lengths!.length;
    const text = (b: number) => tokens!.filter((_, i) => i % batch === b).slice(0, lengths![b]);
    return targets!.flatMap((target, b) => (counts![b]! > 0 ? [`${text(b)} ${target}`] : []));
  },
  leftOut: () => 0,
  recut: [{ batch: 1 }, { batch: 7 }, { batch: 64 }],
  learning: { epochs: 15 },
  learned: 0.95,
  absurd: 0.8,
};

const QUESTION_FIELDS = {
  ...{ task: 'question-answering', minCount: 1, minCharacterCount: 1, wordSize: 3, wordLength: 3, characterSize: 2 },
  ...{ filters: 2, filterWidth: 2, hidden: [2, 3, 2, 2], keep: 1 },
};

/** Passages of one sentence, two questions about each; another order of words tells nothing. */
function passagesOf(count: number, seed: number): Passage[] {
  const random = randomStream(seed);
  const pick = (list: readonly string[]) => list[Math.floor(random() * list.length)]!;
  return Array.from({ length: count }, (_, i) => {
    const [thing, town] = [pick(['maps', 'tea', 'kites']), pick(['Lund', 'Brae', 'Varn'])];
    const text = random() < 0.5 ? `Ida sells ${thing} in ${town}` : `in ${town} Ida sells ${thing}`;
    const ask = (question: string, answer: string) => ({
      ...{ id: `${i} ${question}`, question, place: `passage ${i}` },
      answers: [{ text: answer, start: text.indexOf(answer) }],
    });
    return { title: '', text, questions: [ask('sells what', thing), ask('where', town)] };
  });
}

function passages(seed: number) {
  const sets = { train: passagesOf(20, 10 * seed), valid: passagesOf(9, 10 * seed + 1) };
  return { name: 'made up', source: 'made up', ...sets };
}

/** What the questions of a split become: numbers of words, first and last word of the answer. */
function questionItems(split: Split): string[] {
  const config = questionConfigOf(configOf(QUESTION_FIELDS));
  const { sets, table } = readSets(passages(1), config);
  const lexicon = makeLexicon(table.words, countWords(sets.train, table.words.length), undefined, config.task);
  const encoder = encoderOf(lexicon);
  const numbers = (words: Int32Array) => [...words].map((i) => encoder.word(table.words[i]!));
  const set = sets[split]!;
  return set.questions.map(
    (q) => `${numbers(set.passages[q.passage]!.words)} ${numbers(q.words)} ${q.first} ${q.last}`,
  );
}

const questionAnsweringCase: TaskCase = {
  name: 'question-answering',
  make(fields = {}, seed = 1) {
    const own = { ...QUESTION_FIELDS, learningRate: 0.02, batch: 8, epochs: 2, threads: 1 };
    const config = configOf({ ...own, ...fields });
    const read = questionConfigOf(config);
    const given = passages(seed);
    return { config, task: loadedQuestions(read, given, readSets(given, read)) };
  },
  items: questionItems,
  itemsIn(feeds) {
    const { passage, passageLength, question, questionLength } = QUESTION_INPUTS;
    const batch = feeds[passageLength]!.dims[0]!;
    const words = (name: string, length: string, b: number) =>
      numbersOf(feeds[name]!)
        .filter((_, i) => i % batch === b)
        .slice(0, numbersOf(feeds[length]!)[b]);
    const [targets, counts] = [numbersOf(feeds[TARGETS]!), numbersOf(feeds[QUESTION_COUNTS]!)];
    return counts.flatMap((counted, b) => {
      const texts = [words(passage, passageLength, b), words(question, questionLength, b)];
      return counted > 0 ? [`${texts.join(' ')} ${targets[b]} ${targets[batch + b]}`] : [];
    });
  },
  hasKinks: true,
  leftOut: () => 0,
  recut: [{ batch: 1 }, { batch: 7 }, { batch: 64 }],
  learning: { epochs: 25 },
  learned: 0.9,
  absurd: 0.8,
};

/** One case for each task. */
export const taskCases: readonly TaskCase[] = [
  languageModelCase,
  textClassificationCase,
  questionAnsweringCase,
  arraysCase,
  distillationCase,
];
