// Prints the Markdown table of the runs of an experiment, so that no figure is copied by hand.
//   node scripts/results-table.mjs ptb-small|ptb-medium|ptb-rhn|target
// Each file in results/<experiment> is the result.json of one run, of any version; latency.json has the times of all.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { configFrom, resultFrom } from '../dist/runs/formats.js';

const folder = new URL(`../results/${process.argv[2] ?? 'ptb-small'}/`, import.meta.url);
if (!existsSync(folder)) {
  console.error('name an experiment that has results: ptb-small, ptb-medium, ptb-rhn or target');
  process.exit(2);
}
const read = (file) => JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
const runs = readdirSync(folder)
  .filter((file) => file.endsWith('.json') && file !== 'latency.json')
  .map((file) => ({ name: file.replace(/\.json$/, ''), ...runOf(read(file)) }))
  .sort((a, b) => order(a.config) - order(b.config) || b.config.keep - a.config.keep || a.name.localeCompare(b.name));
const latencies = existsSync(new URL('latency.json', folder)) ? read('latency.json').results : [];

const rows = runs.map(({ name, config, models, seconds, environment }) => {
  const { scores, hidden, split, multiplyAdds } = models.at(-1);
  const parts = [split.embedding, split.recurrent, split.output].map(({ nonzero }) => millions(nonzero));
  return [
    described(config, startOf(environment.command)),
    scores.valid.perplexity.toFixed(2),
    scores.test.perplexity.toFixed(2),
    hidden.join(', '),
    parts.join(' / '),
    millions(multiplyAdds),
    latency(name, 1),
    latency(name, 10),
    seconds < 120 ? `${seconds.toFixed(0)} s` : `${(seconds / 60).toFixed(0)} min`,
  ];
});
const head = ['', 'valid ppl', 'test ppl', 'hidden', 'not zero: embedding / recurrent / output', 'multiply-adds'];
head.push('batch 1', 'batch 10', 'training');
for (const row of [head, head.map(() => '---'), ...rows]) console.log(`| ${row.join(' | ')} |`);

/** What the table needs of a result: its configuration without the parts that the fields belong to. */
function runOf(document) {
  const { model, method, shrink } = configFrom(document.config);
  return { ...resultFrom(document), config: { ...model, ...method, shrink } };
}

/** Dense runs, then group lasso by λ, then the others. */
function order({ iss, target, l1, magnitude, hidden, embedding }) {
  if (target) return 100;
  if (iss > 0) return iss;
  if (l1) return 201;
  if (magnitude) return 202 + magnitude;
  return isDense({ hidden, embedding }) ? 0 : 300;
}

function described({ iss, target, l1, magnitude, proximal, hidden, embedding, keep, shrink }, start) {
  const more = `${keep < 1 ? `, keep ${keep}` : ''}${start ? `, from ${start}` : ''}`;
  if (target) return `ISS to ${target}${iss > 0 ? `, λ from ${iss}` : ''}${more}`;
  if (iss > 0) return `${proximal ? 'proximal ' : ''}ISS, λ ${iss}${shrink ? '' : ', shrunk at the end'}${more}`;
  if (l1) return `ℓ1, λ ${l1}${more}`;
  if (magnitude) return `magnitude, ${magnitude} zeros${more}`;
  if (isDense({ hidden, embedding })) return `dense${more}`;
  return `${start ? 'trained on' : 'direct design'}${more}`;
}

/** Layers are as wide as the embedding until ISS, or whoever designs the model, makes them smaller. */
function isDense({ hidden, embedding }) {
  return hidden.every((h) => h === embedding);
}

/** The run whose weights a run began with; undefined: from scratch. */
function startOf(command) {
  return /--init runs\/(\S+)/.exec(command)?.[1];
}

function millions(count) {
  return `${(count / 1e6).toFixed(2)} M`;
}

function latency(name, batch) {
  const times = latencies.find((l) => l.batch === batch)?.models.find((m) => m.name === name);
  return times ? `${times.milliseconds.median.toFixed(1)} ms` : '–';
}
