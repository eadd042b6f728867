// Makes the evidence under results/set: four data sets × dense, SET, a static sparse topology and a small dense model ×
// seeds. Trains what is missing, one thread each, each run resumable, and writes results/set/<data>.json and table.md.
//   node scripts/set-evidence.mjs --data DIR [--runs runs/set] [--out results/set] [--only sanders,yelp]
//     [--models dense,set] [--seeds 1,2] [--epochs 1] [--workers 1] [--collect]
// DIR holds the data as scripts/set/experiments.mjs names them. Stop it with Ctrl-C and call it again: it goes on.
// --epochs is for trying; --collect takes the finished runs and starts none.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { dataSets, models, smallSizes } from './set/experiments.mjs';
import { figuresOf, summaryOf, tableOf } from './set/summary.mjs';

const cli = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const preload = fileURLToPath(new URL('./set/peakMemory.mjs', import.meta.url));

const { values: flags } = parseArgs({
  options: {
    data: { type: 'string' },
    runs: { type: 'string', default: 'runs/set' },
    out: { type: 'string', default: 'results/set' },
    only: { type: 'string' },
    models: { type: 'string' },
    seeds: { type: 'string' },
    epochs: { type: 'string' },
    workers: { type: 'string', default: '1' },
    collect: { type: 'boolean', default: false },
  },
});

const chosen = (all, flag, given) => {
  const names = given?.split(',') ?? all;
  const unknown = names.find((name) => !all.includes(name));
  if (unknown !== undefined) refuse(`--${flag}: there is no '${unknown}'; known: ${all.join(', ')}`);
  return names;
};
const sets = chosen(Object.keys(dataSets), 'only', flags.only);
const kinds = chosen(Object.keys(models), 'models', flags.models);
if (!flags.collect && flags.data === undefined) refuse('name the folder with the data: --data DIR');

// Seed by seed, so that whoever stops early has something of everything.
const most = Math.max(...sets.map((name) => seedsOf(name).length));
const runs = Array.from({ length: most }, (_, i) => i).flatMap((i) =>
  sets.flatMap((set) =>
    kinds.flatMap((model) => (seedsOf(set)[i] === undefined ? [] : [{ set, model, seed: seedsOf(set)[i] }])),
  ),
);

if (!flags.collect) await trainMissing();
collect();

function refuse(text) {
  console.error(text);
  process.exit(2);
}

function seedsOf(name) {
  return flags.seeds?.split(',').map(Number) ?? dataSets[name].seeds;
}

function folderOf({ set, model, seed }) {
  return join(flags.runs, `${set}-${model}-${seed}`);
}

function resultOf(run) {
  const file = join(folderOf(run), 'result.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

/** Takes the runs from the list, as many at a time as there are workers. */
async function trainMissing() {
  mkdirSync(flags.runs, { recursive: true });
  const queue = runs.filter((run) => resultOf(run) === undefined);
  const worker = async () => {
    for (let next = takeReady(queue); next; next = takeReady(queue)) await trainOne(...next);
  };
  await Promise.all(Array.from({ length: Number(flags.workers) }, worker));
  const waiting = queue.filter((run) => argumentsOf(run) === undefined).map(folderOf);
  if (waiting.length > 0) console.error(`still wait for the model that gives their size: ${waiting.join(', ')}`);
}

/** The first run whose arguments are known, with them. */
function takeReady(queue) {
  const at = queue.findIndex((run) => argumentsOf(run) !== undefined);
  if (at < 0) return undefined;
  const [run] = queue.splice(at, 1);
  return [run, argumentsOf(run)];
}

/** Arguments of `slimrnn train`; undefined while the run is not finished that gives the size. */
function argumentsOf({ set, model, seed }) {
  const { path, parts = [], hidden, args, ...settings } = dataSets[set];
  const { settings: kind, after, args: own } = models[model];
  const { epochs, rate } = settings[kind];
  const before = after && resultOf({ set, model: after, seed });
  if (after && before === undefined) return undefined;
  const wanted = hidden === undefined ? [] : ['--hidden', String(hidden)];
  const sizes = before ? smallSizes(before.models.at(-1).parameters, before.data.facts) : wanted;
  const at = (file) => join(flags.data ?? '.', file);
  const files = ['--data', at(path), ...parts.map((part) => (part.startsWith('--') ? part : at(part)))];
  const course = ['--learning-rate', String(rate), '--schedule', 'cosine', '--epochs', flags.epochs ?? String(epochs)];
  return [...own, ...sizes, ...files, ...args, ...course, '--threads', '1', '--seed', String(seed)];
}

async function trainOne(run, args) {
  const folder = folderOf(run);
  const command = ['train', ...args, '--out', folder];
  const resume = existsSync(join(folder, 'config.json')) ? ['--resume'] : [];
  console.error(`${folder}: slimrnn ${command.join(' ')}`);
  const child = spawn(process.execPath, ['--import', pathToFileURL(preload).href, cli, ...command, ...resume], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, SLIMRNN_PEAK: `${folder}.peak` },
  });
  const code = await new Promise((resolve) => child.once('exit', (status) => resolve(status ?? 1)));
  if (code !== 0) process.exit(code);
}

/** The most memory that a process of a run held. */
function peakOf(run) {
  return Math.max(
    ...readFileSync(`${folderOf(run)}.peak`, 'utf8')
      .trim()
      .split('\n')
      .map(Number),
  );
}

/** What a process of the program holds that does nothing. */
function emptyPeak() {
  const file = join(flags.runs, 'empty.peak');
  writeFileSync(file, '');
  spawnSync(process.execPath, ['--import', pathToFileURL(preload).href, cli, '--version'], {
    env: { ...process.env, SLIMRNN_PEAK: file },
  });
  return Number(readFileSync(file, 'utf8'));
}

function collect() {
  mkdirSync(flags.out, { recursive: true });
  const empty = emptyPeak();
  const documents = sets.flatMap((set) => {
    const found = kinds.flatMap((model) => {
      const finished = runs
        .filter((run) => run.set === set && run.model === model)
        .flatMap((run) => (resultOf(run) ? [figuresOf(withoutPaths(resultOf(run)), peakOf(run), empty)] : []));
      return finished.length === 0 ? [] : [[model, { summary: summaryOf(finished), runs: finished }]];
    });
    if (found.length === 0) return [];
    const { engine, environment } = resultOf(runs.find((run) => run.set === set && resultOf(run)));
    const { command: _, ...machine } = environment;
    const about = { name: set, source: dataSets[set].source, engine, environment: machine };
    const document = { ...about, emptyBytes: empty, models: Object.fromEntries(found) };
    writeFileSync(join(flags.out, `${set}.json`), `${JSON.stringify(document, null, 2)}\n`);
    return [document];
  });
  const labels = Object.fromEntries(Object.entries(models).map(([name, { label }]) => [name, label]));
  const table = tableOf(documents, labels);
  writeFileSync(join(flags.out, 'table.md'), table);
  console.log(table);
}

/** A result whose command anybody could type. */
function withoutPaths(result) {
  const { command, ...rest } = result.environment;
  const plain = [flags.data, flags.runs].filter((path) => path !== undefined);
  const said = plain.reduce((text, path, i) => text.replaceAll(path, ['data', 'runs/set'][i] ?? path), command ?? '');
  return { ...result, environment: { ...rest, command: said } };
}
