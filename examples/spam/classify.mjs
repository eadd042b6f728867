/**
 * Classifies texts with the models of a run: node classify.mjs RUN "a text" "another text" …
 *
 * Prints for each text and model the class, its probability, and how long a text took.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel, nodeRuntime, textSession, vocabularyOf } from 'slimrnn';

const [run, ...texts] = process.argv.slice(2);
if (run === undefined || texts.length === 0) {
  console.error('usage: node classify.mjs RUN "a text" "another text" …');
  process.exit(2);
}
const words = readFileSync(join(run, 'vocabulary.txt'), 'utf8').trimEnd().split('\n');
for (const file of ['model.onnx', 'slim.onnx'].map((name) => join(run, name)).filter(existsSync)) {
  const session = await textSession(await loadModel(file), vocabularyOf(words), nodeRuntime, { threads: 1 });
  await session.classify(texts);
  const start = performance.now();
  const found = await session.classify(texts);
  const each = (performance.now() - start) / texts.length;
  console.log(`${file}: ${each.toFixed(2)} ms a text`);
  for (const [i, { label, probabilities }] of found.entries()) {
    console.log(`  ${(100 * Math.max(...probabilities)).toFixed(1)} % ${label}: ${texts[i]}`);
  }
  await session.release();
}
