import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import { writeAtomically } from '../base/files.ts';
import { readQuestionFile } from '../data/questions/questionFiles.ts';
import { type SpanTokens, spanTokens } from '../data/questions/spanTokens.ts';
import { readTextFile } from '../data/textFiles.ts';
import { wordsOfFile } from '../data/vocabulary.ts';
import { readWordVectors } from '../data/wordVectors.ts';
import { loadModel } from '../onnx/file.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { modelPath } from '../tasks/modelPath.ts';
import {
  type AnswerSession,
  answerSession,
  type FoundAnswer,
  requirePassage,
  requireQuestionModel,
  requireWords,
} from '../tasks/question-answering/answer.ts';
import { wordOf } from '../tasks/question-answering/lexicon.ts';
import { scoreAnswer } from '../tasks/question-answering/officialScore.ts';
import { checkNewFile, refuseReplaced, whole } from './flags.ts';
import { addExamples } from './helpTexts.ts';
import { isPrintedAsJson, note, print } from './output.ts';

interface AnswerFlags {
  readonly passage?: string;
  readonly question?: string;
  readonly data?: string;
  readonly out?: string;
  readonly force?: boolean;
  readonly vocabulary?: string;
  readonly vectors?: string;
  readonly maxAnswer?: number;
  readonly threads?: number;
}

/** `slimrnn answer model.onnx --passage FILE` */
export const command = new Command('answer')
  .description(
    'Finds the answer to a question in a passage, by a model that `train bidaf` made. Without --question it asks for ' +
      'questions, a line each. With --data it answers all questions of a file and scores them as SQuAD does.',
  )
  .argument('<model>', 'an ONNX file or a run directory')
  .option('--passage <file>', 'text file with the passage')
  .option('--question <text>', 'the question')
  .option('--data <file>', 'questions in the form of SQuAD 1.1')
  .option('--out <file>', "write the answers to --data there, as SQuAD's script takes them")
  .option('--force', 'replace --out if it exists')
  .option('--vocabulary <file>', "the model's words (default: vocabulary.txt beside it)")
  .option(
    '--vectors <file>',
    'word vectors that it was trained with: words that its training data lacked are known, too (default: those in the model)',
  )
  .option('--max-answer <n>', 'words of an answer, at most (default: any number)', whole('--max-answer'))
  .option('--threads <n>', 'threads of the engine (default: one per core)', whole('--threads'))
  .action(answerCommand);
addExamples(command, [
  'answer runs/bidaf-tiny --passage story.txt --question "Where was she born?"',
  'answer runs/bidaf/slim.onnx --data dev-v1.1.json --out answers.json',
]);

async function answerCommand(path: string, flags: AnswerFlags): Promise<void> {
  if ((flags.passage === undefined) === (flags.data === undefined)) {
    throw new UsageError('give --passage FILE with a text to ask about, or --data FILE with passages and questions');
  }
  if (flags.data !== undefined && flags.question !== undefined) {
    throw new UsageError('--data brings its own questions: leave out --question');
  }
  if (flags.data === undefined && flags.out !== undefined) throw new UsageError('--out needs --data');
  const file = modelPath(path, path);
  const vocabulary = flags.vocabulary ?? join(dirname(file), 'vocabulary.txt');
  if (flags.out !== undefined) {
    checkNewFile(file, flags.out, flags.force);
    for (const read of [flags.data, vocabulary, flags.vectors]) refuseReplaced(read, flags.out);
  }
  const model = await loadModel(file);
  const about = saying(file, () => requireQuestionModel(model));
  const words = wordsOfFile(await readTextFile(vocabulary));
  saying(vocabulary, () => requireWords(about, words));
  const passages = flags.data === undefined ? undefined : await readQuestionFile(flags.data);
  const passage = flags.passage === undefined ? undefined : await readTextFile(flags.passage);
  if (passage !== undefined) saying(flags.passage!, () => requirePassage(passage));
  const texts = passages?.flatMap(({ text, questions }) => [text, ...questions.map(({ question }) => question)]);
  const asked = texts ?? (flags.question === undefined ? undefined : [passage!, flags.question]);
  const vectors = flags.vectors === undefined ? undefined : await readWordVectors(flags.vectors, wordsIn(asked));
  // A file of questions is scored as a training scores it, which leaves out none.
  const any = Number.POSITIVE_INFINITY;
  const limits = passages === undefined ? {} : { maxQuestion: any, maxPassage: any };
  const { threads, maxAnswer } = flags;
  const session = await answerSession(model, words, nodeRuntime, { threads, vectors, maxAnswer, ...limits });
  try {
    if (passages !== undefined) await answerAll(session, passages, flags.out);
    else if (flags.question !== undefined) await answerOne(session, passage!, flags.question);
    else await converse(session, passage!);
  } finally {
    await session.release();
  }
}

/** Says in a refusal which file it is about. */
function saying<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`${file}: ${error.message}`, { cause: error });
  }
}

/** Whether a word stands in one of the texts; all words do where the texts are not known yet. */
function wordsIn(texts: readonly string[] | undefined): (word: string) => boolean {
  if (texts === undefined) return () => true;
  const words = new Set(texts.flatMap((text) => spanTokens(text).words.map(wordOf)));
  return (word) => words.has(word);
}

async function answerOne(session: AnswerSession, passage: string, question: string): Promise<void> {
  const found = await session.answer(passage, question);
  print(answerDocument(found), () => answerText(found));
}

/** An answer whose places are lists, as JSON has them. */
function answerDocument({ question, passage, ...found }: FoundAnswer) {
  const listed = ({ words, starts, ends }: SpanTokens) => ({ words, starts: [...starts], ends: [...ends] });
  return { ...found, question: listed(question), passage: listed(passage) };
}

function answerText({ text, probability, unknown }: FoundAnswer): string {
  const words = unknown === 0 ? '' : `, ${unknown} word${unknown === 1 ? '' : 's'} not known`;
  return `${text}\n(probability ${(100 * probability).toFixed(1)} %${words})`;
}

/**
 * Asks for questions until the input ends; one that cannot be answered is said and the next one asked for. As JSON the
 * answers are one list.
 */
async function converse(session: AnswerSession, passage: string): Promise<void> {
  const documents: ReturnType<typeof answerDocument>[] = [];
  const lines = createInterface({ input: process.stdin, output: process.stderr, prompt: 'question: ' });
  note('ask about the passage, a question a line; an empty line ends');
  // Lines of a pipe that has ended are still to come: newer versions of Node refuse to ask for more then.
  let isOpen = true;
  lines.once('close', () => {
    isOpen = false;
  });
  const prompt = () => {
    if (isOpen) lines.prompt();
  };
  prompt();
  for await (const line of lines) {
    if (line.trim() === '') break;
    try {
      const found = await session.answer(passage, line);
      if (isPrintedAsJson()) documents.push(answerDocument(found));
      else print(found, () => answerText(found));
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      note(error.message);
    }
    prompt();
  }
  lines.close();
  if (isPrintedAsJson()) print(documents, () => '');
}

type Passages = Awaited<ReturnType<typeof readQuestionFile>>;

async function answerAll(session: AnswerSession, passages: Passages, out: string | undefined): Promise<void> {
  const found = new Map<string, string>();
  let [exact, f1, count] = [0, 0, 0];
  const unanswered: string[] = [];
  for (const { text, questions } of passages) {
    for (const { id, question, answers: right, place } of questions) {
      count++;
      let answer = '';
      try {
        answer = (await session.answer(text, question)).text;
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        // Without an answer it counts as wrong, as in SQuAD's script.
        unanswered.push(`${place}: ${error.message}`);
      }
      found.set(id, answer);
      const score = scoreAnswer(
        answer,
        right.map((each) => each.text),
      );
      exact += score.exact;
      f1 += score.f1;
      if (count % 1000 === 0) note(`${count} questions answered`);
    }
  }
  if (unanswered.length > 0) note(`${unanswered.length} questions have no answer, the first: ${unanswered[0]}`);
  // Any name may be an id, also one that objects have by themselves.
  const answers = Object.fromEntries(found);
  if (out !== undefined) await writeAtomically(out, JSON.stringify(answers));
  const result = { questions: count, exactMatch: (100 * exact) / count, f1: (100 * f1) / count };
  print({ ...result, ...(out === undefined && { answers }) }, () => {
    const written = out === undefined ? '' : `; answers in ${out}`;
    return `${count} questions: EM ${result.exactMatch.toFixed(2)}, F1 ${result.f1.toFixed(2)}${written}`;
  });
}
