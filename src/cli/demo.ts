import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { environment } from '../base/environment.ts';
import { UsageError } from '../base/errors.ts';
import { writeAtomically } from '../base/files.ts';
import { benchLatency } from '../bench/latency.ts';
import type { LoadedCorpus } from '../data/makeCorpus.ts';
import { DEFAULT_CELL } from '../nn/layers.ts';
import { loadModel } from '../onnx/file.ts';
import { writeReport } from '../report/writeReport.ts';
import type { ModelResult, RunResult } from '../runs/run.ts';
import { checkNewRunDirectory, runFiles } from '../runs/runDirectory.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { freshModel } from '../tasks/language-model/freshModel.ts';
import { loadText } from '../tasks/language-model/start.ts';
import { checkConfig, flagName, type TrainConfig, withoutSparsity } from '../train/config.ts';
import { demoPreset } from '../train/presets.ts';
import { describeMethod, methodName } from '../train/sparsity.ts';
import { addConfigFlags, configFrom } from './configFlags.ts';
import { noteCorpus, runWithDisplay } from './display.ts';
import { agreement, duration, fileSize, grouped, note, print, table } from './output.ts';

interface DemoFlags {
  out?: string;
  json?: boolean;
}

/** A row of the demo's table. */
interface DemoModel extends ModelResult {
  /** Seconds of training that led to it. */
  readonly seconds: number;
  /** Median milliseconds of a run of 30 steps at batch 1 and at batch 10. */
  readonly latency: { readonly batch1: number; readonly batch10: number };
}

const LATENCY_STEPS = 30;
const LATENCY_ROUNDS = 6;

/** `slimrnn demo` */
export function addDemoCommand(program: Command): void {
  const command = program
    .command('demo')
    .summary('the main job in a few minutes: train dense and with ISS, shrink, verify, time')
    .description(
      'Trains the same language model twice on the State of the Union addresses, dense and with ISS, removes the units\n' +
        'that died, verifies that nothing changed, compares perplexity, size and speed, and writes a report.',
    )
    .option('--out <dir>', 'folder for the two runs (default: runs/demo, or the first free runs/demo-N)')
    .option('--json', 'print one JSON document on stdout');
  addConfigFlags(command);
  command.action(async (flags: DemoFlags & Record<string, unknown>) => {
    const started = performance.now();
    const config = checkConfig({ ...demoPreset, ...configFrom(flags) }, 'demo', flagName);
    if (methodName(config) === 'dense')
      throw new UsageError('the demo compares dense training with ISS: --iss must be above 0');
    const directory = flags.out ?? freeDirectory();
    await checkNewRunDirectory(directory);
    const corpus = await loadText(config, undefined);
    noteCorpus(corpus);
    note(
      `two ${(config.cell ?? DEFAULT_CELL).toUpperCase()} layers of ${config.hidden.join(' and ')} units, dense and with ${describeMethod(config)}`,
    );
    const dense = await demoRun('dense', withoutSparsity(config), corpus, join(directory, 'dense'));
    const iss = await demoRun('ISS  ', config, corpus, join(directory, 'iss'));
    const models = await timed(directory, dense, iss);
    const { file: report } = await writeReport(join(directory, runFiles.report), {
      paths: [directory],
      title: 'slimrnn demo',
      latency: true,
      threads: config.threads,
      onStage: note,
    });
    const seconds = (performance.now() - started) / 1e3;
    const made = { environment: environment(), engine: nodeRuntime.name };
    const document = { directory, config, models, verify: iss.verify, report, seconds, ...made };
    await writeAtomically(join(directory, 'demo.json'), `${JSON.stringify(document, null, 2)}\n`);
    print(flags.json, document, () => demoText(models, iss, report, seconds));
  });
}

async function demoRun(
  label: string,
  config: TrainConfig,
  corpus: LoadedCorpus,
  directory: string,
): Promise<RunResult> {
  return runWithDisplay(label, { config, corpus, model: freshModel(config, corpus.vocabulary), directory });
}

/** The models of both runs with their latencies, timed in turn. */
async function timed(directory: string, dense: RunResult, iss: RunResult): Promise<DemoModel[]> {
  const rows = [
    { ...dense.models[0]!, name: 'dense', file: join(directory, 'dense', runFiles.model), seconds: dense.seconds },
    { ...iss.models[0]!, name: 'ISS', file: join(directory, 'iss', runFiles.model), seconds: iss.seconds },
    { ...iss.models[1]!, name: 'ISS, slim', file: join(directory, 'iss', runFiles.slim), seconds: iss.seconds },
  ];
  note('timing the three models in turn');
  const contestants = await Promise.all(rows.map(async (m) => ({ name: m.name, model: await loadModel(m.file) })));
  const options = { runtime: nodeRuntime, steps: LATENCY_STEPS, rounds: LATENCY_ROUNDS, threads: dense.config.threads };
  const one = await benchLatency(contestants, { ...options, batch: 1 });
  const ten = await benchLatency(contestants, { ...options, batch: 10 });
  return rows.map((m, i) => ({
    ...m,
    latency: { batch1: one[i]!.milliseconds.median, batch10: ten[i]!.milliseconds.median },
  }));
}

function demoText(models: readonly DemoModel[], iss: RunResult, report: string, seconds: number): string {
  const [dense, , slim] = models as [DemoModel, DemoModel, DemoModel];
  const rows = models.map((m) => [
    m.name,
    m.validPerplexity.toFixed(1),
    m.testPerplexity.toFixed(1),
    m.hidden.join(' + '),
    grouped(m.parameters),
    fileSize(m.bytes),
    `${m.latency.batch1.toFixed(2)} ms`,
    `${m.latency.batch10.toFixed(2)} ms`,
    duration(m.seconds),
  ]);
  const gone = sum(dense.hidden) - sum(slim.hidden);
  const change = (slim.validPerplexity / dense.validPerplexity - 1) * 100;
  return [
    '',
    table(
      ['model', 'valid ppl', 'test ppl', 'hidden units', 'parameters', 'file', 'batch 1', 'batch 10', 'trained in'],
      rows,
    ),
    '',
    `${gone} of ${sum(dense.hidden)} hidden units died; validation perplexity ${change <= 0 ? '' : '+'}${change.toFixed(1)} % against dense.`,
    `The slim model is ${(dense.parameters / slim.parameters).toFixed(1)}× smaller, ` +
      `${(dense.latency.batch1 / slim.latency.batch1).toFixed(1)}× faster at batch 1 and ` +
      `${(dense.latency.batch10 / slim.latency.batch10).toFixed(1)}× at batch 10 (${LATENCY_STEPS} steps, medians, models in turn).`,
    `Verified: its outputs ${agreement(iss.verify!)} those of the ISS model on ${iss.verify!.batches} windows of the validation text.`,
    `Open ${report} in a browser for all figures and pictures; models, metrics and checkpoints are beside it.`,
    `All of it took ${duration(seconds)}. Next: npx slimrnn serve`,
  ].join('\n');
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

/** runs/demo, or the first runs/demo-N that is not there yet: an earlier demo is never overwritten. */
function freeDirectory(): string {
  const base = join('runs', 'demo');
  if (!existsSync(base)) return base;
  for (let n = 2; ; n++) if (!existsSync(`${base}-${n}`)) return `${base}-${n}`;
}
