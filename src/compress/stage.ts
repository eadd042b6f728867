import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SlimError } from '../base/errors.ts';
import type { Settings } from '../base/fields.ts';
import { percent } from '../base/format.ts';
import type { Model } from '../graph/types.ts';
import { saveModel } from '../onnx/file.ts';
import { run } from '../runs/run.ts';
import { runFiles } from '../runs/runDirectory.ts';
import { changeOf, isBetter, meanLoss, type ScoreValues, worseBy } from '../tasks/score.ts';
import type { LoadedTask } from '../tasks/task.ts';
import { InterruptedError, throwIfStopped } from '../train/errors.ts';
import { createScorer, scoreModel } from '../train/scorer.ts';
import type { NextStage } from './course.ts';
import { type CutModel, cutTo } from './cutTo.ts';
import { epochsFor, epochsWithin, secondsPerEpoch, usualEpochs } from './epochs.ts';
import { compressFiles, type StageRecord } from './record.ts';
import { shareOf, sizesOf } from './sizes.ts';
import { type Found, findSettings } from './trials.ts';
import { configFrom, finite, modelAfter, placesOf, scoresText, type Work } from './work.ts';

/** Updates over which the learning rate rises: behind a cut, Adam's first steps would undo what compensation gained. */
const WARM_UP = 100;
/** At most this share of all updates. */
const WARM_SHARE = 0.1;

/** Long stages that a bound on the loss usually takes. */
const LIKELY_STAGES = 10;

/** Cuts and trains; undefined where no cut of that size is possible or new, and none is needed. */
export async function trainStage(work: Work, next: NextStage): Promise<StageRecord | undefined> {
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
  const settings = await stageSettings(work, places.cut, next.isLong);
  const teacher = sources.teacher === undefined ? {} : { teacher: join(directory, compressFiles.original) };
  const own = { ...sources, init: places.cut, ...teacher };
  // A teacher runs once over all inputs when a task is loaded; of what trials change, only dropout is part of a model.
  const tasks = new Map<unknown, Promise<LoadedTask>>();
  const taskWith = (more: Settings) => {
    const config = configFrom(work, { ...settings, ...more });
    const known = tasks.get(config.model?.keep) ?? task.load(config, own);
    tasks.set(config.model?.keep, known);
    return known;
  };
  const loaded = await taskWith({});
  const { scores: before } = await scoreModel(cut.model, {
    ...{ problem: loaded.problem, runtime, signal },
    settings: work.config,
  });
  say(`${label}: ${cutText(cut)}; ${scoresText(loaded, before.valid!)}`);
  const found = await foundSettings(work, settings, taskWith);
  const config = configFrom(work, { ...settings, ...found });
  const resume = existsSync(join(places.run, runFiles.config));
  const options = { config, task: await taskWith(found), directory: places.run, sources: own, resume };
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
    rank: cut.rank,
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

function cutText({ layers, rank, compensation, losses }: CutModel): string {
  const units = layers.map(({ name, before, after }) =>
    before === after ? `${name} ${after}` : `${name} ${before} → ${after}`,
  );
  const gain =
    losses.none > 0 ? `, loss ${losses[compensation].toPrecision(3)} instead of ${losses.none.toPrecision(3)}` : '';
  const how = compensation === 'none' ? 'without compensation' : `compensated by ${compensation}${gain}`;
  return `${units.join(', ')} units, ranked by ${rank}; ${how}`;
}

/** The settings of a stage's training. */
async function stageSettings(work: Work, cut: string, isLong: boolean): Promise<Settings> {
  const { task, first } = work;
  // The original has the values and sizes that were given already.
  const { set: _, size: __, ...settings } = work.settings;
  const own = { ...(first.isImported ? settings : work.settings), ...(await task.settingsOf?.(cut)) };
  const [short, long] = await epochsOf(work, own);
  const epochs = isLong ? long : short;
  const warmup = Math.min(WARM_UP, Math.floor(WARM_SHARE * updatesIn(work, epochs)));
  return { warmup, ...own, epochs };
}

/** Settings that nobody says: how much dropout keeps only where the task has some. */
function soughtSettings({ usual }: Work, settings: Settings): (keyof Found)[] {
  const known = usual?.keep === undefined ? (['learningRate'] as const) : (['learningRate', 'keep'] as const);
  return known.filter((name) => settings[name] === undefined);
}

/** What nobody says and trials find, once, behind the first cut. */
async function foundSettings(
  work: Work,
  settings: Settings,
  taskWith: (more: Settings) => Promise<LoadedTask>,
): Promise<Settings> {
  const { record, usual = {}, runtime, signal, say, save } = work;
  if (record.found === undefined) {
    const known = { ...usual, learningRate: Number(configFrom(work, settings).schedule.learningRate) };
    const wanted = soughtSettings(work, settings);
    const found = await findSettings(known, wanted, {
      ...{ runtime, signal, say, taskWith: (own) => taskWith({ ...own }) },
      updates: updatesIn(work, record.epochs![1]),
      configWith: (own) => configFrom(work, { ...settings, ...own }),
    });
    record.found = Object.fromEntries(wanted.map((name) => [name, found[name]]));
    await save();
  }
  return record.found;
}

function updatesIn({ first, config }: Work, epochs: number): number {
  return epochs * first.problem.batches('train', { epoch: 0, seed: config.seed, rank: 0, ranks: 1 }).count;
}

/** Epochs of short and long stages, decided once. */
async function epochsOf(work: Work, settings: Settings): Promise<readonly [number, number]> {
  const { record, first, config, epochs, seconds, runtime, stages, goal, say, save } = work;
  if (record.epochs !== undefined) return record.epochs;
  let decided = epochs === undefined ? usualEpochs(first, config) : epochsFor(epochs);
  if (seconds !== undefined) {
    const each = await secondsPerEpoch(
      first,
      configFrom(work, { ...settings, ...(await work.task.settingsOf?.(work.sources.init)), epochs: 1 }),
      runtime,
    );
    const { length: sought } = soughtSettings(work, settings);
    // Where only the loss is bounded, some sizes are tried.
    decided = epochsWithin(seconds, each, goal.kind === 'size' ? stages : LIKELY_STAGES, sought);
    say(`an epoch takes about ${each.toFixed(1)} s: ${decided.join(' and ')} epochs for each stage`);
  }
  record.epochs = [...decided] as [number, number];
  await save();
  return record.epochs;
}
