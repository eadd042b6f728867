import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { type Environment, environment } from '../base/environment.ts';
import { UsageError } from '../base/errors.ts';
import type { LoadedCorpus } from '../data/makeCorpus.ts';
import type { Model } from '../graph/types.ts';
import { readJson } from '../runs/runDirectory.ts';
import { freshModel } from '../tasks/language-model/freshModel.ts';
import { initialModelPath, loadInitialModel, loadText, modelFrom } from '../tasks/language-model/start.ts';
import { checkConfig, type PartialConfig, type TrainConfig, trainConfigSchema } from '../train/config.ts';
import { checkMethod } from '../train/sparsity.ts';
import { runDigest } from '../train/trainer.ts';
import { type GridRun, gridRuns, type Varied } from './grid.ts';
import { type Halving, type HalvingOptions, planHalving } from './rungs.ts';

/** Files of a sweep's directory, beside a folder for each run. */
export const sweepFiles = { plan: 'sweep.json', result: 'sweep-result.json' } as const;

/** A run of a sweep, and what its checkpoints belong to. */
export interface PlannedRun extends GridRun {
  /** Digest of configuration and data. */
  readonly digest: string;
}

/** All that determines what a sweep finds, as sweep.json holds it. */
export interface SweepPlan extends Halving {
  readonly runs: readonly PlannedRun[];
  /** Where the text comes from; null: the embedded corpus. */
  readonly data: string | null;
  /** The model that all runs start from, if there is one, with the SHA-256 of its file. */
  readonly init: { readonly path: string; readonly sha256: string } | null;
  /** How the plan came about. */
  readonly environment: Environment;
}

/** What a sweep is asked for. */
export interface SweepRequest extends HalvingOptions {
  /** Fields that all runs have in common, such as those of a preset. */
  readonly base: PartialConfig;
  /** Fields that go before those of `base` and before the sizes of `init`. */
  readonly overrides?: PartialConfig | undefined;
  /** Values of those in which they differ. */
  readonly varied: Varied;
  readonly data?: string | undefined;
  /** A trained model (ONNX file or run directory) that every run starts from. */
  readonly init?: string | undefined;
}

/**
 * Plans a sweep without starting or writing anything: the runs, their rungs and the digests of their data. Throws a
 * UsageError for whatever would stop it later: fields, values, text, sizes that do not fit into memory, targets out of
 * reach.
 */
export async function planSweep({ base, overrides, varied, data, init, ...halving }: SweepRequest): Promise<SweepPlan> {
  const start = init === undefined ? undefined : await startFrom(init);
  const runs = gridRuns({ ...base, ...start?.sizes, ...overrides }, varied);
  const rungs = planHalving(
    runs.map(({ config }) => config.epochs),
    halving,
  );
  const corpora = new Map<string, LoadedCorpus>();
  const checked = new Set<string>();
  const planned: PlannedRun[] = [];
  for (const run of runs) {
    const { config } = run;
    const text = JSON.stringify([config.vocabulary, config.trainTokens, config.batch, config.steps]);
    const corpus = corpora.get(text) ?? (await loadText(config, data));
    corpora.set(text, corpus);
    const { cell, hidden, depth, embedding, target, issEmbedding, keepZeros } = config;
    const model = JSON.stringify([text, cell, hidden, depth, embedding, target, issEmbedding, keepZeros]);
    if (!checked.has(model)) checkMethod(config, firstModel(config, corpus, start));
    checked.add(model);
    planned.push({ ...run, digest: runDigest(config, corpus) });
  }
  const from = start && { path: start.source, sha256: await fileDigest(initialModelPath(start.source)) };
  return { ...rungs, runs: planned, data: data ?? null, init: from ?? null, environment: environment() };
}

/** A trained model, and the path that names it. */
interface Start {
  readonly source: string;
  readonly model: Model;
  readonly sizes: PartialConfig;
}

async function startFrom(source: string): Promise<Start> {
  return { source, ...(await loadInitialModel(initialModelPath(source))) };
}

/** The model that a run begins with: untrained, or with the weights of the one that it starts from. */
function firstModel(config: TrainConfig, { vocabulary }: LoadedCorpus, start: Start | undefined): Model {
  return start === undefined
    ? freshModel(config, vocabulary)
    : modelFrom(start.model, config, vocabulary, start.source);
}

/** Text and first model of a planned run; throws a UsageError when they are no longer what was planned. */
export async function loadPlanned(
  { data, init }: SweepPlan,
  run: PlannedRun,
): Promise<{ corpus: LoadedCorpus; model: Model }> {
  const corpus = await loadText(run.config, data ?? undefined);
  if (runDigest(run.config, corpus) !== run.digest) {
    throw new UsageError(`${corpus.source} has changed since the sweep began; it cannot go on with other text`);
  }
  const start = init === null ? undefined : await startFrom(init.path);
  if (init !== null && (await fileDigest(initialModelPath(init.path))) !== init.sha256) {
    throw new UsageError(`${init.path} has changed since the sweep began; it cannot go on from another model`);
  }
  return { corpus, model: firstModel(run.config, corpus, start) };
}

/**
 * Throws a UsageError when text or first model are no longer what was planned. Runs that read the text in the same way
 * have the same.
 */
export async function checkSources(plan: SweepPlan): Promise<void> {
  const seen = new Set<string>();
  for (const run of plan.runs) {
    const { vocabulary, trainTokens } = run.config;
    const text = JSON.stringify([vocabulary, trainTokens]);
    if (!seen.has(text)) await loadPlanned(plan, run);
    seen.add(text);
  }
}

async function fileDigest(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

const planSchema = z.object({
  rungs: z.array(z.int().positive()),
  eta: z.number().gt(1),
  runs: z
    .array(
      z.object({
        name: z.string().regex(/^[\w.-]+$/),
        varied: z.record(z.string(), z.union([z.number(), z.boolean(), z.string(), z.array(z.number())])),
        config: trainConfigSchema,
        digest: z.string(),
      }),
    )
    .min(2),
  data: z.string().nullable(),
  init: z.object({ path: z.string(), sha256: z.string() }).nullable(),
  environment: z.object({
    command: z.string(),
    slimrnn: z.string(),
    node: z.string(),
    machine: z.object({ cpu: z.string(), cores: z.number(), memoryGigabytes: z.number() }),
  }),
});

/** True for a folder with the plan of a sweep. */
export function isSweepDirectory(directory: string): boolean {
  return existsSync(join(directory, sweepFiles.plan));
}

/** Reads sweep.json; throws a UsageError when it is missing, damaged or of another version. */
export async function readPlan(directory: string): Promise<SweepPlan> {
  const path = join(directory, sweepFiles.plan);
  if (!existsSync(path)) {
    throw new UsageError(`${directory} is no sweep (it has no ${sweepFiles.plan}); start one without --resume`);
  }
  const parsed = planSchema.safeParse(await readJson(path));
  if (!parsed.success) throw new UsageError(`${path} was written by another version of slimrnn, or changed by hand`);
  const runs = parsed.data.runs.map((run) => ({ ...run, config: checkConfig(run.config, `${path}, ${run.name}`) }));
  return { ...parsed.data, runs };
}

/** Throws a UsageError that names the first difference when a sweep is resumed with another plan than it began with. */
export function requireSamePlan(saved: SweepPlan, now: SweepPlan, directory: string): void {
  const parts = (plan: SweepPlan): [what: string, content: unknown][] => [
    ['--data', plan.data],
    ['--init', plan.init],
    ['rungs', plan.rungs],
    ['--eta', plan.eta],
    ['number of runs', plan.runs.length],
    ...plan.runs.map((run): [string, unknown] => [`run ${run.name}`, [run.config, run.varied]]),
    ['text', plan.runs.map((run) => run.digest)],
  ];
  const wanted = parts(now);
  const other = parts(saved).findIndex(([, content], i) => JSON.stringify(content) !== JSON.stringify(wanted[i]?.[1]));
  if (other < 0) return;
  throw new UsageError(
    `${directory} holds another sweep (${wanted[other]![0]} differs); --resume needs the same: ` +
      `slimrnn sweep ${directory} --resume goes on with what was planned`,
  );
}
