import type { RunConfig } from '../config/runConfig.ts';
import { denseKind } from '../methods/dense.ts';
import { methodOf } from '../methods/registry.ts';
import type { ScoreKind } from '../tasks/score.ts';
import type { SweepPlan } from './plan.ts';
import { ranked } from './ranking.ts';
import { survivors } from './rungs.ts';
import type { RungEntry, RunRecord } from './runRecord.ts';

/** What is to become of a run, or became of it. */
export type RunState =
  | { readonly kind: 'open' /** Epoch to train to next. */; readonly until: number }
  /** Has reached the rung where others are still on their way. */
  | { readonly kind: 'waiting'; readonly entry: RungEntry }
  | { readonly kind: 'stopped'; readonly entry: RungEntry }
  | { readonly kind: 'finished'; readonly entry: RungEntry }
  | { readonly kind: 'diverged' | 'collapsed' | 'failed'; readonly epochs: number; readonly reason: string };

/**
 * The state of every run, from the records alone: a rung is decided when all runs that set out for it have reached it
 * or have ended, so neither the order in which they came nor what was killed on the way makes a difference.
 */
export function standings(
  plan: Pick<SweepPlan, 'runs' | 'rungs' | 'eta' | 'scores'>,
  records: readonly RunRecord[],
): RunState[] {
  const states: (RunState | undefined)[] = plan.runs.map(() => undefined);
  let active = plan.runs.map((_, i) => i);
  for (const rung of [...plan.rungs, undefined]) {
    const reached: number[] = [];
    for (const i of active) {
      const state = stateAt(plan.runs[i]!.config, records[i]!, rung);
      states[i] = state;
      if (state.kind === 'waiting') reached.push(i);
    }
    if (rung === undefined || active.some((i) => states[i]!.kind === 'open')) break;
    const going = goingOn(plan, active, new Map(reached.map((i) => [i, entryAt(records[i]!, rung)!])));
    for (const i of reached) {
      if (!going.has(i)) states[i] = { kind: 'stopped', entry: entryAt(records[i]!, rung)! };
    }
    active = reached.filter((i) => going.has(i));
  }
  return states.map((state) => state!);
}

/**
 * Which of the `active` runs go on from a rung, of those that have reached it. Dense runs do in any case, and take no
 * place: they are what the others are compared with. What has collapsed comes behind all others.
 */
function goingOn(
  plan: Pick<SweepPlan, 'runs' | 'eta' | 'scores'>,
  active: readonly number[],
  reached: ReadonlyMap<number, RungEntry>,
): Set<number> {
  const isBaseline = baselines(plan);
  const rivals = [...reached.keys()].filter((i) => !isBaseline[i]);
  const alive = rivals.filter((i) => !reached.get(i)!.collapsed);
  const collapsed = rivals.filter((i) => reached.get(i)!.collapsed);
  const order = ranked(alive.map((i) => objectives(plan, i, reached.get(i)!))).map((at) => alive[at]!);
  const places = survivors(active.filter((i) => !isBaseline[i]).length, plan.eta);
  const best = [...order, ...collapsed].slice(0, places);
  return new Set([...best, ...[...reached.keys()].filter((i) => isBaseline[i])]);
}

/** For each run whether it is dense while others are not: what those are compared with. */
export function baselines({ runs }: { readonly runs: readonly { readonly config: RunConfig }[] }): boolean[] {
  const isDense = runs.map(({ config }) => methodOf(config.method) === denseKind);
  return isDense.every((dense) => dense) ? isDense.map(() => false) : isDense;
}

/** A run at a rung, or at its end when there is none. */
function stateAt(config: RunConfig, record: RunRecord, rung: number | undefined): RunState {
  const entry = entryAt(record, rung ?? config.epochs);
  if (rung !== undefined && entry) return { kind: 'waiting', entry };
  if (rung === undefined && entry && record.finished) return { kind: 'finished', entry };
  const { failure } = record;
  if (failure) return failure;
  return { kind: 'open', until: rung ?? config.epochs };
}

/** True when a run has nothing left to do before an epoch: it stands there, or it ended before. */
export function hasReached(config: RunConfig, record: RunRecord, epoch: number): boolean {
  return stateAt(config, record, epoch < config.epochs ? epoch : undefined).kind !== 'open';
}

function entryAt({ rungs }: RunRecord, epoch: number): RungEntry | undefined {
  return rungs.find((entry) => entry.epoch === epoch);
}

/** What counts, both to be small: the deciding score in that sense, and log size, so that distances are ratios. */
export function objectives(
  { scores, runs }: Pick<SweepPlan, 'scores' | 'runs'>,
  run: number,
  entry: RungEntry,
): [quality: number, size: number] {
  const [deciding] = scores;
  // Methods that leave zeros in place are judged by their weights that are not zero.
  const size = leavesZeros(runs[run]!.config) ? entry.nonzero : entry.parameters;
  return [smallWhereGood(deciding!, entry.scores[deciding!.name]!), Math.log(Math.max(size, 1))];
}

/** Shares and what is to be large count as they are; perplexities and losses, which are positive, by their logarithm. */
function smallWhereGood({ better, isShare = false }: ScoreKind, value: number): number {
  if (better === 'higher') return -value;
  return isShare ? value : Math.log(Math.max(value, Number.MIN_VALUE));
}

/** True for methods whose zeros stand in matrices of unchanged size. */
export function leavesZeros({ method }: Pick<RunConfig, 'method'>): boolean {
  const kind = methodOf(method);
  return kind !== denseKind && !kind.isStructural;
}
