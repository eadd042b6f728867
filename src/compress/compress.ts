import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { sha256Hex } from '../base/digest.ts';
import { SlimError, UsageError } from '../base/errors.ts';
import type { Settings } from '../base/fields.ts';
import { percent } from '../base/format.ts';
import { acquireLock } from '../base/lock.ts';
import { freeFields, type RunConfig } from '../config/runConfig.ts';
import type { Model } from '../graph/types.ts';
import { saveModel } from '../onnx/file.ts';
import { encodeModel } from '../onnx/write.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';
import { quantizeModel } from '../quantize/quantize.ts';
import { scoreChanges } from '../quantize/scores.ts';
import { checkNewRunDirectory, createRunDirectory } from '../runs/runDirectory.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { shrinkModel } from '../slim/shrink.ts';
import { scoreKinds } from '../tasks/score.ts';
import type { LoadedTask } from '../tasks/task.ts';
import { throwIfStopped } from '../train/errors.ts';
import { scoreModel } from '../train/scorer.ts';
import { writeAsRun } from './asRun.ts';
import { lastAccepted, nextStage } from './course.ts';
import { orderOf, requireSmallEnough, tracedFor } from './cutTo.ts';
import type { CompressGoal } from './goal.ts';
import {
  type CompressForm,
  type CompressRecord,
  type CompressResult,
  compressFiles,
  type QuantizedResult,
  readRecord,
  writeRecord,
} from './record.ts';
import { shareOf, sizesOf } from './sizes.ts';
import { trainStage } from './stage.ts';
import { type CompressOptions, configFrom, finite, modelAfter, placesOf, scoresText, type Work } from './work.ts';

/** Share of the examples that is held out where no held-out data are named. */
export const HELD_OUT = 0.2;

/**
 * Adam's β₂ in stages. Behind a cut the first gradients are large; the usual 0.999 remembers them for as long as a stage
 * lasts, and takes steps that are too small (docs/compress.md).
 */
const BETA2 = 0.99;

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
  const given = withDefaults(options);
  const own = await task.settingsOf?.(sources.init);
  const resolved = (settings: Settings) => configFrom(options, { ...own, ...settings, epochs: 1 });
  const isAdam = resolved(given).optimizer.kind === 'adam';
  const settings = isAdam ? { beta2: BETA2, ...given } : given;
  const config = resolved(settings);
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

/** Identifies what determines a compression besides goal and ranking. */
function digestOf({ settings, epochs, seconds }: CompressOptions, { problem }: LoadedTask, original: Model): string {
  const determining = Object.fromEntries(Object.entries(settings).filter(([field]) => !freeFields.has(field)));
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
