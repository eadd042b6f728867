import { z } from 'zod';
import { UsageError } from '../../base/errors.ts';

/** An answer as people gave it: its words, and where they begin in the passage, in code units of UTF-16. */
export interface Answer {
  readonly text: string;
  readonly start: number;
}

/** A question about a passage. */
export interface Question {
  readonly id: string;
  readonly question: string;
  /** Several people's answers; the first one is learned. */
  readonly answers: readonly Answer[];
  /** Where it stands, for messages: `dev-v1.1.json: article 3, paragraph 5, question 56be…`. */
  readonly place: string;
}

/** A passage with its questions. */
export interface Passage {
  readonly title: string;
  readonly text: string;
  readonly questions: readonly Question[];
}

const schema = z.object({
  data: z.array(
    z.object({
      title: z.string().default(''),
      paragraphs: z.array(
        z.object({
          context: z.string(),
          qas: z.array(
            z.object({
              id: z.union([z.string(), z.int()]).transform(String),
              question: z.string(),
              answers: z.array(z.object({ text: z.string(), answer_start: z.int().nonnegative() })),
              is_impossible: z.boolean().optional(),
            }),
          ),
        }),
      ),
    }),
  ),
});

type Row = z.infer<typeof schema>['data'][number]['paragraphs'][number]['qas'][number];

/**
 * Passages and questions of a file in the form of SQuAD 1.1 (Rajpurkar et al. 2016). Offsets count characters as Python
 * does; they are turned into code units. Throws a UsageError that says where: for JSON of another form, an empty passage
 * or question, a question without answers, and an answer that does not stand at its offset.
 */
export function readSquad(json: string, source: string): Passage[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json.replace(/^\uFEFF/, ''));
  } catch (cause) {
    throw new UsageError(`${source} is not JSON: ${(cause as Error).message}`, { cause });
  }
  const read = schema.safeParse(parsed);
  if (!read.success) {
    const { path, message } = read.error.issues[0]!;
    const at = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
    throw new UsageError(`${source} is not in the form of SQuAD 1.1: ${at || 'the whole'}: ${message}`);
  }
  const passages = read.data.data.flatMap(({ title, paragraphs }, a) =>
    paragraphs.map(({ context, qas }, p): Passage => {
      const place = `${source}: article ${a + 1}${title && ` (${inOneLine(title)})`}, paragraph ${p + 1}`;
      if (context.trim() === '') throw new UsageError(`${place}: the passage is empty; leave it out`);
      return { title, text: context, questions: qas.map((row) => questionOf(row, context, place)) };
    }),
  );
  if (!passages.some(({ questions }) => questions.length > 0)) throw new UsageError(`${source} has no questions`);
  requireOwnIds(passages);
  return passages;
}

function questionOf({ id, question, answers, is_impossible }: Row, context: string, paragraph: string): Question {
  const place = `${paragraph}, question ${inOneLine(id)}`;
  if (question.trim() === '') throw new UsageError(`${place}: the question is empty; leave it out`);
  if (answers.length === 0) {
    const why = is_impossible ? 'it has no answer, as in SQuAD 2.0' : 'it has no answers';
    throw new UsageError(`${place}: ${why}; every question needs one that stands in its passage`);
  }
  return {
    id,
    question,
    place,
    answers: answers.map(({ text, answer_start: start }) => {
      const at = unitsBefore(context, start);
      if (text !== '' && context.startsWith(text, at)) return { text, start: at };
      const [answer, there] = [text, context.slice(at, at + text.length)].map(inOneLine);
      throw new UsageError(
        `${place}: the answer '${answer}' does not stand at offset ${start} of the passage, where '${there}' is`,
      );
    }),
  };
}

/** Characters of a text that a message shows. */
const SHOWN = 80;

/** The beginning of a text as a message shows it. */
function inOneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line;
}

/** Code units before the character at `offset`: characters beyond the first plane take two. */
function unitsBefore(text: string, offset: number): number {
  let at = 0;
  for (let i = 0; i < offset && at < text.length; i++) at += text.codePointAt(at)! > 0xffff ? 2 : 1;
  return at;
}

function requireOwnIds(passages: readonly Passage[]): void {
  const places = new Map<string, string>();
  for (const { id, place } of passages.flatMap((p) => p.questions)) {
    const other = places.get(id);
    if (other !== undefined) throw new UsageError(`${place}: ${other} has the same id; give each question its own`);
    places.set(id, place);
  }
}
