import { randomStream } from '../../base/random.ts';
import type { Passage, Question } from './squad.ts';

/*
 * Passages about people who never lived, with questions: small enough to learn in a minute, for tests and first steps.
 */

const FIRST = ['Mira', 'Odo', 'Tessa', 'Bruno', 'Lena', 'Anton', 'Sanna', 'Felix', 'Ida', 'Marek', 'Nora', 'Piet'];
const LAST = [
  'Tolland',
  'Aberg',
  'Quist',
  'Varga',
  'Holm',
  'Brandt',
  'Sorel',
  'Ekman',
  'Rask',
  'Dorn',
  'Weaver',
  'Lind',
];
const TOWNS = ['Esker', 'Lund', 'Port Ellis', 'Varn', 'Old Mere', 'Tarsk', 'Hollin', 'Brae', 'Kesten', 'Norhaven'];
const TRADES = ['clockmaker', 'baker', 'surveyor', 'printer', 'sailor', 'teacher', 'glazier', 'weaver'];
const THINGS = ['bridges', 'lamps', 'maps', 'bells', 'kites', 'boats', 'looms', 'clocks'];

/** A sentence about a person, and the question that it answers. */
interface Fact {
  readonly sentence: string;
  readonly questions: readonly { readonly ask: string; readonly answer: string }[];
}

/** The made-up passages of the parts, the same for the same seed; each has six questions. */
export function madeUpPassages({ train = 80, valid = 16, seed = 7 } = {}): Record<'train' | 'valid', Passage[]> {
  const random = randomStream(seed);
  const all = Array.from({ length: train + valid }, (_, i) => madeUp(random, i));
  return { train: all.slice(0, train), valid: all.slice(train) };
}

function madeUp(random: () => number, index: number): Passage {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const year = (from: number) => String(from + Math.floor(random() * 60));
  const name = `${pick(FIRST)} ${pick(LAST)}`;
  const [home, work] = [pick(TOWNS), pick(TOWNS)];
  const [trade, thing, born, moved] = [pick(TRADES), pick(THINGS), year(1780), year(1845)];
  const facts: Fact[] = [
    {
      sentence: `${name} was born in ${home} in ${born}.`,
      questions: [
        { ask: `Where was ${name} born?`, answer: home },
        { ask: `In which year was ${name} born?`, answer: born },
      ],
    },
    {
      sentence: `The family had no money, so ${name} learned to be a ${trade}.`,
      questions: [{ ask: `What did ${name} learn to be?`, answer: trade }],
    },
    {
      sentence: `In ${moved} the young ${trade} moved to ${work}, where people still talk about it.`,
      questions: [
        { ask: `Which town did ${name} move to?`, answer: work },
        { ask: `When did ${name} move to ${work}?`, answer: moved },
      ],
    },
    {
      sentence: `The workshop there sold ${thing} until it closed.`,
      questions: [{ ask: `What did the workshop of ${name} sell?`, answer: thing }],
    },
  ];
  // Facts in one of several orders, so that a place alone tells nothing.
  const ordered = [facts[0]!, ...(random() < 0.5 ? [facts[1]!, facts[2]!] : [facts[2]!, facts[1]!]), facts[3]!];
  const text = ordered.map(({ sentence }) => sentence).join(' ');
  let at = 0;
  const questions = ordered.flatMap(({ sentence, questions: own }, f) => {
    const begin = text.indexOf(sentence, at);
    at = begin + sentence.length;
    return own.map(({ ask, answer }, q): Question => {
      const start = begin + sentence.lastIndexOf(answer);
      const id = `made-up-${index + 1}-${f + 1}-${q + 1}`;
      return { id, question: ask, answers: [{ text: answer, start }], place: `the made-up question ${id}` };
    });
  });
  return { title: name, text, questions };
}
