import type { Graph, Model } from '../graph/types.ts';
import { lowerRecurrent } from '../recurrent/lower.ts';
import { countParameters } from '../slim/costs.ts';
import { remainingParameters } from '../slim/remaining.ts';
import { groupedTensors } from '../sparsity/components.ts';
import { groupLasso } from '../sparsity/groupLasso.ts';
import type { Groups } from '../sparsity/groups.ts';
import { l1 } from '../sparsity/l1.ts';
import { magnitude } from '../sparsity/magnitude.ts';
import { groupSizes } from '../sparsity/measure.ts';
import type { MethodState, SparsityMethod } from '../sparsity/method.ts';
import { proximal } from '../sparsity/proximal.ts';
import { parseTarget, steered } from '../sparsity/target.ts';
import { learningRate, type TrainConfig } from './config.ts';
import { detachLookups } from './passes.ts';

/*
 * From a configuration to its sparsity method.
 */

/** The methods by the names that tables give them. */
export type MethodName = 'dense' | 'group lasso' | 'proximal' | 'ℓ1' | 'magnitude';

/** What a configuration asks for. */
export function methodName({
  iss,
  target,
  proximal,
  l1,
  magnitude,
}: Pick<TrainConfig, 'iss' | 'target' | 'proximal' | 'l1' | 'magnitude'>): MethodName {
  if (iss > 0 || target !== undefined) return proximal ? 'proximal' : 'group lasso';
  if (l1) return 'ℓ1';
  return magnitude ? 'magnitude' : 'dense';
}

/** What a configuration asks for, in a few words with its numbers. */
export function describeMethod(config: TrainConfig): string {
  const { iss, target, l1, magnitude, pruneSchedule } = config;
  const name = methodName(config);
  if (name === 'dense') return 'dense';
  if (name === 'ℓ1') return `ℓ1, λ ${l1}`;
  if (name === 'magnitude')
    return `magnitude pruning to ${magnitude} zeros${pruneSchedule === 'narang' ? ' (Narang)' : ''}`;
  return `${name === 'proximal' ? 'proximal ISS' : 'ISS'} ${target === undefined ? `λ ${iss}` : `to ${target}`}`;
}

/** Looks at the norms in an epoch, when λ is searched for. */
const LOOKS = 10;

/** λ that the search for a target begins with when the configuration has none. */
const FIRST_LAMBDA = 3e-3;

/** What methods must know of the model that a run began with, whatever has left since. */
export interface SparsityPlan {
  readonly config: TrainConfig;
  /** Updates in an epoch. */
  readonly windows: number;
  /** Weights of each parameter at the beginning. */
  readonly sizes: ReadonlyMap<string, number>;
  /** Factor on λ for the units of each layer, by the layer's name. */
  readonly strengths: ReadonlyMap<string, number>;
  /** Units and parameters at the beginning. */
  readonly units: number;
  readonly parameters: number;
}

/** Takes from a run's first model what its method needs later on. */
export function planSparsity(config: TrainConfig, first: Model, groups: Groups, windows: number): SparsityPlan {
  const sizes = new Map([...first.graph.initializers].map(([name, { data }]) => [name, data.length]));
  const groupSize = groupSizes(groups, first.graph);
  const strengths = groups.layers.map(({ name, components }, i): [string, number] => {
    const size = groupSize[components.find((k) => k >= 0) ?? -1] ?? 1;
    return [name, (config.issLayers?.[i] ?? 1) * (config.issScaling === 'sqrt' ? Math.sqrt(size) : 1)];
  });
  const units = groups.layers.reduce((n, { components }) => n + components.length, 0);
  return { config, windows, sizes, strengths: new Map(strengths), units, parameters: countParameters(first.graph) };
}

/** The method of a run for its model as it is now; undefined for dense training. */
export function createMethod(
  plan: SparsityPlan,
  graph: Graph,
  groups: Groups,
  state?: MethodState,
): SparsityMethod | undefined {
  const { config, windows, sizes, strengths } = plan;
  const { threshold, target } = config;
  switch (methodName(config)) {
    case 'dense':
      return undefined;
    case 'ℓ1':
      return l1(trainedBesideTables(graph), config.l1!, threshold);
    case 'magnitude': {
      const epochs = (count: number) => Math.round(count * windows);
      return magnitude({
        parameters: groupedTensors(groups),
        sizes,
        schedule: config.pruneSchedule ?? 'cubic',
        share: config.magnitude!,
        from: epochs(config.pruneFrom ?? Math.min(1, config.epochs / 4)),
        to: epochs(config.pruneTo ?? (2 * config.epochs) / 3),
        every: config.pruneEvery ?? 100,
        state,
      });
    }
    default: {
      const press = config.proximal ? proximal : groupLasso;
      const options = { threshold, strengths: strengthsOf(groups, strengths) };
      const goal = target === undefined ? undefined : parseTarget(target);
      if (goal === undefined) return press(groups, { ...options, lambda: config.iss });
      const remaining = remainingParameters(graph, groups);
      const shares = {
        units: (left: Uint8Array) => countUnits(groups, left) / plan.units,
        params: (left: Uint8Array) => remaining(left.map((l) => 1 - l)) / plan.parameters,
      };
      const lambda = config.iss > 0 ? config.iss : FIRST_LAMBDA;
      return steered((strengths) => proximal(groups, { threshold, lambda, strengths }), groups, {
        target: goal.share,
        shareOf: shares[goal.what],
        strengths: options.strengths ?? new Float64Array(groups.count).fill(1),
        learned: (update) => learnedShare(config, update / windows),
        every: Math.max(1, Math.round(windows / LOOKS)),
        state,
      });
    }
  }
}

/** Units of all layers whose components are left, or that have none. */
function countUnits(groups: Groups, left: Uint8Array): number {
  return groups.layers.reduce((n, { components }) => components.reduce((m, k) => m + (k < 0 ? 1 : left[k]!), n), 0);
}

/** s_k of each component: that of the first layer that has it. */
function strengthsOf(groups: Groups, byLayer: ReadonlyMap<string, number>): Float64Array | undefined {
  if ([...byLayer.values()].every((s) => s === 1)) return undefined;
  const strengths = new Float64Array(groups.count).fill(1);
  for (const { name, components } of [...groups.layers].reverse()) {
    for (const k of components) if (k >= 0) strengths[k] = byLayer.get(name) ?? 1;
  }
  return strengths;
}

/** Every parameter but tables that words are looked up in. */
function trainedBesideTables(graph: Graph): Set<string> {
  const tables = new Set(detachLookups(lowerRecurrent(graph)).lookups.map((l) => l.table));
  const trained = [...graph.initializers].filter(([name, t]) => t.elementType === 'float32' && !tables.has(name));
  return new Set(trained.map(([name]) => name));
}

/** Σ η so far / Σ η of the whole run, after `epochs` epochs (with a fraction). */
export function learnedShare(config: TrainConfig, epochs: number): number {
  let [done, total] = [0, 0];
  for (let epoch = 0; epoch < config.epochs; epoch++) {
    const rate = learningRate(config, epoch);
    total += rate;
    done += rate * Math.min(Math.max(epochs - epoch, 0), 1);
  }
  return done / total;
}
