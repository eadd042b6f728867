import { join } from 'node:path';
import { type Environment, environment } from '../base/environment.ts';
import { benchLatency, type Contestant } from '../bench/latency.ts';
import { loadModel } from '../onnx/file.ts';
import type { RunResult } from '../runs/run.ts';
import { readJson, runFiles } from '../runs/runDirectory.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { methodName } from '../train/sparsity.ts';
import type { SweepPlan } from './plan.ts';
import { paretoFront } from './ranking.ts';
import { objectives, type RunState } from './standings.ts';
import type { FieldValue } from './values.ts';

/** Median milliseconds of a run of `LATENCY_STEPS` steps, and how often that goes into the reference's. */
export interface RowLatency {
  readonly batch1: number;
  readonly batch10: number;
  readonly speedup1: number;
  readonly speedup10: number;
}

/** A run in the table of a sweep; perplexities and sizes of a stopped run are those at its last rung. */
export interface SweepRow {
  /** Its folder. */
  readonly run: string;
  readonly varied: Readonly<Record<string, FieldValue>>;
  readonly state: 'finished' | 'stopped' | 'diverged' | 'failed';
  /** Why it diverged or failed. */
  readonly reason?: string | undefined;
  readonly epochs: number;
  readonly validPerplexity?: number | undefined;
  readonly testPerplexity?: number | undefined;
  readonly hidden?: readonly number[] | undefined;
  readonly parameters?: number | undefined;
  readonly nonzero?: number | undefined;
  readonly bytes?: number | undefined;
  readonly latency?: RowLatency | undefined;
  /** Whether no finished run is better in perplexity and in size, or in perplexity and in latency at batch 1. */
  readonly front: { readonly size: boolean; readonly latency: boolean };
}

/** What a sweep found, as sweep-result.json holds it. */
export interface SweepResult {
  readonly directory: string;
  readonly rows: readonly SweepRow[];
  /** The run that latencies are compared with: the first dense one that finished, else the first one. */
  readonly reference?: string | undefined;
  readonly rungs: readonly number[];
  readonly eta: number;
  readonly data: string | null;
  readonly seeds: readonly number[];
  readonly engine: string;
  /** Of the command that planned the sweep, and of the one that ended it. */
  readonly planned: Environment;
  readonly environment: Environment;
}

/** Time steps of a timed run. */
export const LATENCY_STEPS = 30;
const LATENCY_ROUNDS = 6;

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
  const reference = finished.find((i) => methodName(plan.runs[i]!.config) === 'dense') ?? finished[0];
  const timed = latency
    ? await timeModels(plan, directory, finished, reference, runtime)
    : new Map<number, RowLatency>();
  const withTimes = rows.map((row, i): SweepRow => ({ ...row, latency: timed.get(i) }));
  return {
    directory,
    rows: markFronts(withTimes, states, plan),
    reference: reference === undefined ? undefined : rows[reference]!.run,
    rungs: plan.rungs,
    eta: plan.eta,
    data: plan.data,
    seeds: [...new Set(plan.runs.map(({ config }) => config.seed))],
    engine: runtime.name,
    planned: plan.environment,
    environment: environment(),
  };
}

async function rowOf(plan: SweepPlan, index: number, directory: string, state: RunState): Promise<SweepRow> {
  const { name: run, varied } = plan.runs[index]!;
  const about = { run, varied, front: { size: false, latency: false } };
  switch (state.kind) {
    case 'diverged':
    case 'failed':
      return { ...about, state: state.kind, reason: state.reason, epochs: state.epochs };
    case 'open':
    case 'waiting':
      throw new Error(`${run} has not ended`);
    default: {
      const { epoch, ...standing } = state.entry;
      const row = { ...about, state: state.kind, epochs: epoch, ...standing };
      if (state.kind === 'stopped') return row;
      const { testPerplexity, bytes } = await finalModel(directory, run);
      return { ...row, testPerplexity, bytes };
    }
  }
}

/** The slim model of a finished run, or its only one. */
async function finalModel(directory: string, run: string) {
  const { models } = (await readJson(join(directory, run, runFiles.result))) as RunResult;
  return models.at(-1)!;
}

/** Times the models of the finished runs in turn, the reference first; all of them are in memory at once. */
async function timeModels(
  plan: SweepPlan,
  directory: string,
  finished: readonly number[],
  reference: number | undefined,
  runtime: Runtime,
): Promise<Map<number, RowLatency>> {
  if (reference === undefined) return new Map();
  const order = [reference, ...finished.filter((i) => i !== reference)];
  const contestants: Contestant[] = [];
  for (const i of order) {
    const { name } = plan.runs[i]!;
    contestants.push({ name, model: await loadModel(join(directory, name, (await finalModel(directory, name)).file)) });
  }
  const { threads } = plan.runs[reference]!.config;
  const options = { runtime, steps: LATENCY_STEPS, rounds: LATENCY_ROUNDS, threads };
  const one = await benchLatency(contestants, { ...options, batch: 1 });
  const ten = await benchLatency(contestants, { ...options, batch: 10 });
  return new Map(
    order.map((run, i): [number, RowLatency] => [
      run,
      {
        batch1: one[i]!.milliseconds.median,
        batch10: ten[i]!.milliseconds.median,
        speedup1: one[i]!.speedup,
        speedup10: ten[i]!.speedup,
      },
    ]),
  );
}

function markFronts(rows: readonly SweepRow[], states: readonly RunState[], plan: SweepPlan): SweepRow[] {
  const points = rows.flatMap((row, i) => {
    const state = states[i]!;
    if (state.kind !== 'finished') return [];
    const [quality, size] = objectives(plan.runs[i]!.config, state.entry);
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
