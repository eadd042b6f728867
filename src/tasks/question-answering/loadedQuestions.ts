import { sha256Hex } from '../../base/digest.ts';
import { grouped } from '../../base/format.ts';
import { PARTS } from '../../data/parts.ts';
import type { Passage } from '../../data/questions/squad.ts';
import { WordTable } from '../../data/wordTable.ts';
import type { WordVectors } from '../../data/wordVectors.ts';
import type { Model, Tensor } from '../../graph/types.ts';
import { bidaf } from '../../models/bidaf.ts';
import type { LoadedTask } from '../task.ts';
import { withinMemory } from '../withinMemory.ts';
import type { QuestionConfig } from './definition.ts';
import { encoderOf, type Lexicon, makeLexicon, spell, vectorTable, wordsDigest } from './lexicon.ts';
import { questionMetadata, withQuestionMetadata } from './metadata.ts';
import { type QuestionSets, questionProblem } from './problem.ts';
import { countWords, digestOf, type QuestionSet, readQuestions, withinLimits } from './questionData.ts';

/** Passages of the parts, and where they come from. */
export interface QuestionSource {
  readonly name: string;
  readonly source: string;
  readonly train: readonly Passage[];
  readonly valid?: readonly Passage[] | undefined;
  readonly test?: readonly Passage[] | undefined;
}

/** Questions as words, with all their spellings. */
export interface ReadSets {
  readonly sets: QuestionSets;
  readonly table: WordTable;
  readonly notes: readonly string[];
}

/** Cuts passages and questions into words. Throws a UsageError for what cannot be learned from. */
export function readSets(given: QuestionSource, { task }: Pick<QuestionConfig, 'task'>): ReadSets {
  const table = new WordTable();
  const { set: train, leftOut } = withinLimits(readQuestions(given.train, table), task, given.source);
  const others = PARTS.flatMap((part): [string, QuestionSet][] => {
    const passages = part === 'train' ? undefined : given[part];
    return passages ? [[part, readQuestions(passages, table)]] : [];
  });
  const note = `${grouped(leftOut)} training questions are left out: more than ${task.maxQuestion} words, or a passage of more than ${task.maxPassage}`;
  return { sets: { train, ...Object.fromEntries(others) }, table, notes: leftOut > 0 ? [note] : [] };
}

/** Questions in memory as the task. Free of Node. */
export function loadedQuestions(
  config: QuestionConfig,
  given: Pick<QuestionSource, 'name' | 'source'>,
  { sets, table, notes }: ReadSets,
  vectors?: WordVectors,
): LoadedTask {
  const lexicon = makeLexicon(table.words, countWords(sets.train, table.words.length), vectors, config.task);
  const { trainedWords } = lexicon;
  const vectorRows = vectors && vectorTable(lexicon, vectors);
  const fed = vectorRows && { trainedWords, table: vectorRows };
  const spelled = spell(table.words, encoderOf(lexicon), config.model.wordLength, fed);
  const size = vectors?.size ?? config.model.wordSize;
  const sha256 = digestOf({ ...sets });
  const counts = Object.fromEntries(
    Object.entries(sets).map(([part, set]: [string, QuestionSet]) => [part, set.questions.length]),
  );
  const facts = { vocabulary: lexicon.words.length, trainedWords, ...counts };
  const digest = sha256Hex(sha256, ...lexicon.words, ...(vectorRows ? [bytesOf(vectorRows)] : []));
  const withBatch = (batch: number) => questionProblem(sets, spelled, batch, digest);
  return {
    problem: withBatch(config.batch),
    withBatch,
    data: { name: given.name, source: given.source, sha256, facts },
    model: () => freshModel(config, lexicon, size, vectorRows),
    notes: [described(given.source, sets, lexicon), ...notes],
    files: { 'vocabulary.txt': `${lexicon.words.join('\n')}\n` },
  };
}

function bytesOf({ data }: Tensor): Uint8Array {
  const { buffer, byteOffset, byteLength } = data as Float32Array;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** The untrained model of a configuration. */
function freshModel(
  { task, model, seed }: QuestionConfig,
  lexicon: Lexicon,
  wordSize: number,
  vectors?: Tensor,
): Model {
  const { trainedWords, characters, words } = lexicon;
  const made = withinMemory(model.hidden, wordSize, () =>
    bidaf({ ...model, wordSize, trainedWords, vectors, characters: characters.length + 2, seed }),
  );
  return withQuestionMetadata(made, {
    vocabulary: wordsDigest(words),
    characters: [...characters],
    trainedWords,
    wordLength: model.wordLength,
    maxQuestion: task.maxQuestion,
  });
}

/** In what a trained model knows other words than the data of a run, in words; undefined where it knows the same. */
export function strangeness(trained: Model, fresh: Model): string | undefined {
  const [a, b] = [questionMetadata(trained), questionMetadata(fresh)!];
  const knows = (about: typeof a) => about && [about.vocabulary, about.trainedWords, ...about.characters].join(' ');
  if (knows(a) !== knows(b)) {
    return 'it was not trained with these words and characters; use the same data, word vectors and counts';
  }
  if (a!.wordLength === b.wordLength) return undefined;
  return `it looks at ${a!.wordLength} characters of a word: --word-length ${a!.wordLength}`;
}

function described(source: string, sets: QuestionSets, { words, trainedWords }: Lexicon): string {
  const parts = PARTS.flatMap((part) => {
    const set = sets[part];
    return set ? [`${grouped(set.questions.length)} ${part}`] : [];
  });
  const known = words.length - trainedWords;
  return (
    `${source}: ${parts.join(', ')} questions, ${grouped(words.length)} words` +
    (known > 0 ? `, ${grouped(known)} of them by vectors that are not trained` : '')
  );
}
