import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import { readSettings } from '../config/readSettings.ts';
import { refusal } from '../runs/formats.ts';
import { foundPaths, placesOf, placesSchema } from '../runs/places.ts';
import { environmentSchema } from '../runs/record.ts';
import { readJson, writeJson } from '../runs/runDirectory.ts';
import { scoreKindSchema } from '../train/metrics.ts';
import type { SweepPlan } from './plan.ts';
import { fieldValueSchema } from './values.ts';

/** Files of a sweep's directory, beside a folder for each run. */
export const sweepFiles = { plan: 'sweep.json', result: 'sweep-result.json' } as const;

/** Format of the files that this version writes. */
export const SWEEP_FORMAT = 2;

const path = z.string().optional();

const planSchema = z.object({
  format: z.literal(SWEEP_FORMAT),
  rungs: z.array(z.int().positive()),
  eta: z.number().gt(1),
  runs: z
    .array(
      z.object({
        name: z.string().regex(/^[\w.-]+$/),
        varied: z.record(z.string(), fieldValueSchema),
        config: z.record(z.string(), z.unknown()),
        digest: z.string(),
      }),
    )
    .min(1),
  sources: z.object({ data: path, valid: path, test: path, init: path, teacher: path }),
  places: placesSchema.optional(),
  initDigest: z.string().optional(),
  items: z.string(),
  scores: z.array(scoreKindSchema).min(1),
  environment: environmentSchema,
});

/** True for a folder with the plan of a sweep. */
export function isSweepDirectory(directory: string): boolean {
  return existsSync(join(directory, sweepFiles.plan));
}

/** Writes sweep.json. */
export async function savePlan(directory: string, plan: SweepPlan): Promise<void> {
  await writeJson(join(directory, sweepFiles.plan), {
    ...planDocument(plan),
    places: await placesOf({ ...plan.sources }, directory),
  });
}

/** What sweep.json says, but for where its sources are seen from. */
export function planDocument(plan: SweepPlan): object {
  return { format: SWEEP_FORMAT, ...plan };
}

/** Reads sweep.json; throws a UsageError when it is missing, damaged or of another version. */
export async function readPlan(directory: string): Promise<SweepPlan> {
  const file = join(directory, sweepFiles.plan);
  if (!existsSync(file)) {
    throw new UsageError(`${directory} is no sweep (it has no ${sweepFiles.plan}); start one without --resume`);
  }
  return planIn(await readJson(file), file, directory);
}

/** The plan that a document is, which came from a file; `directory` is where its sources are seen from. */
export function planIn(content: unknown, file: string, directory: string): SweepPlan {
  // Version 0.1 named no format.
  if (typeof content === 'object' && content !== null && 'runs' in content && !('format' in content)) {
    throw new UsageError(
      `${directory} was begun by version 0.1 of slimrnn, whose sweeps this version cannot go on with; ` +
        'its runs can still be shown (report, serve): begin a sweep with another --out',
    );
  }
  const parsed = planSchema.safeParse(content);
  if (!parsed.success) throw new UsageError(refusal(file, content));
  const { format: _, places, ...plan } = parsed.data;
  const runs = plan.runs.map((run) => {
    const config = readSettings(`${file}, ${run.name}`, run.config, {}, (field) => field);
    return { ...run, config };
  });
  return { ...plan, sources: foundPaths(plan.sources, places, directory), runs };
}

/** Throws a UsageError that names the first difference when a sweep is resumed with another plan than it began with. */
export function requireSamePlan(saved: SweepPlan, now: SweepPlan, directory: string): void {
  const parts = (plan: SweepPlan): [what: string, content: unknown][] => [
    // Whether other paths hold the same is for the digests to say.
    ['--data', plan.sources.data === undefined],
    ['--valid', plan.sources.valid === undefined],
    ['--test', plan.sources.test === undefined],
    ['--init', plan.sources.init === undefined],
    ['--teacher', plan.sources.teacher === undefined],
    ['the model of --init', plan.initDigest],
    ['rungs', plan.rungs],
    ['--eta', plan.eta],
    ['number of runs', plan.runs.length],
    ...plan.runs.map((run): [string, unknown] => [`run ${run.name}`, [run.config, run.varied]]),
    ['data', plan.runs.map((run) => run.digest)],
  ];
  const wanted = parts(now);
  const other = parts(saved).findIndex(([, content], i) => JSON.stringify(content) !== JSON.stringify(wanted[i]?.[1]));
  if (other < 0) return;
  throw new UsageError(
    `${directory} holds another sweep (${wanted[other]![0]} differs); --resume needs the same: ` +
      `slimrnn sweep ${directory} --resume goes on with what was planned`,
  );
}
