import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { environment } from '../base/environment.ts';
import { UsageError } from '../base/errors.ts';
import { readSettings } from '../config/readSettings.ts';
import type { RunConfig } from '../config/runConfig.ts';
import { describeMethod, withoutMethod } from '../methods/registry.ts';
import { loadModel } from '../onnx/file.ts';
import { writeReport } from '../report/html.tsx';
import type { RunResult } from '../runs/result.ts';
import { run } from '../runs/run.ts';
import { checkNewRunDirectory, runFiles, writeJson } from '../runs/runDirectory.ts';
import { runtimeFor } from '../runtime/devices.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { latenciesOf, STEPS } from '../sweep/timing.ts';
import { demoPreset } from '../tasks/language-model/presets.ts';
import { languageModelTask } from '../tasks/language-model/task.ts';
import { throwIfStopped } from '../train/errors.ts';
import { addConfigFlags, settingsFrom } from './configFlags.ts';
import { addExamples } from './helpTexts.ts';
import { agreement, duration, fileSize, grouped, note, print, table } from './output.ts';
import { EACH, showRun, withDisplay } from './progress.ts';

interface DemoFlags {
  out?: string;
}

/** A row of the demo's table; the seconds are those of the training that led to it. */
type DemoModel = Awaited<ReturnType<typeof timed>>[number];

/** `slimrnn demo` */
export const command = new Command('demo')
  .description(
    'Trains the same language model twice on the State of the Union addresses, dense and with ISS, removes the units ' +
      'that died, verifies that nothing changed, compares perplexity, size and speed, and writes a report.',
  )
  .option('--out <dir>', 'folder for the two runs (default: runs/demo, or the first free runs/demo-N)');
addConfigFlags(command, [languageModelTask]);
addExamples(command, ['demo', 'demo --hidden 64,64 --epochs 4 --out runs/quick']);
command.action(async (flags: DemoFlags) => {
  const started = performance.now();
  const said = settingsFrom(command, [languageModelTask]);
  const config = readSettings('demo', said, demoPreset);
  if (config.method.kind === 'dense')
    throw new UsageError('the demo compares dense training with ISS: --iss must be above 0');
  const directory = flags.out ?? freeDirectory();
  await checkNewRunDirectory(directory);
  const runtime = await runtimeFor(config.device);
  const task = await languageModelTask.load(config, {});
  for (const line of task.notes) note(line);
  const hidden = (config.model.hidden as number[]).join(' and ');
  note(
    `two ${config.model.kind.toUpperCase()} layers of ${hidden} units, dense and with ${describeMethod(config.method)}`,
  );
  const denseConfig = readSettings('demo', withoutMethod(said), withoutMethod(demoPreset));
  const report = join(directory, runFiles.report);
  const { iss, models } = await withDisplay(EACH, async (display, signal) => {
    const trained = (label: string, own: RunConfig, name: string) => {
      const options = { config: own, task, directory: join(directory, name) };
      return run({ ...showRun(label, options, display), runtime, signal });
    };
    const dense = await trained('dense', denseConfig, 'dense');
    const iss = await trained('ISS  ', config, 'iss');
    const stage = (text: string) => {
      throwIfStopped(signal, `stopped; both runs are in ${directory}`);
      display.line(text);
    };
    stage('timing the three models in turn');
    const models = await timed(directory, dense, iss, config.threads);
    const title = 'slimrnn demo';
    await writeReport(report, { paths: [directory], title, latency: true, threads: config.threads, onStage: stage });
    return { iss, models };
  });
  const seconds = (performance.now() - started) / 1e3;
  const made = { environment: environment(), engine: nodeRuntime.name };
  const document = { directory, config, models, verify: iss.verify, report, seconds, ...made };
  await writeJson(join(directory, 'demo.json'), document);
  print(document, () => demoText(models, iss, report, seconds));
});

/** The models of both runs with their latencies, timed in turn. */
async function timed(directory: string, dense: RunResult, iss: RunResult, threads?: number) {
  const rows = [
    { ...dense.models[0]!, name: 'dense', file: join(directory, 'dense', runFiles.model), seconds: dense.seconds },
    { ...iss.models[0]!, name: 'ISS', file: join(directory, 'iss', runFiles.model), seconds: iss.seconds },
    { ...iss.models[1]!, name: 'ISS, slim', file: join(directory, 'iss', runFiles.slim), seconds: iss.seconds },
  ];
  const contestants = await Promise.all(rows.map(async (m) => ({ name: m.name, model: await loadModel(m.file) })));
  const latencies = await latenciesOf(contestants, { runtime: nodeRuntime, threads });
  return rows.map((m, i) => ({ ...m, latency: latencies[i]! }));
}

function demoText(models: readonly DemoModel[], iss: RunResult, report: string, seconds: number): string {
  const [dense, , slim] = models as [DemoModel, DemoModel, DemoModel];
  const rows = models.map((m) => [
    m.name,
    m.scores.valid!.perplexity!.toFixed(1),
    m.scores.test!.perplexity!.toFixed(1),
    m.hidden.join(' + '),
    grouped(m.parameters),
    fileSize(m.bytes),
    `${m.latency.batch1.toFixed(2)} ms`,
    `${m.latency.batch10.toFixed(2)} ms`,
    duration(m.seconds),
  ]);
  const gone = sum(dense.hidden) - sum(slim.hidden);
  const change = (slim.scores.valid!.perplexity! / dense.scores.valid!.perplexity! - 1) * 100;
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
      `${(dense.latency.batch10 / slim.latency.batch10).toFixed(1)}× at batch 10 (${STEPS} steps, medians, models in turn).`,
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
