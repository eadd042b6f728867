import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import type { Settings } from '../base/fields.ts';
import type { RunConfig } from '../config/runConfig.ts';
import { traceModel } from '../groups/traceModel.ts';
import { describeMethod } from '../methods/registry.ts';
import { loadModel } from '../onnx/file.ts';
import { forecastRun } from '../runs/forecast.ts';
import { follow, requireDivisible } from '../runs/ranks.ts';
import type { RunResult } from '../runs/result.ts';
import { finishedRun, type RunOptions } from '../runs/run.ts';
import { checkNewRunDirectory, runFiles, writeJson } from '../runs/runDirectory.ts';
import { overSeeds, type SeedsResult } from '../runs/seeds.ts';
import { runtimeFor } from '../runtime/devices.ts';
import { taskNamed } from '../tasks/registry.ts';
import type { Sources } from '../tasks/task.ts';
import { type Collective, single } from '../train/collective.ts';
import { forecastText } from './forecastText.ts';
import { note, print } from './output.ts';
import { runWithDisplay, scoresText, withDisplay } from './progress.ts';
import type { Joined } from './ranks.ts';
import { resultText, seedsText } from './resultText.ts';

/** What the user says of a run besides its configuration. */
export interface TrainFlags extends Sources {
  readonly out?: string;
  readonly resume?: boolean | undefined;
  readonly tensorboard?: boolean | undefined;
  readonly seeds?: readonly number[];
  readonly printConfig?: boolean;
  readonly dryRun?: boolean;
}

/** A run that a command line asks for. */
export interface TrainRequest extends Pick<RunOptions, 'directory'> {
  readonly config: RunConfig;
  readonly sources: Sources;
}

/** Adds the flags of `TrainFlags` that say what becomes of a configuration. */
export function addRunFlags(command: Command, whatOut: string): void {
  command
    .option('--out <dir>', whatOut)
    .option('--resume', 'go on with the run in --out from its last checkpoint')
    .option('--seeds <list>', 'one run for each seed, in folders of --out, with mean and deviation: 1,2,3', parseSeeds)
    .option('--print-config', 'print the configuration with all that nobody said, as train takes it, and do nothing')
    .option('--dry-run', 'check model and data, say sizes, memory and updates, and write nothing')
    .option('--tensorboard', 'keep an event file for TensorBoard in the run directory');
}

function parseSeeds(text: string): number[] {
  const seeds = text.split(',').map((seed) => (seed.trim() === '' ? Number.NaN : Number(seed)));
  const isList = seeds.every((seed) => Number.isSafeInteger(seed) && seed >= 0) && new Set(seeds).size === seeds.length;
  if (isList && seeds.length > 1) return seeds;
  throw new UsageError(`--seeds takes different whole numbers, at least two of them: 1,2,3; got '${text}'`);
}

/** Throws a UsageError where both one seed and several are asked for. */
export function refuseSeed({ seeds }: TrainFlags, said: Settings): void {
  if (seeds !== undefined && said.seed !== undefined) throw new UsageError('give one of --seed and --seeds');
}

/** Does what the flags say with a run, alone or with other processes, and prints what came out. */
export async function carryOut(request: TrainRequest, flags: TrainFlags, joined: Joined): Promise<void> {
  const { config, sources, directory } = request;
  const { seeds, resume, tensorboard } = flags;
  if (flags.printConfig) {
    const named = Object.fromEntries(Object.entries(sources).filter(([, path]) => path !== undefined));
    const document = { ...config, ...(Object.keys(named).length > 0 && { sources: named }) };
    print(document, () => JSON.stringify(document, null, 2));
    return;
  }
  if (flags.dryRun) {
    if (!resume) await checkNewRunDirectory(directory);
    const runtime = await runtimeFor(config.device);
    const task = await taskNamed(config.task.kind)!.load(config, sources);
    const forecast = await forecastRun(config, task, runtime);
    const document = { directory, seeds: seeds ?? [config.seed], ...forecast };
    print(document, () => forecastText(document));
    return;
  }
  if (seeds === undefined) {
    const result = await trainInto({ ...request, resume, tensorboard }, joined);
    if (result) print(result, () => resultText(result));
    return;
  }
  if (joined.collective.ranks > 1) throw new UsageError('--seeds trains one run after the other: leave out mpirun');
  const document = await trainSeeds(request, seeds, flags);
  print(document, () => seedsText(document));
}

/** One run for each seed, in a folder of its own, and what they came to together. */
async function trainSeeds(
  { config, sources, directory }: TrainRequest,
  seeds: readonly number[],
  { resume, tensorboard }: TrainFlags,
): Promise<SeedsResult & { readonly directory: string }> {
  if (!resume) await checkNewRunDirectory(directory);
  const results: RunResult[] = [];
  for (const seed of seeds) {
    const own = join(directory, `seed-${seed}`);
    note(`seed ${seed}, ${results.length + 1} of ${seeds.length}`);
    const isBegun = resume && existsSync(join(own, runFiles.config));
    results.push(
      await trainAndShow(
        { config: { ...config, seed }, sources, directory: own, resume: isBegun, tensorboard },
        single,
      ),
    );
  }
  const document = { directory, ...overSeeds(seeds, results) };
  await writeJson(join(directory, 'seeds.json'), document);
  return document;
}

/** A run that is asked for, and how it is shown. */
type IntoOptions = TrainRequest & Pick<TrainFlags, 'resume' | 'tensorboard'>;

/**
 * A run with all that a person wants to see of it. Of several processes the first one has the run directory; the others
 * help it to train and resolve to nothing.
 */
async function trainInto(options: IntoOptions, { collective, threads }: Joined): Promise<RunResult | undefined> {
  const config = { ...options.config, threads: options.config.threads ?? threads };
  requireDivisible(config, collective.ranks);
  if (collective.rank > 0) return helpToTrain({ ...options, config }, collective);
  return trainAndShow({ ...options, config }, collective);
}

async function helpToTrain(
  { config, sources, directory, resume }: IntoOptions,
  collective: Collective,
): Promise<undefined> {
  const runtime = await runtimeFor(config.device);
  const task = await taskNamed(config.task.kind)!.load(config, sources);
  await withDisplay(0, (_, signal) => follow({ config, task, directory, resume, runtime, signal, collective }));
}

async function trainAndShow(options: IntoOptions, collective: Collective): Promise<RunResult> {
  const { config, sources, directory, resume, tensorboard = false } = options;
  let layers: readonly string[] | undefined;
  const events = tensorboard ? await import('../tensorboard/writer.ts') : undefined;
  const updateEvents = () => events?.updateTensorBoard(directory, layers);
  // Here, too, and not only in `run`: before the data are read.
  const finished = resume ? await finishedRun(directory, config, sources) : undefined;
  if (finished) {
    note(`${directory} is finished already`);
    if (tensorboard) {
      const { groups } = traceModel(await loadModel(join(directory, runFiles.model)), { tolerant: true });
      layers = groups.layers.map(({ name }) => name);
    }
    updateEvents();
    return finished;
  }
  if (!resume) await checkNewRunDirectory(directory);
  // A device that is not there is told before data are read.
  const runtime = await runtimeFor(config.device);
  const task = await taskNamed(config.task.kind)!.load(config, sources);
  const result = await runWithDisplay({
    ...{ config, task, directory, sources, resume, collective, runtime },
    onReady(start) {
      for (const line of [...task.notes, ...start.notes.map((text) => `note: ${text}`)]) note(line);
      const units = start.layers.map((layer) => layer.units).join(', ');
      note(`${units === '' ? '' : `hidden ${units}; `}${describeMethod(config.method)}; run directory ${directory}`);
      if (start.before?.valid) note(`before  valid ${scoresText(task.problem.scores, start.before.valid)}`);
      layers = start.layers.map((layer) => layer.name);
      updateEvents();
    },
    onEpoch: updateEvents,
  });
  // A run that was resumed behind its last epoch has completed its metrics without another one.
  updateEvents();
  return result;
}
