import { join } from 'node:path';
import { type Environment, environment } from '../base/environment.ts';
import { denseKind } from '../methods/dense.ts';
import { methodOf } from '../methods/registry.ts';
import { loadModel } from '../onnx/file.ts';
import type { ModelScores, ResultModel } from '../runs/record.ts';
import { readResult } from '../runs/result.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { SweepPlan } from './plan.ts';
import { SWEEP_FORMAT } from './planFile.ts';
import { paretoFront } from './ranking.ts';
import type { RungEntry } from './runRecord.ts';
import { objectives, type RunState } from './standings.ts';
import { type RowLatency, timeModels } from './timing.ts';
import type { FieldValue } from './values.ts';

/** A run in the table of a sweep; scores and sizes of a stopped run are those at its last rung. */
export interface SweepRow extends Partial<Pick<RungEntry, 'hidden' | 'parameters' | 'nonzero' | 'collapsed'>> {
  /** Its folder. */
  readonly run: string;
  readonly varied: Readonly<Record<string, FieldValue>>;
  readonly state: 'finished' | 'stopped' | 'diverged' | 'collapsed' | 'failed';
  /** Why it diverged, collapsed or failed. */
  readonly reason?: string | undefined;
  readonly epochs: number;
  /** On the held-out data and, of a finished run, on the test data where there are some. */
  readonly scores: ModelScores;
  readonly bytes?: number | undefined;
  readonly latency?: RowLatency | undefined;
  /** Whether no finished run that has not collapsed is better in the deciding score and in size, or in that score and in latency at batch 1. */
  readonly front: { readonly size: boolean; readonly latency: boolean };
}

/** What a sweep found, as sweep-result.json holds it. */
export interface SweepResult extends Pick<SweepPlan, 'items' | 'scores' | 'rungs' | 'eta' | 'sources'> {
  readonly format: number;
  readonly directory: string;
  readonly rows: readonly SweepRow[];
  /** The run that latencies are compared with: the first dense one that finished, else the first one. */
  readonly reference?: string | undefined;
  /** Time steps of a timed run; absent for models that fix them. */
  readonly latencySteps?: number | undefined;
  /** Why the models were not timed although they were to be. */
  readonly untimed?: string | undefined;
  readonly seeds: readonly number[];
  readonly engine: string;
  /** Of the command that planned the sweep, and of the one that ended it. */
  readonly planned: Environment;
  readonly environment: Environment;
}

/** Makes the table of a sweep whose runs have all ended; times the models of the finished ones unless told not to. */
export async function sweepResult(
  plan: SweepPlan,
  directory: string,
  states: readonly RunState[],
  { runtime, latency }: { runtime: Runtime; latency: boolean },
): Promise<SweepResult> {
  const rows: SweepRow[] = [];
  for (const [i, state] of states.entries()) rows.push(await rowOf(plan, i, directory, state));
  const finished = rows.flatMap((row, i) => (row.state === 'finished' ? [i] : []));
  const reference = finished.find((i) => methodOf(plan.runs[i]!.config.method) === denseKind) ?? finished[0];
  const order = reference === undefined ? [] : [reference, ...finished.filter((i) => i !== reference)];
  const timing = latency && order.length > 0 ? await timeRuns(plan, directory, order, runtime) : undefined;
  const withTimes = rows.map((row, i): SweepRow => ({ ...row, latency: timing?.latencies?.[order.indexOf(i)] }));
  const { items, scores, rungs, eta, sources } = plan;
  return {
    format: SWEEP_FORMAT,
    directory,
    items,
    scores,
    rows: markFronts(withTimes, states, plan),
    reference: reference === undefined ? undefined : rows[reference]!.run,
    latencySteps: timing?.steps,
    untimed: timing?.untimed,
    rungs,
    eta,
    sources,
    seeds: [...new Set(plan.runs.map(({ config }) => config.seed))],
    engine: runtime.name,
    planned: plan.environment,
    environment: environment(),
  };
}

async function rowOf(plan: SweepPlan, index: number, directory: string, state: RunState): Promise<SweepRow> {
  const { name: run, varied } = plan.runs[index]!;
  const about = { run, varied, front: { size: false, latency: false } };
  if (state.kind === 'open' || state.kind === 'waiting') throw new Error(`${run} has not ended`);
  if ('reason' in state) {
    const { kind, reason, epochs } = state;
    return { ...about, state: kind, reason, epochs, scores: {} };
  }
  const { epoch: _, scores: valid, ...standing } = state.entry;
  const row = { ...about, state: state.kind, ...standing, scores: { valid } };
  if (state.kind === 'stopped') return row;
  const { scores, bytes } = await finalModel(directory, run);
  return { ...row, scores, bytes };
}

/** The slim model of a finished run, or its only one. */
async function finalModel(directory: string, run: string): Promise<ResultModel> {
  const { models } = await readResult(join(directory, run));
  return models.at(-1)!;
}

/** Times the models of finished runs in turn, the first being the reference. */
async function timeRuns(plan: SweepPlan, directory: string, runs: readonly number[], runtime: Runtime) {
  const contestants = [];
  for (const i of runs) {
    const { name } = plan.runs[i]!;
    contestants.push({ name, model: await loadModel(join(directory, name, (await finalModel(directory, name)).file)) });
  }
  return timeModels(contestants, { runtime, threads: plan.runs[runs[0]!]!.config.threads });
}

/** Notes which rows are on the Pareto fronts of quality and size, and of quality and latency. */
export function markFronts(
  rows: readonly SweepRow[],
  states: readonly RunState[],
  plan: Pick<SweepPlan, 'runs' | 'scores'>,
): SweepRow[] {
  const points = rows.flatMap((row, i) => {
    const state = states[i]!;
    if (state.kind !== 'finished' || state.entry.collapsed) return [];
    const [quality, size] = objectives(plan, i, state.entry);
    return [{ i, quality, size, latency: row.latency?.batch1 }];
  });
  const bySize = paretoFront(points.map(({ quality, size }) => [quality, size]));
  const timed = points.filter((p) => p.latency !== undefined);
  const byLatency = paretoFront(timed.map(({ quality, latency }) => [quality, latency!]));
  return rows.map((row, i) => ({
    ...row,
    front: {
      size: bySize[points.findIndex((p) => p.i === i)] ?? false,
      latency: byLatency[timed.findIndex((p) => p.i === i)] ?? false,
    },
  }));
}
