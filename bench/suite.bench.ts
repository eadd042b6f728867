import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { environment } from '../src/base/environment.ts';
import { writeAtomically } from '../src/base/files.ts';
import { benchLatency } from '../src/bench/latency.ts';
import { scriptFlags, whole } from '../src/cli/flags.ts';
import { grouped, note, table } from '../src/cli/output.ts';
import { describeModel } from '../src/inspect/describe.ts';
import { languageModel } from '../src/models/languageModel.ts';
import { withoutDropout } from '../src/passes/withoutDropout.ts';
import { nodeRuntime } from '../src/runtime/node.ts';
import { benchTrainingStep, type StepBench } from './support/trainingStep.ts';

/*
 * `npm run bench`: the speed claims of this project, measured side by side in one run.
 * Each PyTorch step is timed right after ours at the same size; the peer is skipped with a message where it is absent.
 */

const VOCABULARY = 10_000;
const BATCH = 20;
const STEPS = 35;

/** What the peer prints. */
interface PeerResult {
  readonly torch: string;
  readonly stepMs: { readonly median: number };
  readonly stepMsNoEmbedding?: { readonly median: number };
}

const { values: flags } = scriptFlags(() =>
  parseArgs({
    options: {
      hidden: { type: 'string', default: '200,650,1500' },
      threads: { type: 'string' },
      rounds: { type: 'string', default: '6' },
      python: { type: 'string', default: process.env.SLIMRNN_PYTHON ?? 'python3' },
      out: { type: 'string' },
      'skip-training': { type: 'boolean', default: false },
      'skip-latency': { type: 'boolean', default: false },
    },
  }),
);
const { threads, sizes, rounds } = scriptFlags(() => ({
  threads: flags.threads === undefined ? undefined : whole('--threads')(flags.threads),
  sizes: flags.hidden.split(',').map(whole('--hidden')),
  rounds: whole('--rounds')(flags.rounds),
}));

const training = flags['skip-training'] ? [] : await benchTraining();
const latency = flags['skip-latency'] ? [] : await benchPaperSizes();
const document = {
  ...environment(),
  // The path of the Python with PyTorch says nothing about the figures.
  command: ['npm run bench --', ...process.argv.slice(2).map((word) => (word === flags.python ? 'PYTHON' : word))].join(
    ' ',
  ),
  engine: nodeRuntime.name,
  threads: threads ?? 'one per core',
  training,
  latency,
};
if (flags.out !== undefined) await writeAtomically(flags.out, `${JSON.stringify(document, null, 2)}\n`);

/** A whole training step at several sizes, beside the best GEMM of the same process and beside PyTorch. */
async function benchTraining() {
  const results: { ours: StepBench; peer: PeerResult | undefined; faster: number | undefined }[] = [];
  for (const hidden of sizes) {
    note(`training step, two layers of ${hidden}, ${VOCABULARY} words, batch ${BATCH}, ${STEPS} steps`);
    const ours = await benchTrainingStep({
      runtime: nodeRuntime,
      hidden,
      vocabulary: VOCABULARY,
      batch: BATCH,
      steps: STEPS,
      threads,
      rounds,
    });
    const peer = benchTorch(hidden);
    results.push({ ours, peer, faster: peer && peer.stepMs.median / ours.milliseconds.median });
  }
  const rows = results.map(({ ours, peer, faster }) => [
    `H ${ours.hidden}`,
    `${ours.milliseconds.median.toFixed(1)} ms`,
    ours.gflops.toFixed(0),
    ours.bestGemmGflops.toFixed(0),
    percent(ours.ofBestGemm),
    percent(ours.updateShare),
    `${ours.residentMegabytes.toFixed(0)} MB`,
    peer ? `${peer.stepMs.median.toFixed(1)} ms` : '–',
    faster ? `${faster.toFixed(2)}×` : '–',
  ]);
  const head = ['training step', 'median', 'GFLOP/s', 'best GEMM', 'of it', 'update', 'resident', 'PyTorch', 'faster'];
  process.stdout.write(`${table(head, rows)}\n\n`);
  return results;
}

/** The paper's sizes: (1500, 1500) against (373, 315), batch 10 and batch 1, 30 steps. */
async function benchPaperSizes() {
  note('latency, (1500, 1500) against (373, 315)');
  const contestants = [
    [1500, 1500],
    [373, 315],
  ].map((hidden) => ({
    name: `(${hidden.join(', ')})`,
    model: withoutDropout(languageModel({ vocabulary: VOCABULARY, embedding: 1500, hidden, initScale: 0.04 })),
  }));
  const results = [];
  for (const [batch, steps] of [
    [10, 30],
    [1, 30],
    [1, 1],
  ] as const) {
    const models = await benchLatency(contestants, {
      runtime: nodeRuntime,
      batch,
      steps,
      threads,
      rounds,
    });
    results.push({ batch, steps, models });
  }
  const adds = contestants.map((c) => describeModel(c.model).multiplyAdds);
  const rows = results.map(({ batch, steps, models }) => [
    `batch ${batch} × ${steps} steps`,
    ...models.map((m) => `${m.milliseconds.median.toFixed(2)} ms`),
    `${models[1]!.speedup.toFixed(2)}×`,
  ]);
  rows.push(['multiply-adds per token', ...adds.map(grouped), `${(adds[0]! / adds[1]!).toFixed(2)}×`]);
  process.stdout.write(`${table(['latency', ...contestants.map((c) => c.name), 'speedup'], rows)}\n`);
  return results;
}

/** Runs the peer in a process of its own; undefined, with a message, where Python or torch is absent. */
function benchTorch(hidden: number): PeerResult | undefined {
  const script = fileURLToPath(new URL('./peers/torch_lstm.py', import.meta.url));
  if (!existsSync(script)) return undefined;
  const sizesAsked = ['--hidden', hidden, '--vocab', VOCABULARY, '--batch', BATCH, '--steps', STEPS, '--layers', 2];
  const asked = [...sizesAsked, '--threads', threads ?? cpus().length, '--repeats', 15].map(String);
  const { status, stdout, stderr, error } = spawnSync(flags.python, [script, ...asked], { encoding: 'utf8' });
  if (status !== 0) {
    const why = error?.message ?? stderr.trim().split('\n').pop() ?? 'unknown';
    note(`PyTorch is skipped (${why}); install it with \`pip install torch numpy\` and name it with --python`);
    return undefined;
  }
  return JSON.parse(stdout.trim().split('\n').pop()!) as PeerResult;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
