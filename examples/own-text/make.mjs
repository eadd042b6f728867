/**
 * Makes a text: node make.mjs [sentences]
 *
 * Sentences of a small grammar, one a line, in book.txt: a language that a small network can learn. Any other text will do.
 */
import { writeFileSync } from 'node:fs';

const [sentences = 8000] = process.argv.slice(2).map(Number);

const grammar = {
  nouns: ['river', 'miller', 'fox', 'lantern', 'captain', 'garden', 'letter', 'winter', 'bridge', 'sister'],
  adjectives: ['old', 'quiet', 'small', 'bright', 'distant', 'broken'],
  verbs: ['follows', 'remembers', 'carries', 'loses', 'finds', 'paints'],
  ends: ['before dawn', 'without a word', 'in the rain', 'every autumn', 'by the road'],
};

/** A number below `count`, from a linear congruential generator, so that everybody has the same text. */
let state = 1;
function draw(count) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * count);
}

const pick = (words) => words[draw(words.length)];
const noun = () => `the ${draw(2) === 0 ? `${pick(grammar.adjectives)} ` : ''}${pick(grammar.nouns)}`;
const sentence = () => `${noun()} ${pick(grammar.verbs)} ${noun()} ${draw(3) === 0 ? `${pick(grammar.ends)} ` : ''}.`;

writeFileSync('book.txt', `${Array.from({ length: sentences }, sentence).join('\n')}\n`);
console.log(`book.txt has ${sentences} sentences`);
