import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Command, Option } from 'commander';
import { UsageError } from '../base/errors.ts';
import type { Settings } from '../base/fields.ts';
import { compress, HELD_OUT } from '../compress/compress.ts';
import type { CutRanking } from '../compress/cutTo.ts';
import { type CompressGoal, readLossBudget, readSizeGoal, sizeTitles } from '../compress/goal.ts';
import { type CompressForm, compressFiles } from '../compress/record.ts';
import type { CompressOptions } from '../compress/work.ts';
import { savedSettings } from '../config/readSettings.ts';
import { flattened, resolveConfig } from '../config/resolve.ts';
import type { Model } from '../graph/types.ts';
import { withoutMethod } from '../methods/registry.ts';
import { loadModel } from '../onnx/file.ts';
import { schedules } from '../optimizers/schedules/registry.ts';
import { latencyPair } from '../quantize/latencies.ts';
import { writeReport } from '../report/html.tsx';
import { run } from '../runs/run.ts';
import { readConfig, runFiles } from '../runs/runDirectory.ts';
import { type DeviceName, runtimeFor } from '../runtime/devices.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { rankings } from '../slim/ranking.ts';
import { losses } from '../tasks/arrays/losses.ts';
import { arraysTask } from '../tasks/arrays/task.ts';
import { distillationTask } from '../tasks/distillation/task.ts';
import { languageModelTask } from '../tasks/language-model/task.ts';
import { modelPath } from '../tasks/modelPath.ts';
import { presets, taskNamed, tasks } from '../tasks/registry.ts';
import { scoreKinds } from '../tasks/score.ts';
import type { Sources, Task } from '../tasks/task.ts';
import { throwIfStopped } from '../train/errors.ts';
import { scoreModel } from '../train/scorer.ts';
import { type CompressReport, compressText, type LabelScores } from './compressText.ts';
import { addConfigFlags, settingsFrom } from './configFlags.ts';
import { number, seconds, whole } from './flags.ts';
import { tellModels } from './guarded.ts';
import { addExamples } from './helpTexts.ts';
import { print } from './output.ts';
import { EACH, type Shown, showRun, withDisplay } from './progress.ts';

interface CompressFlags {
  inputs?: string;
  valid?: string;
  out?: string;
  resume?: boolean;
  lossBudget?: string;
  target?: string;
  rank: CutRanking;
  layers: 'all' | 'recurrent';
  stages?: number;
  time?: number;
  quantize?: CompressForm;
  targetArray?: string;
  loss?: string;
  ignore?: number;
  latency: boolean;
  report: boolean;
}

/** Tasks whose models can be compressed: an imported one by distillation. */
const compressible = tasks.filter(({ name }) => name !== 'arrays');
/** Where the original and the result are timed. */
const DEVICES: readonly DeviceName[] = ['cpu', 'wasm'];
/** Cuts on the way to a size when nobody says. */
const STAGES = 2;

/** `slimrnn compress model.onnx --inputs data.npz --target params=0.4` */
export const command = new Command('compress')
  .description(
    'Cuts a model in stages, makes up for the removed units in what reads them, and trains what is left to do what the ' +
      'original does, on inputs without labels. Held-out inputs say how near it comes. All of it lies in a folder: the ' +
      'model, what each stage came to, and a report.\n' +
      'How small is said by --target, or found with --loss-budget. Inputs are arrays named as the inputs of the model; the ' +
      'first axis of each counts the examples. A streaming model takes sequences [N, T, …], or recordings [T, …], which are ' +
      'cut into sequences. A language model takes text. Of a run directory the task and its data are taken.',
  )
  .argument('<model>', 'an ONNX file, or a run directory')
  .option('--inputs <path>', 'examples: .npz, .safetensors, .jsonl, a folder of such; of a language model text')
  .option('--valid <path>', 'held-out examples (default: a share of --inputs, see --valid-share)')
  .option('--loss-budget <share>', 'make it as small as can be while it is worse by at most this: 1%')
  .addOption(
    new Option('--rank <name>', 'by what units are ranked; best: by activity or taylor, whichever cut loses less')
      .choices([...Object.keys(rankings), 'best'])
      .default('best'),
  )
  .addOption(
    new Option('--layers <which>', 'whose units may go: recurrent, or all (dense layers and convolutions, too)')
      .choices(['recurrent', 'all'])
      .default('all'),
  )
  .option(
    '--stages <n>',
    `cuts on the way to --target, each followed by training (default: ${STAGES})`,
    whole('--stages'),
  )
  .option(
    '--time <duration>',
    'how long all of it may take, roughly: 15m, 2h (in the place of --epochs)',
    seconds('--time'),
  )
  .option('--target-array <name>', 'array of --inputs with labels, by which both models are scored, too')
  .addOption(new Option('--loss <name>', 'what these labels are for').choices(Object.keys(losses)))
  .option(
    '--ignore <class>',
    'class index of labels that do not count',
    number('--ignore', 'a whole number', Number.isInteger),
  )
  .option('--out <dir>', 'folder to write into (default: runs/<name of the model>-compressed)')
  .option('--resume', 'go on where a compression into --out was stopped')
  .addOption(
    new Option('--quantize <form>', 'also write the result in fewer bits').choices(['int8', 'int8-storage', 'fp16']),
  )
  .option('--no-latency', 'do not time the models')
  .option('--no-report', 'write no report.html');
addConfigFlags(command, compressible);
const model = 'compress model.onnx --inputs inputs.npz';
const targets = Object.entries(sizeTitles).map(([name, title]) => `${name}=SHARE (${title})`);
addExamples(
  command,
  [
    `${model} --target params=0.4`,
    `${model} --loss-budget 1% --time 15m`,
    'compress vad.onnx --inputs recordings.npz --target latency=0.5 --set sr=16000',
    'compress runs/dense --target params=0.5',
  ],
  `Targets: ${targets.join(', ')}.`,
);
command.action(async (path: string, flags: CompressFlags) => {
  const said = settingsFrom(command, compressible);
  const report = await withDisplay(EACH, (display, signal) => compressCommand(path, flags, said, { display, signal }));
  print(report, () => compressText(report));
});

async function compressCommand(
  path: string,
  flags: CompressFlags,
  said: Settings,
  { display, signal }: Shown,
): Promise<CompressReport> {
  const note = display.line;
  const { target, ...settings } = said;
  const goal = goalFrom(target, flags.lossBudget);
  if (flags.time !== undefined && settings.epochs !== undefined) {
    throw new UsageError('--time and --epochs both say how long is trained; give one of them');
  }
  if ((flags.targetArray === undefined) !== (flags.loss === undefined)) {
    throw new UsageError('--target-array names labels and --loss says what they are for; give both');
  }
  if (goal.kind === 'loss' && flags.stages !== undefined) throw new UsageError('--stages goes with --target');
  const { task, base, usual, sources } = await problemOf(path, flags, settings);
  const byLabels = flags.targetArray === undefined ? undefined : await labelScorer(sources, flags, settings);
  const { epochs, ...others } = settings;
  const directory = flags.out ?? join('runs', `${basename(path).replace(/\.onnx$/, '')}-compressed`);
  const runtime = await runtimeFor(settings.device as DeviceName | undefined);
  tellModels([path], runtime);
  const result = await compress({
    ...{
      task,
      settings: { ...base, ...others },
      usual,
      sources,
      goal,
      directory,
      rank: flags.rank,
      allLayers: flags.layers === 'all',
    },
    ...{
      stages: flags.stages ?? STAGES,
      epochs: epochs as number | undefined,
      seconds: flags.time,
      quantize: flags.quantize,
    },
    ...{ resume: flags.resume, runtime, signal, onStage: note },
    runStage: (label, options) => run({ ...showRun(label, options, display), runtime, signal }),
  });
  const [original, smaller] = [await loadModel(join(directory, compressFiles.original)), await loadModel(result.model)];
  const latencies = [];
  const places = new Set([...DEVICES, ...(settings.device ? [settings.device as DeviceName] : [])]);
  for (const device of flags.latency ? places : []) {
    throwIfStopped(signal, `stopped; the model is in ${result.model}`);
    note(`timing both models on ${device}`);
    latencies.push(await latencyPair(device, original, smaller));
  }
  const report = flags.report ? join(directory, compressFiles.report) : null;
  if (report !== null) {
    throwIfStopped(signal, `stopped; the model is in ${result.model}, and there is no report`);
    const title = `${basename(path)}, compressed`;
    await writeReport(report, { paths: [directory], title, latency: flags.latency, onStage: note });
  }
  const labels = byLabels ? await byLabels(original, smaller) : null;
  return { ...result, source: path, task: task.name, latencies, labels, report };
}

function goalFrom(target: unknown, lossBudget: string | undefined): CompressGoal {
  if (typeof target === 'string' && lossBudget === undefined) return readSizeGoal(target);
  if (target === undefined && lossBudget !== undefined) return readLossBudget(lossBudget);
  throw new UsageError(
    target === undefined
      ? 'compress needs --target params=SHARE (or units=, multiply-adds=, bytes=, latency=), or --loss-budget 1%'
      : '--target says how small and --loss-budget how good; give one of them',
  );
}

/** What is learned, from what, and the settings that come with it. */
async function problemOf(
  path: string,
  { inputs, valid }: CompressFlags,
  said: Settings,
): Promise<Told & { readonly task: Task; readonly sources: Sources & { readonly init: string } }> {
  const named = typeof said.task === 'string' ? taskNamed(said.task) : undefined;
  const isRun = existsSync(join(path, runFiles.config));
  if (isRun) {
    const saved = savedSettings(await readConfig(path), join(path, runFiles.config));
    const { task: section, ...settings } = withoutMethod(saved.settings);
    const kind = kindOf(section);
    const task = named ?? taskNamed(kind);
    if (task === undefined) throw new UsageError(`${path}: there is no task '${kind}'`);
    const sources = {
      ...saved.sources,
      ...(inputs !== undefined && { data: inputs }),
      ...(valid !== undefined && { valid }),
    };
    if (task.name === 'arrays' || task === distillationTask)
      return imported(modelPath(path, path), { inputs: sources.data, valid: sources.valid });
    return { task, ...forStages({ ...settings, task: section }), sources: { ...sources, init: path } };
  }
  const model = modelPath(path, path);
  if (named === undefined && !(await isLanguageModel(model))) return imported(model, { inputs, valid });
  const task = named ?? languageModelTask;
  if (task === distillationTask) return imported(model, { inputs, valid });
  const told = forStages(task === languageModelTask ? presets['zaremba-small']! : {});
  return { task, ...told, sources: { data: inputs, valid, init: model } };
}

/** What the training of a model before tells its stages. */
interface Told {
  readonly base: Settings;
  readonly usual?: CompressOptions['usual'];
}

/** The settings of a training but its course of rates, which is that of a model that begins, and what trials look for. */
function forStages(settings: Settings): Told {
  const all = flattened(settings);
  const { learningRate, keep } = all as { readonly learningRate?: number; readonly keep?: number };
  const others = new Set([
    'keep',
    'schedule',
    ...Object.values(schedules).flatMap(({ fields }) => Object.keys(fields)),
  ]);
  const base = Object.fromEntries(Object.entries(all).filter(([field]) => !others.has(field)));
  return { base, usual: { learningRate, keep } };
}

/** Where examples are. */
interface NamedInputs {
  readonly inputs: string | undefined;
  readonly valid: string | undefined;
}

function imported(init: string, { inputs, valid }: NamedInputs) {
  if (inputs === undefined)
    throw new UsageError('compress needs --inputs FILE with examples of what goes into the model');
  return { task: distillationTask, base: {}, sources: { data: inputs, valid, init, teacher: init } };
}

function kindOf(section: unknown): string {
  return typeof section === 'object' && section !== null && 'kind' in section ? String(section.kind) : String(section);
}

/** Scores two models by labels that come with the held-out inputs, or with what is held out of all. */
async function labelScorer(
  { data, valid, init }: Sources,
  { targetArray, loss, ignore }: CompressFlags,
  settings: Settings,
): Promise<(original: Model, smaller: Model) => Promise<LabelScores>> {
  const own = new Set(['seed', 'batch', ...Object.keys(arraysTask.fields)]);
  const known = Object.fromEntries(Object.entries(settings).filter(([field]) => own.has(field)));
  const base = { validShare: HELD_OUT, ...known, task: arraysTask.name, loss, targetArray, ignore };
  const config = resolveConfig(base, { source: 'compress', tasks: [arraysTask] });
  const { problem } = await arraysTask.load(config, { data: valid ?? data, valid, init });
  const scored = async (model: Model) => {
    const { scores } = await scoreModel(model, { problem, runtime: nodeRuntime, settings: config });
    return scores.valid!;
  };
  return async (original, smaller) => ({
    scores: scoreKinds(problem.scores),
    original: await scored(original),
    smaller: await scored(smaller),
  });
}

/** Whether it is a language model that slimrnn made, which learns from text. */
async function isLanguageModel(path: string): Promise<boolean> {
  try {
    await languageModelTask.settingsOf!(path);
    return true;
  } catch (error) {
    if (error instanceof UsageError) return false;
    throw error;
  }
}
