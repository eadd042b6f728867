// Puts `slimrnn compress` of a dense language model beside a run with ISS, at the parameters that ISS left, in a file of results.
//   node scripts/compress-language-models.mjs --name demo --dense runs/demo-dense --iss runs/demo-iss/result.json
//     [--work runs/compressed] [--threads 1] [--out results/compress-language-models.json] [-- further flags of compress]
// Both runs learn from the same text. --iss is the result.json of a run, or a file that scripts/evidence.mjs made of one.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const cli = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const { values: flags, positionals: further } = parseArgs({
  allowPositionals: true,
  options: {
    name: { type: 'string' },
    dense: { type: 'string' },
    iss: { type: 'string' },
    work: { type: 'string', default: 'runs/compressed' },
    threads: { type: 'string', default: '1' },
    out: { type: 'string', default: 'results/compress-language-models.json' },
  },
});
for (const name of ['name', 'dense', 'iss']) {
  if (flags[name] !== undefined) continue;
  console.error(`--${name} is missing; the head of this file says what it is`);
  process.exit(2);
}

const json = (path) => JSON.parse(readFileSync(path, 'utf8'));
/** Sizes and perplexities of a model in a result; files from before version 0.2 have them side by side. */
const figuresOf = ({ hidden, parameters, scores, validPerplexity, testPerplexity }) => ({
  hidden,
  parameters,
  valid: scores?.valid.perplexity ?? validPerplexity,
  test: scores?.test.perplexity ?? testPerplexity,
});

const dense = json(join(flags.dense, 'result.json'));
const iss = json(flags.iss);
const [whole, slim] = [dense, iss].map(({ models }) => figuresOf(models.at(-1)));
// As many parameters as ISS left, rounded up to the fourth digit.
const share = Math.ceil((1e4 * slim.parameters) / whole.parameters) / 1e4;
const out = join(flags.work, flags.name);
mkdirSync(flags.work, { recursive: true });
const settings = ['--target', `params=${share}`, ...further, '--threads', flags.threads];
const args = ['compress', flags.dense, ...settings, '--no-latency', '--no-report', '--resume', '--out', out];
const { status } = spawnSync(process.execPath, [cli, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
if (status !== 0) process.exit(status ?? 1);

const { stages, found, epochs } = json(join(out, 'compress.json'));
const last = json(join(out, 'stages', String(stages.length), 'run', 'result.json'));
const rows = existsSync(flags.out) ? json(flags.out) : {};
rows[flags.name] = {
  command: ['slimrnn compress', 'DENSE', ...settings].join(' '),
  // A folder's path says nothing elsewhere; the digest tells the texts.
  data: { ...dense.data, source: undefined },
  environment: { ...last.environment, command: undefined },
  engine: last.engine,
  load: loadavg()[0],
  dense: { ...whole, settings: settingsOf(dense) },
  iss: { ...slim, settings: settingsOf(iss) },
  compressed: {
    ...figuresOf(last.models.at(-1)),
    found,
    epochs,
    seconds: stages.reduce((sum, stage) => sum + stage.seconds, 0),
  },
};
writeFileSync(flags.out, `${JSON.stringify(rows, null, 2)}\n`);

/** What tells two trainings apart; `init` where one began with the weights of another. */
function settingsOf({ config }) {
  const { epochs, seed, task, model, method, optimizer, schedule, sources, ...older } = config;
  if (task === undefined) return { epochs, seed, ...older };
  const init = sources?.init == null ? {} : { init: 'a trained model' };
  return { epochs, seed, task, model, method, optimizer, schedule, ...init };
}
