import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Hex } from '../base/digest.ts';
import { SlimError, UsageError } from '../base/errors.ts';
import type { Settings } from '../base/fields.ts';
import { percent } from '../base/format.ts';
import { acquireLock } from '../base/lock.ts';
import { resolveConfig } from '../config/resolve.ts';
import type { RunConfig } from '../config/runConfig.ts';
import type { Model } from '../graph/types.ts';
import { loadModel, saveModel } from '../onnx/file.ts';
import { encodeModel } from '../onnx/write.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';
import { quantizeModel } from '../quantize/quantize.ts';
import { scoreChanges } from '../quantize/scores.ts';
import type { RunResult } from '../runs/result.ts';
import { type RunOptions, run } from '../runs/run.ts';
import { checkNewRunDirectory, createRunDirectory, runFiles } from '../runs/runDirectory.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { RankingName } from '../slim/ranking.ts';
import { shrinkModel } from '../slim/shrink.ts';
import { changeOf, formatScore, isBetter, meanLoss, type ScoreValues, scoreKinds, worseBy } from '../tasks/score.ts';
import type { LoadedTask, Sources, Task } from '../tasks/task.ts';
import { InterruptedError, throwIfStopped } from '../train/errors.ts';
import { createScorer, scoreModel } from '../train/scorer.ts';
import { writeAsRun } from './asRun.ts';
import { lastAccepted, type NextStage, nextStage } from './course.ts';
import { type CutModel, cutTo, orderOf, requireSmallEnough, tracedFor } from './cutTo.ts';
import { epochsFor, epochsWithin, secondsPerEpoch, usualEpochs } from './epochs.ts';
import type { CompressGoal } from './goal.ts';
import {
  type CompressForm,
  type CompressRecord,
  type CompressResult,
  compressFiles,
  type QuantizedResult,
  readRecord,
  type StageRecord,
  writeRecord,
} from './record.ts';
import { shareOf, sizesOf } from './sizes.ts';

/** What is compressed, on what, and how far. */
export interface CompressOptions {
  /** How the smaller models are trained: `distillation` for somebody else's model and inputs without labels. */
  readonly task: Task;
  /** Settings of the task and of training, as `train` takes them. */
  readonly settings: Settings;
  /** `init` is the model, `data` its inputs; a `teacher` is followed where one is named: the model itself. */
  readonly sources: Sources & { readonly init: string };
  readonly goal: CompressGoal;
  /** Folder for all that comes of it. */
  readonly directory: string;
  readonly rank: RankingName;
  /** Whether units of other layers than recurrent ones, channels of convolutions for example, may go, too. */
  readonly allLayers: boolean;
  /** Cuts on the way to a size, each followed by training. */
  readonly stages: number;
  /** Epochs of the last stage; those before have a third. By default as many as make 3000 updates. */
  readonly epochs?: number | undefined;
  /** Seconds that all of it may take, roughly, in the place of epochs. */
  readonly seconds?: number | undefined;
  /** Also writes the result in fewer bits, as `quantizeModel` does. */
  readonly quantize?: CompressForm | undefined;
  /** Go on where a compression into the same folder was stopped. */
  readonly resume?: boolean | undefined;
  readonly runtime: Runtime;
  readonly signal?: AbortSignal | undefined;
  /** Called with a line about what is going on. */
  readonly onStage?: ((line: string) => void) | undefined;
  /** Trains a stage; by default `run`. `label` says which stage that is. */
  readonly runStage?:
    | ((label: string, options: Omit<RunOptions, 'runtime' | 'signal'>) => Promise<RunResult>)
    | undefined;
}

/** Share of the examples that is held out where no held-out data are named. */
export const HELD_OUT = 0.2;

/** Updates over which the learning rate rises: behind a cut, Adam's first steps would undo what compensation gained. */
const WARM_UP = 100;
/** At most this share of all updates. */
const WARM_SHARE = 0.1;

/** A compression as it goes on. */
interface Work extends CompressOptions {
  readonly say: (line: string) => void;
  /** The task with its data and the original. */
  readonly first: LoadedTask;
  readonly config: RunConfig;
  readonly original: Model;
  readonly record: CompressRecord;
  readonly save: () => Promise<void>;
}

/**
 * Makes a model smaller and as good: cuts it in stages, makes up for what was removed, and trains what is left, on
 * held-out data all the while. Everything is written into a folder, from which a stopped compression goes on to the same
 * result. Throws a UsageError before anything is written where model, data and settings do not fit together, or no cut
 * is small enough.
 */
export async function compress(options: CompressOptions): Promise<CompressResult> {
  const { directory, resume = false, goal, task, sources, onStage } = options;
  const recordFile = join(directory, compressFiles.record);
  const isBegun = resume && existsSync(recordFile);
  if (resume && !isBegun && existsSync(directory)) await checkNewRunDirectory(directory);
  if (!resume) await checkNewRunDirectory(directory);
  const settings = withDefaults(options);
  const sized = { ...(await task.settingsOf?.(sources.init)), ...settings };
  const config = resolve(options, { ...sized, epochs: 1 });
  const first = await task.load(config, sources);
  if (!first.problem.splits.includes('valid'))
    throw new UsageError('compress needs held-out data: name some with --valid');
  const original = withoutDropout(first.model());
  const request = {
    goal,
    rank: options.rank,
    allLayers: options.allLayers,
    stages: options.stages,
    digest: digestOf(options, first, original),
  };
  const record: CompressRecord = isBegun ? await readRecord(recordFile) : { format: 1, request, stages: [] };
  if (JSON.stringify(record.request) !== JSON.stringify(request)) {
    throw new UsageError(
      `${directory} was begun for another model, other data, settings or another goal; --resume needs the same, or start ` +
        'anew with another --out',
    );
  }
  if (goal.kind === 'size' && !isBegun)
    await requirePossible(original, first, { config, allLayers: options.allLayers }, goal, options.runtime);
  const lock = isBegun ? await acquireLock(directory) : await createRunDirectory(directory);
  try {
    const say = (line: string) => onStage?.(line);
    const save = () => writeRecord(recordFile, record);
    const work: Work = { ...options, settings, say, first, config, original, record, save };
    await begin(work);
    for (;;) {
      const next = nextStage(goal, record.stages, options.stages);
      if (next === undefined) break;
      const stage = await trainStage(work, next);
      if (stage === undefined) break;
      record.stages.push(stage);
      await save();
    }
    return await finish(work);
  } finally {
    lock.release();
  }
}

/** Throws a UsageError where the smallest cut is too large; a latency is only known of the real one. */
async function requirePossible(
  original: Model,
  { isImported, states }: LoadedTask,
  { config: { fix }, allLayers }: { readonly config: RunConfig; readonly allLayers: boolean },
  { size, share }: Extract<CompressGoal, { kind: 'size' }>,
  runtime: Runtime,
): Promise<void> {
  if (size === 'latency') return;
  const traced = tracedFor(original, { states: isImported ? states : undefined, fix, allLayers });
  const smallest = shrinkModel(original, traced, orderOf(traced, {}).removed(Number.POSITIVE_INFINITY)).model;
  requireSmallEnough(await shareOf(size, original, runtime)(smallest), share);
}

/** Settings with what nobody said. */
function withDefaults({ settings, sources, task }: CompressOptions): Settings {
  const held = sources.valid === undefined && 'validShare' in task.fields ? { validShare: HELD_OUT } : {};
  return { schedule: 'cosine', keepBest: true, ...held, ...settings };
}

function resolve({ task }: CompressOptions, settings: Settings): RunConfig {
  return resolveConfig({ task: task.name, ...settings }, { source: 'compress', tasks: [task] });
}

/** Identifies what determines a compression besides goal and ranking. */
function digestOf({ settings, epochs, seconds }: CompressOptions, { problem }: LoadedTask, original: Model): string {
  const { threads: _, ...determining } = settings;
  const text = JSON.stringify([determining, epochs ?? null, seconds ?? null]);
  return sha256Hex(text, problem.digest, ...encodeModel(original));
}

/** Keeps the original with its figures. */
async function begin({ directory, original, first, config, runtime, record, save, say, signal }: Work): Promise<void> {
  if (record.original !== undefined) return;
  await saveModel(join(directory, compressFiles.original), original);
  const { scores } = await scoreModel(original, { problem: first.problem, runtime, settings: config, signal });
  record.original = { sizes: sizesOf(original), scores: finite(scores.valid!) };
  say(`the model as it is: ${scoresText(first, scores.valid!)} on held-out data`);
  await save();
}

/** What JSON can hold. */
function finite(values: ScoreValues): StageRecord['trained'] {
  return Object.fromEntries(Object.entries(values).map(([name, v]) => [name, Number.isFinite(v) ? v : null]));
}

function scoresText({ problem }: LoadedTask, values: ScoreValues): string {
  return problem.scores.map((kind) => `${kind.name} ${formatScore(kind, values[kind.name]!)}`).join(', ');
}

/** Paths of a stage, counted from 0. */
function placesOf(directory: string, stage: number) {
  const folder = join(directory, 'stages', String(stage + 1));
  return { folder, cut: join(folder, 'cut.onnx'), about: join(folder, 'cut.json'), run: join(folder, 'run') };
}

/** The model that a stage ended with; the original before the first one. */
async function modelAfter({ directory, original, record }: Work, stage: number): Promise<Model> {
  if (stage < 0) return original;
  const { run, cut } = placesOf(directory, stage);
  if (record.stages[stage]?.isTrained === false) return loadModel(cut);
  const slim = join(run, runFiles.slim);
  return loadModel(existsSync(slim) ? slim : join(run, runFiles.model));
}

/** Cuts and trains; undefined where no cut of that size is possible or new, and none is needed. */
async function trainStage(work: Work, next: NextStage): Promise<StageRecord | undefined> {
  const { directory, goal, record, original, runtime, say, task, sources, signal } = work;
  const index = record.stages.length;
  const places = placesOf(directory, index);
  const label = goal.kind === 'size' ? `stage ${index + 1} of ${work.stages}` : `stage ${index + 1}`;
  const share = shareOf(goal.kind === 'size' ? goal.size : 'params', original, runtime);
  const measure = (model: Model) => {
    throwIfStopped(signal);
    return share(model);
  };
  const started = performance.now();
  const cut = await cutModel(work, next, measure, label);
  if (cut === undefined) return undefined;
  if (record.stages.some((stage) => !stage.accepted && stage.sizes.units.join() === unitsOf(cut))) {
    say(`${label}: no size lies between those that were tried`);
    return undefined;
  }
  await mkdir(places.folder, { recursive: true });
  await saveModel(places.cut, cut.model);
  const config = await stageConfig(work, places.cut, next.isLong);
  const teacher = sources.teacher === undefined ? {} : { teacher: join(directory, compressFiles.original) };
  const own = { ...sources, init: places.cut, ...teacher };
  const loaded = await task.load(config, own);
  const { scores: before } = await scoreModel(cut.model, {
    problem: loaded.problem,
    runtime,
    settings: config,
    signal,
  });
  say(`${label}: ${cutText(cut)}; ${scoresText(loaded, before.valid!)}`);
  const resume = existsSync(join(places.run, runFiles.config));
  const options = { config, task: loaded, directory: places.run, sources: own, resume };
  const { runStage = (_, all) => run({ ...all, runtime, signal }) } = work;
  const result = await runStage(label, options);
  const after = result.models.at(-1)!.scores.valid!;
  const isTrained = isWorth(loaded, before.valid!, after);
  if (!isTrained) say(`${label}: training made it no better; the model stays as it was cut`);
  const trained = isTrained ? after : finite(before.valid!);
  const model = isTrained ? await modelAfter(work, index) : cut.model;
  return {
    wanted: next.wanted,
    share: await measure(model),
    layers: cut.layers,
    compensation: cut.compensation,
    sizes: sizesOf(model),
    cut: finite(before.valid!),
    trained: { ...trained },
    isTrained,
    epochs: result.history.length,
    seconds: (performance.now() - started) / 1000,
    accepted: goal.kind === 'size' || isWithin(work, trained, goal.budget),
  };
}

/** Whether the deciding score did not get worse. */
function isWorth({ problem }: LoadedTask, before: ScoreValues, after: StageRecord['trained']): boolean {
  const [deciding] = problem.scores;
  const [was, is] = [before[deciding!.name]!, after[deciding!.name]];
  return typeof is === 'number' && !isBetter(deciding!, was, is);
}

function unitsOf({ model }: CutModel): string {
  return sizesOf(model).units.join();
}

function isWithin({ first, record }: Work, trained: Readonly<Record<string, number | null>>, budget: number): boolean {
  const [deciding] = first.problem.scores;
  const [before, after] = [record.original!.scores[deciding!.name], trained[deciding!.name]];
  if (typeof before !== 'number' || typeof after !== 'number') return false;
  return worseBy(deciding!, changeOf(deciding!, before, after)) <= budget;
}

async function cutModel(
  work: Work,
  { wanted, from }: NextStage,
  measure: (model: Model) => Promise<number>,
  label: string,
): Promise<CutModel | undefined> {
  const { goal, first, runtime, rank, config, say } = work;
  const { problem, states } = first;
  say(`${label}: cutting to ${percent(wanted)}`);
  const lossOf = async (model: Model) => {
    const { threads, seed } = config;
    const scorer = createScorer(model, { problem, runtime, threads, seed });
    try {
      return meanLoss.of(await scorer.score('valid', { signal: work.signal }));
    } finally {
      await scorer.release();
    }
  };
  const model = await modelAfter(work, from);
  try {
    return await cutTo({
      ...{ model, share: wanted, shareOf: measure, rank, problem, runtime, lossOf },
      ...{ states: first.isImported ? states : undefined, fix: config.fix, allLayers: work.allLayers },
    });
  } catch (error) {
    // As far as the loss allows it goes no further than layers of one unit.
    const isAsFarAsItGoes = goal.kind === 'loss' && work.record.stages.length > 0;
    if (!isAsFarAsItGoes || !(error instanceof SlimError) || error instanceof InterruptedError) throw error;
    say(`${label}: ${error.message}`);
    return undefined;
  }
}

function cutText({ layers, compensation, losses }: CutModel): string {
  const units = layers.map(({ name, before, after }) =>
    before === after ? `${name} ${after}` : `${name} ${before} → ${after}`,
  );
  const gain =
    losses.none > 0 ? `, loss ${losses[compensation].toPrecision(3)} instead of ${losses.none.toPrecision(3)}` : '';
  const how = compensation === 'none' ? 'without compensation' : `compensated by ${compensation}${gain}`;
  return `${units.join(', ')} units; ${how}`;
}

/** The configuration of a stage's training. */
async function stageConfig(work: Work, cut: string, isLong: boolean): Promise<RunConfig> {
  const { task, first } = work;
  // The original has the values and sizes that were given already.
  const { set: _, size: __, ...settings } = work.settings;
  const own = { ...(first.isImported ? settings : work.settings), ...(await task.settingsOf?.(cut)) };
  const [short, long] = await epochsOf(work, own);
  const epochs = isLong ? long : short;
  const { count } = first.problem.batches('train', { epoch: 0, seed: work.config.seed, rank: 0, ranks: 1 });
  const warmup = Math.min(WARM_UP, Math.floor(WARM_SHARE * count * epochs));
  return resolve(work, { warmup, ...own, epochs });
}

/** Epochs of short and long stages, decided once. */
async function epochsOf(work: Work, settings: Settings): Promise<readonly [number, number]> {
  const { record, first, config, epochs, seconds, runtime, stages, goal, say, save } = work;
  if (record.epochs !== undefined) return record.epochs;
  let decided = epochs === undefined ? usualEpochs(first, config) : epochsFor(epochs);
  if (seconds !== undefined) {
    const each = await secondsPerEpoch(
      first,
      resolve(work, { ...settings, ...(await work.task.settingsOf?.(work.sources.init)), epochs: 1 }),
      runtime,
    );
    // Where only the loss is bounded, some sizes are tried.
    decided = epochsWithin(seconds, each, goal.kind === 'size' ? stages : LIKELY_STAGES);
    say(`an epoch takes about ${each.toFixed(1)} s: ${decided.join(' and ')} epochs for each stage`);
  }
  record.epochs = [...decided] as [number, number];
  await save();
  return record.epochs;
}

/** Long stages that a bound on the loss usually takes. */
const LIKELY_STAGES = 10;

/** Writes the model that came out. */
async function finish(work: Work): Promise<CompressResult> {
  const { directory, goal, record, first, config, sources, runtime } = work;
  const chosen = lastAccepted(record.stages);
  const model = join(directory, compressFiles.model);
  if (chosen < 0) {
    const { budget } = goal as Extract<CompressGoal, { kind: 'loss' }>;
    throw new SlimError(
      `no smaller model was within ${percent(budget)} of the original on held-out data; allow more with --loss-budget, or ` +
        `train longer with --epochs (what was tried is in ${directory})`,
    );
  }
  throwIfStopped(work.signal);
  await saveModel(model, await modelAfter(work, chosen));
  const original = record.original!;
  const quantized = work.quantize && (await inFewerBits(work, work.quantize, await modelAfter(work, chosen)));
  const scores = scoreKinds(first.problem.scores);
  const result = {
    directory,
    model,
    goal,
    scores,
    original,
    stages: record.stages,
    chosen: record.stages[chosen]!,
    quantized,
  };
  const led = record.stages.flatMap((stage, i) => (stage.accepted && i <= chosen ? [placesOf(directory, i).run] : []));
  await writeAsRun({ ...{ result, config, sources, runtime }, task: first, runs: led });
  return result;
}

/** Writes the model in fewer bits beside it, and scores it as it is. */
async function inFewerBits(
  { directory, first, config, runtime, say }: Work,
  form: CompressForm,
  model: Model,
): Promise<QuantizedResult> {
  say(`storing the weights as ${form}`);
  const { model: quantized } = quantizeModel(model, { to: form });
  const options = { problem: first.problem, runtime, settings: config };
  const changes = await scoreChanges(model, quantized, 'valid', options);
  const file = join(directory, `model.${form}.onnx`);
  const bytes = await saveModel(file, quantized);
  return {
    form,
    file,
    bytes,
    scores: finite(Object.fromEntries(changes.map(({ score, after }) => [score.name, after]))),
  };
}
