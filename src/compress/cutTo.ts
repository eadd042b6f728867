import { SlimError, UsageError } from '../base/errors.ts';
import { percent } from '../base/format.ts';
import type { StatePair } from '../graph/states.ts';
import { namesStates, statesOf } from '../graph/states.ts';
import type { Model } from '../graph/types.ts';
import { type TracedModel, traceModel } from '../groups/traceModel.ts';
import type { Runtime, Tensors } from '../runtime/runtime.ts';
import { type Activity, measureActivity } from '../slim/activity.ts';
import { type CompensationKind, compensate, compensationKinds } from '../slim/compensate.ts';
import { type CutOrder, cutOrder, type RankingOptions } from '../slim/cut.ts';
import { type RankingName, rankings } from '../slim/ranking.ts';
import { type ShrunkLayer, shrinkModel } from '../slim/shrink.ts';
import { measureTaylor } from '../slim/taylor.ts';
import type { Problem } from '../tasks/task.ts';
import { InterruptedError } from '../train/errors.ts';

/** By what units are ranked: one ranking, or whichever of some makes the better cut. */
export type CutRanking = RankingName | 'best';

/** The rankings that are tried for the better cut: they see what the model does on its inputs. */
const TRIED: readonly RankingName[] = ['activity', 'taylor'];

/** What is cut, to which size, and by what. */
export interface CutRequest {
  readonly model: Model;
  /** At most this share (`shareOf`) may be left. */
  readonly share: number;
  readonly shareOf: (model: Model) => Promise<number>;
  readonly rank: CutRanking;
  /** Says what units do (`calibration`). */
  readonly problem: Problem;
  readonly runtime: Runtime;
  /** Streaming states; by default those that the model names or shows. */
  readonly states?: readonly StatePair[] | undefined;
  /** Layers that keep all their units. */
  readonly fix?: readonly string[] | undefined;
  /** Whether units of other layers than recurrent ones may go, too. */
  readonly allLayers: boolean;
  /** The loss of a model on held-out data: what compensations are compared by. */
  readonly lossOf: (model: Model) => Promise<number>;
}

/** A smaller model that makes up for what it lost, before any training. */
export interface CutModel {
  readonly model: Model;
  readonly layers: readonly ShrunkLayer[];
  readonly share: number;
  /** By what its units were ranked. */
  readonly rank: RankingName;
  readonly compensation: CompensationKind | 'none';
  /** The loss on held-out data with each compensation. */
  readonly losses: Readonly<Record<CompensationKind | 'none', number>>;
}

/**
 * Cuts a model to a size: ranks the units of all layers together, removes as few of those that matter least as it
 * takes, and makes up for them in what read them, in the way that loses least on held-out data. Throws a UsageError when
 * no cut is small enough, and a SlimError when no layer can lose a unit.
 */
export async function cutTo(request: CutRequest): Promise<CutModel> {
  const { model, problem, runtime, rank } = request;
  const traced = tracedFor(model, request);
  const runs = problem.calibration?.(model) ?? [problem.samples(model)];
  const measured: Measured = { traced, runs, activity: await measureActivity(runtime, traced, runs) };
  if (rank !== 'best') return cutBy(rank, measured, request);
  const cuts: CutModel[] = [];
  for (const name of TRIED) {
    try {
      cuts.push(await cutBy(name, measured, request));
    } catch (error) {
      // Not every model can be differentiated. What the first ranking cannot do, none can.
      if (cuts.length === 0 || !(error instanceof SlimError) || error instanceof InterruptedError) throw error;
    }
  }
  return cuts.reduce((best, cut) => (leastLoss(cut) < leastLoss(best) ? cut : best));
}

function leastLoss({ losses, compensation }: CutModel): number {
  return losses[compensation];
}

/** A model with what its units do on its inputs. */
interface Measured {
  readonly traced: TracedModel;
  readonly runs: readonly (readonly Tensors[])[];
  readonly activity: Activity;
}

async function cutBy(rank: RankingName, { traced, runs, activity }: Measured, request: CutRequest): Promise<CutModel> {
  const { model, share, runtime, lossOf } = request;
  const ranking = rankings[rank];
  const sensitivities = ranking.needsDerivatives ? await sensitivitiesOn(runtime, traced, runs) : undefined;
  const order = orderOf(traced, { ranking, activity, sensitivities });
  const plainly = (count: number) => shrinkModel(model, traced, order.removed(count));
  const shareAt = (count: number) => request.shareOf(plainly(count).model);
  requireSmallEnough(await shareAt(order.most), share);
  // The size falls with every unit that goes; of latencies, which waver, that holds nearly.
  let [low, high] = [order.lossless, order.most];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((await shareAt(middle)) <= share) high = middle;
    else low = middle + 1;
  }
  const removed = order.removed(low);
  const plain = plainly(low);
  const models: Record<CompensationKind | 'none', Model> = { none: plain.model, mean: model, 'least-squares': model };
  const losses = { none: await lossOf(plain.model), mean: 0, 'least-squares': 0 };
  for (const kind of compensationKinds) {
    models[kind] = shrinkModel(model, compensate(traced, removed, activity, kind), removed).model;
    losses[kind] = await lossOf(models[kind]);
  }
  const kinds = ['none', ...compensationKinds] as const;
  const best = kinds.reduce((found, kind) => (losses[kind] < losses[found] ? kind : found));
  const { layers } = plain;
  return { model: models[best], layers, share: await request.shareOf(models[best]), rank, compensation: best, losses };
}

/** A model with its units, for given states and layers that stay. */
export function tracedFor(
  model: Model,
  { states, fix = [], allLayers }: Pick<CutRequest, 'states' | 'fix' | 'allLayers'>,
): TracedModel {
  const named = states ?? (namesStates(model) ? statesOf(model) : undefined);
  return traceModel(model, { states: named, fix, allLayers });
}

/** The order in which units go. Throws a SlimError that names what holds each layer where none can. */
export function orderOf(traced: TracedModel, options: RankingOptions): CutOrder {
  const order = cutOrder(traced, options);
  if (order.most > 0) return order;
  const held = traced.groups.layers.map((l) => `${l.name}: ${l.blocked ?? 'its units are tied to inputs or outputs'}`);
  throw new SlimError(['no layer of the model can lose a unit', ...held].join('\n  '));
}

/** Throws a UsageError where the smallest possible cut leaves more than it may. */
export function requireSmallEnough(smallest: number, share: number): void {
  if (smallest <= share) return;
  throw new UsageError(
    `the model cannot be cut to ${percent(share)}: with one unit left in each layer ${percent(smallest)} remain, because ` +
      'embeddings, outputs and layers that are kept do not shrink',
  );
}

/** Runs on which a model is differentiated: each takes several passes. */
const DIFFERENTIATED = 4;

/** The root mean square of what derivatives say on some runs. */
async function sensitivitiesOn(
  runtime: Runtime,
  traced: TracedModel,
  runs: readonly (readonly Tensors[])[],
): Promise<Float64Array> {
  const squares = new Float64Array(traced.groups.count);
  const some = runs.slice(0, DIFFERENTIATED);
  for (const run of some) {
    const scores = await measureTaylor(runtime, traced, run);
    for (const [k, score] of scores.entries()) squares[k]! += score ** 2 / some.length;
  }
  return squares.map(Math.sqrt);
}
