import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../base/errors.ts';
import { acquireLock } from '../base/lock.ts';
import type { RunConfig } from '../config/runConfig.ts';
import { trainParts } from '../config/trainParts.ts';
import { numbersOf } from '../graph/numbers.ts';
import type { Model } from '../graph/types.ts';
import { biasShares, countParameters } from '../inspect/costs.ts';
import { describeModel } from '../inspect/describe.ts';
import { loadModel } from '../onnx/file.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';
import { readResult } from '../runs/result.ts';
import { type DirectoryRunOptions, saveConfig, trainInDirectory, trainToEnd } from '../runs/run.ts';
import { clearTemporaries, runFiles } from '../runs/runDirectory.ts';
import { shrinkZeros } from '../slim/shrink.ts';
import { isCollapsed } from '../train/collapse.ts';
import { HopelessError } from '../train/errors.ts';
import { ORPHANS } from './childProcess.ts';
import { loadPlanned, type SweepPlan } from './plan.ts';
import { addFailure, addRung, type RungEntry } from './runRecord.ts';

/** A stretch of one run. */
interface Stretch extends Pick<DirectoryRunOptions, 'runtime' | 'onEpoch' | 'signal'> {
  readonly plan: SweepPlan;
  /** Index of the run in the plan. */
  readonly run: number;
  /** Directory of the sweep; the run has the folder of its name in it. */
  readonly directory: string;
  /** Epoch to train to. */
  readonly until: number;
}

/**
 * Trains one run of a sweep from wherever it is up to an epoch, and to its result when that is the last one. What was
 * reached, or that the run diverged or collapsed, stands in its record afterwards. Throws LockedError when another process has the
 * run.
 */
export async function advance({ plan, run: index, directory: sweep, until, ...rest }: Stretch): Promise<void> {
  const run = plan.runs[index]!;
  const { config } = run;
  const { sources } = plan;
  const directory = join(sweep, run.name);
  await mkdir(directory, { recursive: true });
  const lock = await acquireLock(directory, { patience: ORPHANS });
  try {
    await clearTemporaries(directory);
    const task = await loadPlanned(plan, run);
    if (!existsSync(join(directory, runFiles.config))) {
      await saveConfig(directory, config, task, sources);
    }
    const options = { config, task, sources, directory, resume: true, ...rest };
    const standing = until < config.epochs ? await toRung(options, until) : await toResult(options);
    await addRung(directory, standing);
  } catch (error) {
    if (!(error instanceof HopelessError)) throw error;
    const { kind, epoch, reason } = error;
    await addFailure(directory, { kind, epochs: epoch - 1, reason });
  } finally {
    lock.release();
  }
}

/** Trains up to a rung and leaves the run standing there. */
async function toRung(options: DirectoryRunOptions, until: number): Promise<RungEntry> {
  const { model, history, start } = await trainInDirectory({ ...options, untilEpoch: until });
  const last = history.at(-1)!;
  if (last.epoch > until) {
    throw new UsageError(
      `${options.directory} has ${last.epoch} epochs already and should stand after ${until}: it was trained further by ` +
        'another command; delete the folder, and --resume trains the run anew',
    );
  }
  const collapsed = isCollapsed(start.layers, last.alive);
  return standingOf(model, options.config, { epoch: until, epochs: last.epoch, scores: last.valid!, collapsed });
}

/** Trains to the end and scores, unless that is done. */
async function toResult(options: DirectoryRunOptions): Promise<RungEntry> {
  const { directory, config } = options;
  if (!existsSync(join(directory, runFiles.result))) await trainToEnd(options);
  const { models, history, layers } = await readResult(directory);
  const last = models.at(-1)!;
  const collapsed = isCollapsed(layers ?? [], history.at(-1)!.alive);
  const reached = { epoch: config.epochs, epochs: history.length, scores: last.scores.valid!, collapsed };
  return standingOf(await loadModel(join(directory, last.file)), config, reached);
}

/** How a trained model stands without its dead units, whether or not the training shrank it. */
function standingOf(
  trained: Model,
  config: RunConfig,
  { collapsed, ...reached }: Pick<RungEntry, 'epoch' | 'epochs' | 'scores' | 'collapsed'>,
): RungEntry {
  const { method, settings } = trainParts(config);
  const whole = withoutDropout(trained);
  // In dense training no unit dies, and its model need not be one whose units can be traced.
  const { model } = method.isDense
    ? { model: whole }
    : shrinkZeros(whole, { embeddings: method.embeddings, fix: settings.fix ?? [] });
  const hidden = describeModel(model).layers.map((layer) => layer.units);
  const sizes = { hidden, parameters: countParameters(model.graph), nonzero: countNonzero(model) };
  // A dense model is as small as it was made.
  return { ...reached, ...sizes, ...(collapsed && !method.isDense && { collapsed }) };
}

/** Weights that are not zero, counted as `countParameters` counts weights. */
function countNonzero({ graph }: Model): number {
  const shares = biasShares(graph);
  let count = 0;
  for (const [name, tensor] of graph.initializers) {
    if (tensor.elementType !== 'float32' || tensor.dims.length === 0) continue;
    let nonzero = 0;
    for (const value of numbersOf(tensor) ?? []) if (value !== 0) nonzero++;
    count += nonzero * (shares.get(name) ?? 1);
  }
  return Math.round(count);
}
