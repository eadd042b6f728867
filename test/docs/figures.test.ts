import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

/*
 * The table of the README has the figures of the files in results/.
 */

const root = new URL('../../', import.meta.url);
const json = (path: string) => JSON.parse(readFileSync(new URL(path, root), 'utf8'));
const rows = readFileSync(new URL('README.md', root), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| '));
const row = (start: string) => rows.find((line) => line.startsWith(`| ${start}`)) ?? `no row '${start}'`;

const units = (hidden: readonly number[]) => hidden.join(' + ');
const millions = (parameters: number, digits: number) => (parameters / 1e6).toFixed(digits);
const median = (file: string, name: string): number =>
  json(file)
    .results.find(({ batch }: { batch: number }) => batch === 1)
    .models.find((model: { name: string }) => model.name === name).milliseconds.median;

it('the demo', () => {
  const [dense, , slim] = json('results/demo.json').models;
  const found = row('language model of the demo');
  expect(found).toContain(`${units(dense.hidden)} → **${units(slim.hidden)}**`);
  expect(found).toContain(`${millions(dense.parameters, 2)} → ${millions(slim.parameters, 2)} M`);
  expect(found).toContain(`${dense.testPerplexity.toFixed(1)} → ${slim.testPerplexity.toFixed(1)}`);
  expect(found).toContain(`${dense.latency.batch1.toFixed(2)} → ${slim.latency.batch1.toFixed(2)} ms`);
});

it.each([
  ['Penn Treebank', 'medium-iss'],
  ['… and 12 more', 'medium-iss-more'],
])('%s', (start, name) => {
  const last = (run: string) => json(`results/ptb-medium/${run}.json`).models.at(-1);
  const [dense, slim] = [last('medium-dense'), last(name)];
  const time = (run: string) => median('results/ptb-medium/latency.json', run).toFixed(1);
  const found = row(start);
  expect(found).toContain(`${units(dense.hidden)} → **${units(slim.hidden)}**`);
  expect(found).toContain(`${millions(dense.parameters, 1)} → ${millions(slim.parameters, 1)} M`);
  expect(found).toContain(`${dense.testPerplexity.toFixed(1)} → ${slim.testPerplexity.toFixed(1)}`);
  expect(found).toContain(`${time('medium-dense')} → ${time(name)} ms`);
});

it('film reviews', () => {
  const last = (run: string) => json(`results/imdb/${run}.json`).models.at(-1);
  const [dense, slim] = [last('imdb-dense'), last('imdb-iss')];
  const share = (model: typeof dense) => (100 * model.scores.test.accuracy).toFixed(1);
  const time = (run: string) => median('results/imdb/latency.json', run).toFixed(2);
  const found = row('film reviews');
  expect(found).toContain(`${units(dense.hidden)} → **${units(slim.hidden)}**`);
  expect(found).toContain(`${millions(dense.parameters, 2)} → ${millions(slim.parameters, 2)} M`);
  expect(found).toContain(`${share(dense)} → ${share(slim)} %`);
  expect(found).toContain(`${time('imdb-dense')} → ${time('imdb-iss')} ms`);
});

it.each([
  ['voice detector', 'voice-activity'],
  ['tagger', 'tagging'],
  ['noise suppressor', 'noise-suppression'],
])('%s', (start, name) => {
  const { original, chosen } = json('results/compress.json')[name];
  const spaced = (n: number) => String(n).replace(/\B(?=(\d{3})+$)/g, ' ');
  const { agreement, 'SNR (dB)': decibels } = chosen.trained;
  const found = row(start);
  expect(found).toContain(`${units(original.sizes.units)} → **${units(chosen.sizes.units)}**`);
  expect(found).toContain(`${spaced(original.sizes.parameters)} → ${spaced(chosen.sizes.parameters)} `);
  expect(found).toContain(agreement === undefined ? `${decibels.toFixed(0)} dB` : `${(100 * agreement).toFixed(2)} %`);
});
