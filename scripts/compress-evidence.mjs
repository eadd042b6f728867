// Makes results/compress.json: what `slimrnn compress` makes of the models of examples/, and of models that you name.
//   node scripts/compress-evidence.mjs [--only tagging,dtln] [--models DIR --voices DIR] [--work runs/evidence]
//     [--out results/compress.json] [--time 5m]
// DIR of --models has published models (dtln_model_2.onnx, silero_vad_16k_op15.onnx, gtcrn_simple.onnx, ulunas_simple.onnx);
// --voices has the folders train and held, made by scripts/voice-inputs.mjs with --sequences. A finished part is kept.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const cli = join(root, 'dist/cli/main.js');
const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    models: { type: 'string' },
    voices: { type: 'string' },
    work: { type: 'string', default: 'runs/evidence' },
    out: { type: 'string', default: 'results/compress.json' },
    time: { type: 'string', default: '5m' },
    threads: { type: 'string', default: '1' },
  },
});

const examples = ['voice-activity', 'noise-suppression', 'tagging', 'forecasting'];
/** Published models, with the array that they hear and what must be said of them. */
const published = {
  silero: {
    file: 'silero_vad_16k_op15.onnx',
    inputs: 'windows.npz',
    more: ['--set', 'sr=16000', '--size', 'sequence=576'],
  },
  dtln: { file: 'dtln_model_2.onnx', inputs: 'frames.npz', more: [] },
  gtcrn: { file: 'gtcrn_simple.onnx', inputs: 'spectrogram.npz', more: [] },
  ulunas: { file: 'ulunas_simple.onnx', inputs: 'spectrogram.npz', more: [] },
};
/** Each of them twice: to half of its parameters, and as far as 1 % of loss lets it go. */
const goals = { '': ['--target', 'params=0.5'], '-budget': ['--loss-budget', '1%'] };
const publishedNames = Object.keys(published).flatMap((name) => Object.keys(goals).map((goal) => `${name}${goal}`));
const all = [...examples, ...(flags.models && flags.voices ? publishedNames : [])];
const wanted = flags.only?.split(',') ?? all;
const unknown = wanted.find((name) => !all.includes(name));
if (unknown !== undefined) {
  console.error(`there is no '${unknown}'; known: ${all.join(', ')} (published models need --models and --voices)`);
  process.exit(2);
}

const found = existsSync(flags.out) ? JSON.parse(readFileSync(flags.out, 'utf8')) : {};
for (const name of wanted) {
  const at = resolve(flags.work, name);
  mkdirSync(at, { recursive: true });
  const args = examples.includes(name) ? exampleArguments(name, at) : publishedArguments(name);
  const command = [
    'compress',
    ...args,
    '--time',
    flags.time,
    '--threads',
    flags.threads,
    '--resume',
    '--no-report',
    '--json',
  ];
  const { status, stdout } = spawnSync(process.execPath, [cli, ...command], {
    cwd: at,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) process.exit(status ?? 1);
  const result = JSON.parse(stdout);
  const told = [
    'compress',
    ...args.map((arg) => arg.replace(/^\/.*\/(?=[^/]+$)/, '')),
    '--time',
    flags.time,
    '--threads',
    flags.threads,
  ];
  const { directory: _, model: __, source: ___, report: ____, ...figures } = result;
  found[name] = {
    command: `slimrnn ${told.join(' ')}`,
    load: loadavg()[0],
    ...environmentOf(at, result),
    ...figures,
  };
  writeFileSync(flags.out, `${JSON.stringify(found, null, 2)}\n`);
}

/** The command of an example's page, in a folder with its model and data. */
function exampleArguments(name, at) {
  if (!existsSync(join(at, 'model.onnx'))) {
    mkdirSync(join(at, 'node_modules'), { recursive: true });
    symlinkSync(root, join(at, 'node_modules', 'slimrnn'));
    copyFileSync(join(root, 'examples', name, 'make.mjs'), join(at, 'make.mjs'));
    const { status } = spawnSync(process.execPath, ['make.mjs'], { cwd: at, stdio: 'inherit' });
    if (status !== 0) process.exit(status ?? 1);
  }
  const page = readFileSync(join(root, 'examples', name, 'README.md'), 'utf8').replaceAll('\\\n', '');
  return /^npx slimrnn compress (?<rest>.*)$/m.exec(page).groups.rest.trim().split(/\s+/);
}

function publishedArguments(name) {
  const [model, goal = ''] = name.split(/(?=-budget$)/);
  const { file, inputs, more } = published[model];
  const data = ['train', 'held'].map((part) => resolve(flags.voices, part, inputs));
  const how = [...goals[goal], '--batch', '8', '--out', 'compressed'];
  return [resolve(flags.models, file), '--inputs', data[0], '--valid', data[1], ...more, ...how];
}

/** Machine and versions, as the run in the folder has them. */
function environmentOf(at, { directory }) {
  const { environment, engine } = JSON.parse(readFileSync(join(at, directory, 'result.json'), 'utf8'));
  const { command: _, ...machine } = environment;
  return { engine, ...machine };
}
