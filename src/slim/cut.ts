import { UsageError } from '../base/errors.ts';
import type { GroupLayer, Groups } from '../groups/groups.ts';
import { layersNamed } from '../groups/layerNames.ts';
import { groupNorms, liveComponents, weightsOf } from '../groups/measure.ts';
import type { TracedModel } from '../groups/traceModel.ts';
import { range } from '../groups/tracing/traced.ts';
import { countParameters } from '../inspect/costs.ts';
import { constantPerUse } from '../passes/constantPerUse.ts';
import { type Activity, activityOf } from './activity.ts';
import { rankings, type UnitRanking, type UnitScores } from './ranking.ts';
import { type RemainingParameters, remainingParameters } from './remaining.ts';
import { layerSizes, type ShrunkLayer, settleRemoval } from './shrink.ts';

/**
 * How much of a model a cut leaves.
 * - `lossless`: all but the units that can leave without loss.
 * - `keep`: this fraction of the units of each layer, those that rank first.
 * - `params`: at most this fraction of the model's parameters; units of all layers are ranked together, by scores with
 *   which layers of different scale compare.
 * - `below`: the units whose group norm is not below this, however they rank.
 * - `units`: so many units in the named layers, those that rank first; names as `layersNamed` takes them.
 *
 * Units that can leave without loss go first and always, except that `units` is exact. Every layer keeps at least one
 * unit; units that several layers share (residual connections, stacked states) go together.
 */
export type CutTarget =
  | { readonly kind: 'lossless' }
  | { readonly kind: 'keep'; readonly fraction: number }
  | { readonly kind: 'params'; readonly fraction: number }
  | { readonly kind: 'below'; readonly norm: number }
  | { readonly kind: 'units'; readonly units: ReadonlyMap<string, number> };

/** What a cut removes, and the sizes that it leaves. */
export interface CutPlan {
  /** 1 for each component that goes, as `shrinkModel` takes it. */
  readonly removed: Uint8Array;
  readonly layers: readonly ShrunkLayer[];
  readonly parameters: { readonly before: number; readonly after: number };
}

/** By what units are ranked. */
export interface RankingOptions {
  /** By their group norms when left out. */
  readonly ranking?: UnitRanking | undefined;
  /** What readers read on given inputs (`measureActivity`), for rankings that ask for it. */
  readonly activity?: Activity | undefined;
  /** What derivatives say of each component (`measureTaylor`), for rankings that ask for it. */
  readonly sensitivities?: Float64Array | undefined;
}

/** How a cut is planned. */
export interface CutOptions extends RankingOptions {
  /** Layers keep so many units more that they have a multiple of this: those that rank first among what would go. */
  readonly multiple?: number | undefined;
}

/**
 * Decides which components of a traced model go; `parameters` counts those of the model before it was prepared. Throws a
 * UsageError when the target cannot be reached: too small a fraction, an unknown layer, an impossible number of units;
 * and when the ranking needs what was not measured.
 */
export function planCut(
  traced: TracedModel,
  target: CutTarget,
  parameters = countParameters(traced.prepared.graph),
  { ranking = rankings.norm, activity, sensitivities, multiple = 1 }: CutOptions = {},
): CutPlan {
  const { prepared, groups } = traced;
  const { weights, ...ranked } = rankedUnits(traced, { ranking, activity, sensitivities });
  const remaining = remainingParameters(prepared.graph, groups);
  const wanted = settleRemoval(groups, planRemoval(ranked, target, remaining, parameters), weights);
  const removed = multiple === 1 ? wanted : roundedUp(ranked, wanted, multiple);
  const layers = layerSizes(groups, removed);
  if (target.kind === 'units') checkUnits(groups, layers, unitsWanted(groups, target.units));
  return {
    removed,
    layers,
    parameters: { before: parameters, after: removed.includes(1) ? remaining(removed) : parameters },
  };
}

/** A removal after which each layer has a multiple of units, or all that it had. */
function roundedUp(ranked: Ranked, wanted: Uint8Array, multiple: number): Uint8Array {
  const removed = wanted.slice();
  // A unit that stays in one layer stays in all that share it: these are looked at again.
  for (let isSettled = false; !isSettled; ) {
    isSettled = true;
    for (const layer of ranked.groups.layers) {
      const left = layer.components.reduce((n, k) => n + (k < 0 || removed[k] === 0 ? 1 : 0), 0);
      let missing = Math.min(Math.ceil(left / multiple) * multiple, layer.components.length) - left;
      const counts = unitsPerComponent(layer);
      for (const k of strongestFirst(ranked, counts.keys())) {
        if (removed[k] === 0 || counts.get(k)! > missing) continue;
        removed[k] = 0;
        missing -= counts.get(k)!;
        isSettled = false;
      }
    }
  }
  return removed;
}

function rankedUnits(traced: TracedModel, { ranking = rankings.norm, activity, sensitivities }: RankingOptions) {
  const { prepared, groups } = traced;
  const weights = weightsOf(constantPerUse(prepared.graph));
  const live = liveComponents(groups, weights);
  const norms = groupNorms(groups, weights).map((norm) => (Number.isNaN(norm) ? Number.POSITIVE_INFINITY : norm));
  const activities = activity && activityOf(traced, activity);
  return { weights, groups, live, norms, ...ranking.scores({ groups, live, norms, activities, sensitivities }) };
}

/** The components of all layers in the order in which they go. */
export interface CutOrder {
  /** How many can leave without loss: they are the first ones. */
  readonly lossless: number;
  /** How many can go at most: one unit of each layer stays. */
  readonly most: number;
  /** What goes with the first `count`, 1 for each component, as `shrinkModel` takes it. */
  removed(count: number): Uint8Array;
}

/** Ranks the components of a traced model against each other, for cuts to a size that only the smaller model tells. */
export function cutOrder(traced: TracedModel, options: RankingOptions = {}): CutOrder {
  const { weights, ...ranked } = rankedUnits(traced, options);
  const { order, first } = orderOf(ranked);
  return {
    lossless: losslessIn(order, ranked),
    most: order.length,
    removed: (count) => settleRemoval(traced.groups, first(count), weights),
  };
}

/** Components with what ranks them. */
interface Ranked extends UnitScores {
  readonly groups: Groups;
  /** 0 for those that can leave without loss. */
  readonly live: Uint8Array;
  readonly norms: Float64Array;
}

function planRemoval(
  ranked: Ranked,
  target: CutTarget,
  remaining: RemainingParameters,
  parameters: number,
): Uint8Array {
  const { groups, live, norms } = ranked;
  switch (target.kind) {
    case 'lossless':
      return live.map((alive) => 1 - alive);
    case 'keep': {
      const wanted = (l: GroupLayer) => Math.round(target.fraction * l.components.length);
      return removeAllBut(ranked, (l) => best(ranked, l, wanted(l), (k) => live[k] === 1));
    }
    case 'below':
      return removeAllBut(ranked, (l) =>
        best(ranked, l, l.components.length, (k) => live[k] === 1 && norms[k]! >= target.norm),
      );
    case 'units':
      return removeToUnits(ranked, unitsWanted(groups, target.units));
    case 'params':
      return removeToParameters(ranked, target.fraction, remaining, parameters);
  }
}

/** Removes every component that no layer wants to keep. */
function removeAllBut({ groups }: Ranked, kept: (layer: GroupLayer) => Iterable<number>): Uint8Array {
  const removed = new Uint8Array(groups.count).fill(1);
  for (const layer of groups.layers) for (const k of kept(layer)) removed[k] = 0;
  return removed;
}

/** The strongest components that pass, for `wanted` units with those that cannot leave; one unit in any case. */
function best(ranked: Ranked, layer: GroupLayer, wanted: number, passes: (k: number) => boolean): number[] {
  const counts = unitsPerComponent(layer);
  const order = strongestFirst(ranked, counts.keys());
  let left = wanted - (layer.components.length - sum(counts.values()));
  const kept = order.filter((k) => {
    const fits = passes(k) && counts.get(k)! <= left;
    if (fits) left -= counts.get(k)!;
    return fits;
  });
  const empty = kept.length === 0 && sum(counts.values()) === layer.components.length;
  return empty ? order.slice(0, 1) : kept;
}

/** How many units of a layer each of its components is. */
function unitsPerComponent({ components }: GroupLayer): Map<number, number> {
  const counts = new Map<number, number>();
  for (const k of components) if (k >= 0) counts.set(k, (counts.get(k) ?? 0) + 1);
  return counts;
}

/** By score, but what can leave without loss stands behind all others. */
function strongestFirst({ live, within }: Ranked, components: Iterable<number>): number[] {
  return [...components].sort((a, b) => live[b]! - live[a]! || within[b]! - within[a]! || a - b);
}

/** The layers that names stand for, each with its number of units. */
function unitsWanted(groups: Groups, units: ReadonlyMap<string, number>): Map<GroupLayer, number> {
  const wanted = new Map<GroupLayer, number>();
  for (const [name, count] of units) {
    for (const layer of layersNamed(groups.layers, name)) {
      if (wanted.has(layer)) throw new UsageError(`the number of units of '${layer.name}' is given twice`);
      checkCount(layer, count);
      wanted.set(layer, count);
    }
  }
  return wanted;
}

function removeToUnits(ranked: Ranked, wanted: ReadonlyMap<GroupLayer, number>): Uint8Array {
  // Layers that are not named follow those that are, where they share units, and lose what can leave without loss.
  const named = new Set([...wanted.keys()].flatMap((l) => [...l.components]));
  return removeAllBut(ranked, (layer) => {
    const count = wanted.get(layer);
    if (count !== undefined) return best(ranked, layer, count, () => true);
    const alive = best(ranked, layer, layer.components.length, (k) => ranked.live[k] === 1);
    return alive.filter((k) => !named.has(k));
  });
}

function checkUnits({ layers }: Groups, sizes: readonly ShrunkLayer[], wanted: ReadonlyMap<GroupLayer, number>): void {
  for (const [layer, count] of wanted) {
    const { after } = sizes[layers.indexOf(layer)]!;
    if (after === count) continue;
    const own = new Set(layer.components);
    const sharing = layers.filter((l) => l !== layer && l.components.some((k) => k >= 0 && own.has(k)));
    throw new UsageError(
      sharing.length === 0
        ? `'${layer.name}' cannot have ${count} units: some of its units can only leave together; ${after} is possible`
        : `'${layer.name}' cannot have ${count} units: it shares units with ` +
            `${sharing.map((l) => `'${l.name}'`).join(', ')}; name one of these layers, or give them the same number`,
    );
  }
}

function checkCount({ name, components, blocked }: GroupLayer, count: number): void {
  if (count < 1) throw new UsageError(`'${name}' must keep at least one unit, not ${count}`);
  if (count > components.length) {
    throw new UsageError(`'${name}' has ${components.length} units; it cannot be cut to ${count}`);
  }
  const fixed = components.reduce((n, k) => n + (k < 0 ? 1 : 0), 0);
  if (fixed <= count) return;
  const why = blocked ?? 'the graph ties them to its inputs or outputs, or to something else that cannot shrink';
  throw new UsageError(`'${name}' cannot be cut to ${count} units: ${fixed} of its units must stay (${why})`);
}

function removeToParameters(
  ranked: Ranked,
  fraction: number,
  remaining: RemainingParameters,
  parameters: number,
): Uint8Array {
  const { order, first } = orderOf(ranked);
  const limit = fraction * parameters;
  const smallest = remaining(first(order.length));
  if (smallest > limit) {
    throw new UsageError(
      `the model cannot be cut to ${fraction} of its ${parameters} parameters: with one unit left in each layer it has ` +
        `${smallest}, because embeddings, outputs and layers that are kept do not shrink; ` +
        `the smallest possible is --params ${(Math.ceil((smallest / parameters) * 1e4) / 1e4).toFixed(4)}`,
    );
  }
  // The number of parameters falls with every component that goes.
  let [low, high] = [losslessIn(order, ranked), order.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (remaining(first(middle)) <= limit) high = middle;
    else low = middle + 1;
  }
  return first(low);
}

/** Components of all layers, the first to go first, but one unit of each layer; and what goes with the first of them. */
function orderOf(ranked: Ranked) {
  const { groups, live, across } = ranked;
  const protectedOnes = new Set(groups.layers.flatMap((l) => best(ranked, l, 0, () => false)));
  const order = range(0, groups.count)
    .filter((k) => !protectedOnes.has(k))
    .sort((a, b) => live[a]! - live[b]! || across[a]! - across[b]! || a - b);
  const first = (count: number) => {
    const removed = new Uint8Array(groups.count);
    for (const k of order.slice(0, count)) removed[k] = 1;
    return removed;
  };
  return { order, first };
}

function losslessIn(order: readonly number[], { live }: Ranked): number {
  return order.filter((k) => live[k] === 0).length;
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const v of values) total += v;
  return total;
}
