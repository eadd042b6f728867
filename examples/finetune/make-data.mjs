/**
 * Makes a small task with something to remember: node make-data.mjs [examples] [folder]
 *
 * A sequence is 24 tokens of noise (8 to 19) with three markers (1 to 4) in it; its class (0 to 3) is the first marker,
 * the others are there to mislead. Sequences end anywhere from step 14 on, the rest is padding (0). Writes train.jsonl
 * and valid.jsonl: {"tokens": [24 numbers], "length": 19, "class": 2}.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [count = '4000', folder = 'data'] = process.argv.slice(2);
const STEPS = 24;

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

function example(random) {
  const below = (n) => Math.floor(random() * n);
  const length = 14 + below(STEPS - 13);
  const tokens = Array.from({ length: STEPS }, (_, t) => (t < length ? 8 + below(12) : 0));
  const places = new Set();
  while (places.size < 3) places.add(below(length));
  for (const t of places) tokens[t] = 1 + below(4);
  const first = tokens[Math.min(...places)];
  return { tokens, length, class: first - 1 };
}

mkdirSync(folder, { recursive: true });
const parts = { train: Number(count), valid: 1000 };
for (const [index, [part, examples]] of Object.entries(parts).entries()) {
  const random = randomNumbers(index + 1);
  const lines = Array.from({ length: examples }, () => JSON.stringify(example(random)));
  writeFileSync(join(folder, `${part}.jsonl`), `${lines.join('\n')}\n`);
}
