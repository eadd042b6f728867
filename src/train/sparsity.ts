import { UsageError } from '../base/errors.ts';
import { statesOf } from '../graph/states.ts';
import type { Graph, Model } from '../graph/types.ts';
import type { Groups } from '../groups/groups.ts';
import { groupSizes } from '../groups/measure.ts';
import { type TracedGroups, traceGroups } from '../groups/trace.ts';
import { countParameters } from '../inspect/costs.ts';
import { groupedTensors } from '../methods/components.ts';
import { groupLasso } from '../methods/groupLasso.ts';
import { l1 } from '../methods/l1.ts';
import { magnitude } from '../methods/magnitude.ts';
import { masked } from '../methods/masked.ts';
import type { MethodState, SparsityMethod } from '../methods/method.ts';
import { proximal } from '../methods/proximal.ts';
import { parseTarget, steered, type Target } from '../methods/target.ts';
import { detachLookups } from '../passes/detachLookups.ts';
import { lowerRecurrent } from '../passes/lowerRecurrent.ts';
import { remainingParameters } from '../slim/remaining.ts';
import { learningRate, pruningEpochs, type TrainConfig } from './config.ts';

/*
 * From a configuration to its sparsity method.
 */

/** The methods by the names that tables give them. */
export type MethodName = 'dense' | 'group lasso' | 'proximal' | 'target' | 'ℓ1' | 'magnitude' | 'zeros kept';

/** What a configuration asks for. */
export function methodName({
  iss,
  target,
  proximal,
  l1,
  magnitude,
  keepZeros,
}: Pick<TrainConfig, 'iss' | 'target' | 'proximal' | 'l1' | 'magnitude' | 'keepZeros'>): MethodName {
  if (target !== undefined) return 'target';
  if (iss > 0) return proximal ? 'proximal' : 'group lasso';
  if (l1) return 'ℓ1';
  if (magnitude) return 'magnitude';
  return keepZeros ? 'zeros kept' : 'dense';
}

/** What a configuration asks for, in a few words with its numbers. */
export function describeMethod(config: TrainConfig): string {
  const method = describePenalty(config);
  return config.keepZeros && method !== 'zeros kept' ? `${method}, zeros kept` : method;
}

function describePenalty(config: TrainConfig): string {
  const { iss, target, l1, magnitude, pruneSchedule } = config;
  const name = methodName(config);
  if (name === 'dense' || name === 'zeros kept') return name;
  if (name === 'ℓ1') return `ℓ1, λ ${l1}`;
  if (name === 'magnitude')
    return `magnitude pruning to ${magnitude} zeros${pruneSchedule === 'narang' ? ' (Narang)' : ''}`;
  return name === 'target' ? `ISS to ${target}` : `${name === 'proximal' ? 'proximal ISS' : 'ISS'} λ ${iss}`;
}

/** The groups of a model, as its configuration wants them. */
export function groupsOf(model: Model, { issEmbedding = false }: TrainConfig): TracedGroups {
  return traceGroups(model.graph, { states: statesOf(model), embeddings: issEmbedding });
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
    const size = groupSize[components.find((k: number) => k >= 0) ?? -1] ?? 1;
    return [name, (config.issLayers?.[i] ?? 1) * (config.issScaling === 'sqrt' ? Math.sqrt(size) : 1)];
  });
  const [units, parameters] = [hiddenUnits(groups), countParameters(first.graph)];
  return { config, windows, sizes, strengths: new Map(strengths), units, parameters };
}

/** The method of a run for its model as it is now; undefined for dense training. */
export function createMethod(
  plan: SparsityPlan,
  graph: Graph,
  groups: Groups,
  state?: MethodState,
): SparsityMethod | undefined {
  const method = createPenalty(plan, graph, groups, state);
  if (!plan.config.keepZeros) return method;
  return masked(method?.parameters ?? prunable(graph, groups), method);
}

function createPenalty(
  plan: SparsityPlan,
  graph: Graph,
  groups: Groups,
  state?: MethodState,
): SparsityMethod | undefined {
  const { config, windows, sizes, strengths } = plan;
  const { threshold } = config;
  switch (methodName(config)) {
    case 'dense':
    case 'zeros kept':
      return undefined;
    case 'ℓ1':
      return l1(withoutTables(graph, trainedTensors(graph)), config.l1!, threshold);
    case 'magnitude': {
      const { from, to } = pruningEpochs(config);
      const end = Math.max(1, Math.round(to * windows));
      return magnitude({
        parameters: prunable(graph, groups),
        sizes,
        schedule: config.pruneSchedule ?? 'cubic',
        share: config.magnitude!,
        from: Math.min(Math.round(from * windows), end - 1),
        to: end,
        every: config.pruneEvery ?? 100,
        state,
      });
    }
    case 'target': {
      const { goal, shareOf } = goalOf(plan, graph, groups);
      const lambda = config.iss > 0 ? config.iss : FIRST_LAMBDA;
      return steered((pressed) => proximal(groups, { threshold, lambda, strengths: pressed }), groups, {
        target: goal.share,
        shareOf,
        strengths: strengthsOf(groups, strengths) ?? new Float64Array(groups.count).fill(1),
        learned: (update) => learnedShare(config, update / windows),
        every: Math.max(1, Math.round(windows / LOOKS)),
        state,
      });
    }
    default: {
      const press = config.proximal ? proximal : groupLasso;
      return press(groups, { threshold, strengths: strengthsOf(groups, strengths), lambda: config.iss });
    }
  }
}

/** What a target asks for, and what share of the run's first model is left with these components. */
function goalOf({ config, units, parameters }: SparsityPlan, graph: Graph, groups: Groups) {
  const goal = parseTarget(config.target!)!;
  const remaining = remainingParameters(graph, groups);
  const shares = {
    units: (left: Uint8Array) => countUnits(groups, left) / units,
    params: (left: Uint8Array) => remaining(left.map((l) => 1 - l)) / parameters,
  };
  return { goal, shareOf: shares[goal.what] };
}

/** Throws a UsageError when a method cannot do with a model what it is asked for. */
export function checkMethod(config: TrainConfig, first: Model): void {
  if (config.target !== undefined) checkTarget(config, first);
  if (config.keepZeros) checkZeros(config, first);
}

/** Something is zero that can be kept. */
function checkZeros(config: TrainConfig, first: Model): void {
  const { graph } = first;
  for (const name of prunable(graph, groupsOf(first, config))) {
    if ((graph.initializers.get(name)?.data as Float32Array | undefined)?.includes(0)) return;
  }
  throw new UsageError('--keep-zeros: no weight of the first model is zero; start from a sparse model with --init');
}

/** A target can be reached with at least one unit in each layer. */
function checkTarget(config: TrainConfig, first: Model): void {
  const groups = groupsOf(first, config);
  const { goal, shareOf } = goalOf(planSparsity(config, first, groups, 1), first.graph, groups);
  const left = new Uint8Array(groups.count);
  for (const { components } of groups.layers) left[components.find((k) => k >= 0) ?? left.length] = 1;
  const least = shareOf(left);
  if (least <= goal.share) return;
  const embedding = goal.what === 'params' && !config.issEmbedding && config.cell !== 'rhn';
  throw new UsageError(
    `--target ${config.target} cannot be reached: with one unit in each layer ${(least * 100).toFixed(1)} % of the ` +
      `${goal.what === 'params' ? 'parameters' : 'units'} are left; ask for more` +
      (embedding ? ', for a share of the units, or let columns of the embedding vanish too (--iss-embedding)' : ''),
  );
}

/** A share of the units or the parameters of a run's first model: what was asked for, and what its last one has. */
export interface TargetOutcome {
  readonly what: Target['what'];
  readonly asked: number;
  readonly reached: number;
}

/** How near a run with a target came to it; undefined for other runs. */
export function targetOutcome(config: TrainConfig, first: Model, last: Model): TargetOutcome | undefined {
  if (config.target === undefined) return undefined;
  const { what, share } = parseTarget(config.target)!;
  const sizeOf = (model: Model) =>
    what === 'units' ? hiddenUnits(groupsOf(model, config)) : countParameters(model.graph);
  return { what, asked: share, reached: sizeOf(last) / sizeOf(first) };
}

function hiddenUnits(groups: Groups): number {
  return hiddenLayers(groups).reduce((n, { components }) => n + components.length, 0);
}

/** Layers of recurrent units: what `units=` counts, beside which columns of the embedding may be components too. */
function hiddenLayers({ layers }: Groups): Groups['layers'] {
  return layers.filter(({ operator }) => operator !== 'Gather');
}

/** Units of the recurrent layers whose components are left, or that have none. */
function countUnits(groups: Groups, left: Uint8Array): number {
  const countIn = (components: Int32Array) => components.reduce((n, k) => n + (k < 0 ? 1 : left[k]!), 0);
  return hiddenLayers(groups).reduce((n, { components }) => n + countIn(components), 0);
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

/** The matrices that units have weights in, tables that words are looked up in left out. */
function prunable(graph: Graph, groups: Groups): Set<string> {
  return withoutTables(graph, groupedTensors(groups));
}

function trainedTensors({ initializers }: Graph): Set<string> {
  return new Set([...initializers].filter(([, t]) => t.elementType === 'float32').map(([name]) => name));
}

/** Without tables that words are looked up in, also one that is the output's matrix at the same time. */
function withoutTables(graph: Graph, names: ReadonlySet<string>): Set<string> {
  const tables = new Set(detachLookups(lowerRecurrent(graph)).lookups.map((l) => l.table));
  return new Set([...names].filter((name) => !tables.has(name)));
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
