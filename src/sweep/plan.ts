import { type Environment, environment } from '../base/environment.ts';
import { UsageError } from '../base/errors.ts';
import type { Settings } from '../base/fields.ts';
import { flattened } from '../config/resolve.ts';
import type { RunConfig } from '../config/runConfig.ts';
import { trainParts } from '../config/trainParts.ts';
import type { FirstModel } from '../methods/kind.ts';
import { modelDigest } from '../runs/places.ts';
import { taskNamed, tasks } from '../tasks/registry.ts';
import { type ScoreKind, scoreKinds } from '../tasks/score.ts';
import type { LoadedTask, Sources } from '../tasks/task.ts';
import { trainingGraph } from '../train/compile.ts';
import { firstModelOf, trainableForm } from '../train/trainableForm.ts';
import { runDigest } from '../train/trainer.ts';
import { type CommonSettings, type GridRun, gridRuns, type Varied } from './grid.ts';
import { type Halving, type HalvingOptions, planHalving } from './rungs.ts';

/** A run of a sweep, and what its checkpoints belong to. */
export interface PlannedRun extends GridRun {
  /** Digest of configuration and data. */
  readonly digest: string;
}

/** All that determines what a sweep finds, as sweep.json holds it. */
export interface SweepPlan extends Halving {
  readonly runs: readonly PlannedRun[];
  /** Where the data and the model that all runs start from come from. */
  readonly sources: Sources;
  /** SHA-256 of the file of that model, if there is one. */
  readonly initDigest?: string | undefined;
  /** What is counted: 'tokens', 'examples'. */
  readonly items: string;
  /** What the runs are judged by: the first one decides. */
  readonly scores: readonly ScoreKind[];
  /** How the plan came about. */
  readonly environment: Environment;
}

/** What a sweep is asked for. */
export interface SweepRequest extends CommonSettings, HalvingOptions {
  /** Values of the fields in which the runs differ. */
  readonly varied: Varied;
  /** Data, and with `init` a model (ONNX file or run directory) that every run starts from. */
  readonly sources?: Sources | undefined;
}

/**
 * Plans a sweep without starting or writing anything: the runs, their rungs and the digests of their data. Throws a
 * UsageError for whatever would stop it later: fields, values, data, sizes that do not fit into memory, targets out of
 * reach, a model that cannot be trained.
 */
export async function planSweep({
  base,
  overrides = {},
  varied,
  sources = {},
  ...halving
}: SweepRequest): Promise<SweepPlan> {
  const sizes = await settingsOfInit({ ...base, ...overrides }, sources);
  const runs = gridRuns({ base: { ...base, ...sizes }, overrides }, varied);
  const rungs = planHalving(
    runs.map(({ config }) => config.epochs),
    halving,
  );
  const planned: PlannedRun[] = [];
  let start: Start | undefined;
  let scores: readonly ScoreKind[] | undefined;
  for (const run of runs) {
    start = await startOf(run.config, sources, start);
    checkRun(run.config, start);
    planned.push({ ...run, digest: digestOf(run.config, start.task) });
    const own = scoreKinds(start.task.problem.scores);
    scores ??= own;
    if (JSON.stringify(own) === JSON.stringify(scores)) continue;
    const [first, other] = [scores, own].map(([deciding]) => deciding!.name);
    throw new UsageError(
      `run ${runs[0]!.name} is judged by ${first}, run ${run.name} by ${other}: they cannot be compared`,
    );
  }
  const { items } = start!.task.problem;
  const about = { items, scores: scores!, environment: environment() };
  return { ...rungs, runs: planned, sources, initDigest: await initDigest(sources), ...about };
}

/** Fields that the model of `--init` determines, such as its sizes. */
async function settingsOfInit(settings: Settings, { init }: Sources): Promise<Settings> {
  if (init === undefined) return {};
  const { task = tasks[0]!.name } = flattened(settings);
  return (await taskNamed(String(task))?.settingsOf?.(init)) ?? {};
}

/** A task with its data, and the first models of runs on it that were checked; only one is in memory at a time. */
interface Start {
  /** What two runs must have in common to share it. */
  readonly key: string;
  readonly task: LoadedTask;
  readonly firstModels: Map<string, FirstModel | undefined>;
}

/** Where a run starts: where the one before it did, if that is the same. */
async function startOf(config: RunConfig, sources: Sources, before: Start | undefined): Promise<Start> {
  const key = JSON.stringify([config.task, config.model, config.batch, config.seed]);
  if (before?.key === key) return before;
  const task = await taskNamed(config.task.kind)!.load(config, sources);
  if (!task.problem.splits.includes('valid')) {
    throw new UsageError('the runs of a sweep are compared on held-out data: name them with --valid');
  }
  return { key, task, firstModels: new Map() };
}

/** Throws UsageError or SlimError when a method cannot do what it is asked for, or a model cannot be trained. */
function checkRun(config: RunConfig, { task, firstModels }: Start): void {
  const { method, settings } = trainParts(config);
  const key = JSON.stringify([method.isDense, method.embeddings, settings.fix, settings.freeze]);
  if (!firstModels.has(key)) {
    const options = { method, settings, states: task.states };
    const form = trainableForm(task.model(), options);
    if (task.isImported) {
      const batches = task.problem.batches('train', { epoch: 0, seed: config.seed, rank: 0, ranks: 1 });
      trainingGraph(form.model, task.problem, new Set(form.weights.keys()), batches.shapeOf(0));
    }
    firstModels.set(key, firstModelOf(form, options));
  }
  const first = firstModels.get(key);
  if (first) method.check(first);
}

/** Identifies what the checkpoints of a run belong to. */
function digestOf(config: RunConfig, { problem }: LoadedTask): string {
  return runDigest({ digest: trainParts(config).digest, problem });
}

/** SHA-256 of the model that all runs start from; undefined when there is none. */
async function initDigest({ init }: Sources): Promise<string | undefined> {
  return init === undefined ? undefined : modelDigest(init);
}

/** The task of a planned run; throws a UsageError when data or first model are no longer what was planned. */
export async function loadPlanned({ sources, ...plan }: SweepPlan, run: PlannedRun): Promise<LoadedTask> {
  const { config, digest } = run;
  if ((await initDigest(sources)) !== plan.initDigest) {
    throw new UsageError(`${sources.init} has changed since the sweep began; it cannot go on from another model`);
  }
  const task = await taskNamed(config.task.kind)!.load(config, sources);
  if (digestOf(config, task) === digest) return task;
  const { data, valid, test, teacher } = sources;
  const named = [data, valid, test, teacher].filter((source) => source !== undefined);
  const where = named.length === 0 ? task.data.source : named.join(' or ');
  throw new UsageError(`${where} has changed since the sweep began; it cannot go on with other data`);
}

/** `loadPlanned` for all runs; those with the same fields of the task read the same data. */
export async function checkSources(plan: SweepPlan): Promise<void> {
  const seen = new Set<string>();
  for (const run of plan.runs) {
    const fields = JSON.stringify(run.config.task);
    if (!seen.has(fields)) await loadPlanned(plan, run);
    seen.add(fields);
  }
}
