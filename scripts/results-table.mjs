// Prints the Markdown table of the runs of an experiment, so that no figure is copied by hand.
//   node scripts/results-table.mjs ptb-small|ptb-medium|ptb-rhn|squad|target
// Each file in results/<experiment> is the result.json of one run, of any version; latency.json has the times of all.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { configFrom, resultFrom } from '../dist/runs/formats.js';

const folder = new URL(`../results/${process.argv[2] ?? 'ptb-small'}/`, import.meta.url);
if (!existsSync(folder)) {
  console.error('name an experiment that has results: ptb-small, ptb-medium, ptb-rhn, squad or target');
  process.exit(2);
}
const read = (file) => JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
const runs = readdirSync(folder)
  .filter((file) => file.endsWith('.json') && file !== 'latency.json')
  .map((file) => ({ name: file.replace(/\.json$/, ''), ...runOf(read(file)) }))
  .sort((a, b) => order(a.config) - order(b.config) || b.config.keep - a.config.keep || a.name.localeCompare(b.name));
const latencies = existsSync(new URL('latency.json', folder)) ? read('latency.json').results : [];

/** The table of a task: its columns, and the cells of a run. */
const tables = {
  'language-model': {
    head: [
      ...['', 'valid ppl', 'test ppl', 'hidden', 'not zero: embedding / recurrent / output', 'multiply-adds'],
      ...['batch 1', 'batch 10', 'training'],
    ],
    cells({ name, models }) {
      const { scores, hidden, split, multiplyAdds } = models.at(-1);
      const parts = [split.embedding, split.recurrent, split.output].map(({ nonzero }) => millions(nonzero));
      return [
        ...[
          scores.valid.perplexity.toFixed(2),
          scores.test.perplexity.toFixed(2),
          hidden.join(', '),
          parts.join(' / '),
        ],
        ...[millions(multiplyAdds), latency(name, { batch: 1 }), latency(name, { batch: 10 })],
      ];
    },
    published: [],
  },
  'question-answering': {
    head: [
      ...['', 'EM', 'F1', 'modelling 1', 'modelling 2', 'output', 'weights', 'word and character vectors'],
      ...['native', 'WebAssembly', 'training'],
    ],
    cells({ name, models, layers }) {
      const { scores, hidden, split } = models.at(-1);
      const units = ['modelling_0_', 'modelling_1_', 'output_'].map((prefix) =>
        hidden.filter((_, layer) => layers[layer].name.startsWith(prefix)).join(', '),
      );
      return [
        ...[percent(scores.valid.EM), percent(scores.valid.F1), ...units],
        ...[millions(split.recurrent.stored + split.output.stored), millions(split.embedding.stored)],
        ...[latency(name, { device: 'cpu' }), latency(name, { device: 'wasm' })],
      ];
    },
    // Tables 3 and 4 of Wen et al. (2018); its times are of all layers at batch 1, native.
    published: [
      published('dense', 67.98, 77.85, [100, 100, 100, 100, 100, 100], 2.69, 6.2),
      published('fine-tuned', 67.21, 76.71, [100, 95, 78, 82, 71, 52], 2.08, 5.79),
      published('fine-tuned', 66.59, 76.4, [84, 90, 38, 46, 34, 21], 1.48, 4.52),
      published('fine-tuned', 65.29, 75.47, [54, 47, 22, 30, 18, 12], 1.03, 3.54),
      published('fine-tuned', 64.81, 75.22, [52, 50, 19, 26, 15, 12], 1.01, 3.51),
      published('from scratch', 67.36, 77.16, [87, 81, 87, 92, 74, 96], 2.29, 5.83),
      published('from scratch', 66.32, 76.22, [51, 33, 42, 58, 37, 26], 1.17, 4.46),
      published('from scratch', 65.36, 75.78, [20, 33, 40, 38, 31, 16], 0.95, 3.59),
      published('from scratch', 64.6, 74.99, [23, 22, 35, 35, 25, 14], 0.88, 2.74),
    ],
  },
};

const table = tables[runs[0].config.task];
const rows = runs.flatMap((run) => {
  const { config, seconds, environment, models } = run;
  const name = described(config, startOf(environment.command));
  const training = seconds < 120 ? `${seconds.toFixed(0)} s` : `${(seconds / 60).toFixed(0)} min`;
  const last = models.findLastIndex((model) => !isThin(model));
  // What a last threshold leaves of the same run was not timed.
  const thin = models
    .filter(isThin)
    .map((model) => ['… τ 0.02', ...table.cells({ ...run, name: '', models: [model] }), '']);
  return [[name, ...table.cells({ ...run, models: models.slice(0, last + 1) }), training], ...thin];
});
for (const row of [table.head, table.head.map(() => '---'), ...rows, ...table.published]) {
  console.log(`| ${row.join(' | ')} |`);
}

/** Whether a model lost small weights after its training (scripts/evidence.mjs). */
function isThin({ name }) {
  return name.includes('τ');
}

/** What the table needs of a result: its configuration without the parts that the fields belong to. */
function runOf(document) {
  const { task, model, method, shrink } = configFrom(document.config);
  const result = resultFrom(document);
  // A run that goes on from a smaller model has its sizes. Runs of earlier versions say none.
  const hidden = result.layers?.map(({ units }) => units) ?? model.hidden;
  return { ...result, config: { ...model, ...method, hidden, shrink, task: task.kind } };
}

/** Dense runs, then group lasso by λ, then the others. */
function order({ iss, target, l1, magnitude, hidden, embedding }) {
  if (target) return 100;
  if (iss > 0) return iss;
  if (l1) return 201;
  if (magnitude) return 202 + magnitude;
  return isDense({ hidden, embedding }) ? 0 : 300;
}

function described({ iss, issWarmup, target, l1, magnitude, proximal, hidden, embedding, keep, shrink }, start) {
  const more = `${keep < 1 ? `, keep ${keep}` : ''}${start ? `, from ${start}` : ''}`;
  if (target) return `ISS to ${target}${iss > 0 ? `, λ from ${iss}` : ''}${more}`;
  const grown = issWarmup > 0 ? ` growing for ${issWarmup} updates` : '';
  if (iss > 0)
    return `${proximal ? 'proximal ' : ''}ISS, λ ${iss}${grown}${shrink ? '' : ', shrunk at the end'}${more}`;
  if (l1) return `ℓ1, λ ${l1}${more}`;
  if (magnitude) return `magnitude, ${magnitude} zeros${more}`;
  if (isDense({ hidden, embedding })) return `dense${more}`;
  return `${start ? 'trained on' : 'direct design'}${more}`;
}

/** Layers of a language model are as wide as the embedding until ISS, or whoever designs the model, makes them smaller. */
function isDense({ hidden, embedding = hidden[0] }) {
  return hidden.every((h) => h === embedding);
}

/** The run whose weights a run began with; undefined: from scratch. */
function startOf(command) {
  return /--init (?:runs|results\/[\w-]+)\/(\S+?)(?:\.onnx)?(?=\s|$)/.exec(command)?.[1];
}

function millions(count) {
  return `${(count / 1e6).toFixed(2)} M`;
}

function percent(share) {
  return (100 * share).toFixed(2);
}

/** A row of the paper for question answering: EM, F1, units, millions of weights and milliseconds. */
function published(name, exact, f1, units, weights, milliseconds) {
  const pairs = [0, 2, 4].map((first) => units.slice(first, first + 2).join(', '));
  return [
    ...[`paper: ${name}`, exact.toFixed(2), f1.toFixed(2), ...pairs, `${weights.toFixed(2)} M`, '–'],
    ...[`${milliseconds.toFixed(1)} ms`, '–', '–'],
  ];
}

/** Median time of a run's model at a batch (default: 1), on a device where several were timed. */
function latency(name, { batch = 1, device }) {
  const models = latencies.find((l) => l.batch === batch)?.models;
  const times = models?.find((model) => model.name === name && (device === undefined || model.device === device));
  return times ? `${times.milliseconds.median.toFixed(1)} ms` : '–';
}
