/**
 * Makes a tagger and sentences for it: node make.mjs [sentences] [epochs]
 *
 * Sentences come from a small grammar: the tag of a word depends on the words on both sides of it, since half of the words
 * can be nouns as well as verbs. The tagger is an embedding and a bidirectional LSTM. It is trained on tags here (model.onnx),
 * so that there is one; sentences.jsonl has words alone, held-out.jsonl has tags, too.
 */
import { writeFileSync } from 'node:fs';
import { finetune, GraphBuilder, modelOf, nn, nodeRuntime, ops, saveModel } from 'slimrnn';

const [sentences = 600, epochs = 12] = process.argv.slice(2).map(Number);
const [WORDS, EMBEDDING, UNITS] = [60, 24, 40];
/** Tags: determiner, adjective, noun, verb, adverb, padding. */
const TAGS = 6;
const LONGEST = 12;

/** Uniform numbers in [0, 1) from a seed (mulberry32), so that everybody has the same data. */
function randomNumbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A phrase with its tags: words 1–9 are determiners, 10–24 adjectives or adverbs, 25–59 nouns or verbs. */
function sentence(random) {
  const below = (n) => Math.floor(random() * n);
  const [words, tags] = [[], []];
  const say = (word, tag) => {
    words.push(word);
    tags.push(tag);
  };
  const phrase = () => {
    say(1 + below(9), 0);
    while (random() < 0.4 && words.length < LONGEST - 3) say(10 + below(15), 1);
    say(25 + below(35), 2);
  };
  phrase();
  say(25 + below(35), 3);
  if (random() < 0.5) say(10 + below(15), 4);
  if (words.length <= LONGEST - 5 && random() < 0.7) phrase();
  while (words.length < LONGEST) say(0, TAGS - 1);
  return { words, tags };
}

/** words int32 [batch, time] → tags [batch, time, 6], probabilities */
function tagger() {
  const b = new GraphBuilder('tagger');
  const init = nn.uniformInitializer(0.15, 1);
  const words = b.input('words', 'int32', ['batch', 'time']);
  const x = nn.embedding(b, 'embedding', ops.transpose(words, [1, 0]), WORDS, EMBEDDING, init);
  const sizes = { inputs: EMBEDDING, hidden: UNITS, forgetBias: 1 };
  const directions = ['forward', 'reverse'].map((direction) => {
    const weights = nn.layerWeights(b, 'lstm', { name: direction, ...sizes }, init);
    const [outputs] = b.node('LSTM', [x, ...weights], { hidden_size: UNITS, direction }, 1, '', direction);
    return ops.squeeze(outputs, [1]);
  });
  const scores = nn.linear(b, 'head', ops.concat(directions, 2), 2 * UNITS, TAGS, init);
  b.output(ops.softmax(ops.transpose(scores, [1, 0, 2])), 'tags');
  return modelOf(b.build());
}

const random = randomNumbers(3);
const draw = (count) => Array.from({ length: count }, () => sentence(random));
const whole = (rows, key, elementType, Type, toValue) => ({
  elementType,
  dims: [rows.length, LONGEST],
  data: Type.from(
    rows.flatMap((row) => row[key]),
    toValue,
  ),
});
const known = draw(sentences);
const train = new Map([
  ['words', whole(known, 'words', 'int32', Int32Array, Number)],
  ['tags', whole(known, 'tags', 'int64', BigInt64Array, BigInt)],
]);
const settings = {
  loss: 'cross-entropy',
  targetArray: 'tags',
  ignore: TAGS - 1,
  epochs,
  batch: 20,
  learningRate: 0.005,
};
const { model, history } = await finetune(tagger(), { train }, settings, { runtime: nodeRuntime });
await saveModel('model.onnx', model);
const lines = (rows) => `${rows.map((row) => JSON.stringify(row)).join('\n')}\n`;
writeFileSync('sentences.jsonl', lines(draw(2 * sentences).map(({ words }) => ({ words }))));
writeFileSync('held-out.jsonl', lines(draw(sentences)));
const { accuracy } = history.at(-1).train;
console.log(
  `model.onnx is right in ${(100 * accuracy).toFixed(1)} % of its words; sentences.jsonl has ${2 * sentences} sentences`,
);
