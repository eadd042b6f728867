import { SparseTensor } from '../graph/sparseTensor.ts';
import { namesStates, statesOf } from '../graph/states.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { detachLookups } from '../passes/detachLookups.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';
import type { Tensors } from '../runtime/runtime.ts';
import { type ShrunkLayer, shrinkZeros } from '../slim/shrink.ts';
import { assertEqual, type Difference } from '../verify/verify.ts';
import type { TrainedModel, TrainOptions } from './options.ts';
import { lookedUp } from './scorer.ts';
import { unitsThatStay } from './shrinkState.ts';

/** A model without its dead units. */
export interface SlimModel {
  readonly model: Model;
  /** Its layers before and after. */
  readonly layers: readonly ShrunkLayer[];
  /** How well it agrees with the model that still has them. */
  readonly verify: Difference;
}

/** A trained model as it is saved and, with a sparsity method, the one without its dead units. */
export interface FinishedModels {
  readonly model: Model;
  readonly slim?: SlimModel | undefined;
  /** Which of its first units each layer of the last model has. */
  readonly kept: TrainedModel['kept'];
}

/**
 * Takes dropout out of a trained model and, unless it was trained dense, removes the units that nothing reads. Throws
 * SlimError when the slim model does not compute the same on samples of the data.
 */
export async function finishModels(
  { model: trained, kept }: Pick<TrainedModel, 'model' | 'kept'>,
  { problem, runtime, method, settings }: Pick<TrainOptions, 'problem' | 'runtime' | 'method' | 'settings'>,
): Promise<FinishedModels> {
  const model = withoutDropout(trained);
  if (method.isDense) return { model, kept };
  const states = namesStates(model) ? statesOf(model) : undefined;
  const options = { embeddings: method.embeddings, fix: settings.fix ?? [], states };
  const { model: slim, prepared, groups, removed, layers } = shrinkZeros(model, options);
  const feeds = problem.samples(model);
  const compared = withoutSparseTables(model, slim, feeds);
  const verify = await assertEqual(runtime, compared.original, compared.candidate, {
    feeds: compared.feeds,
    removal: { prepared, groups, removed },
    unverifiedBranches: true,
  });
  return { model, slim: { model: slim, layers, verify }, kept: kept && unitsThatStay(groups, removed, kept) };
}

/**
 * Two models and what they are run on, with the tables looked up that both have and store sparse: the engine would lay
 * them out.
 */
function withoutSparseTables(original: Model, candidate: Model, feeds: readonly Tensors[]) {
  const tableOf = ({ graph }: Model, name: string) => graph.initializers.get(name);
  const isLookedUp = ({ table }: { readonly table: string }) => {
    const [ours, theirs] = [tableOf(original, table), tableOf(candidate, table)];
    return ours instanceof SparseTensor && ours.dims.join() === theirs?.dims.join();
  };
  const [{ graph, lookups }, smaller] = [original, candidate].map((m) => detachLookups(m.graph, isLookedUp)) as [
    ReturnType<typeof detachLookups>,
    ReturnType<typeof detachLookups>,
  ];
  if (lookups.length === 0) return { original, candidate, feeds };
  const given = feeds.map((window) => {
    const used = new Set(graph.inputs.map((v) => v.name));
    const rows = lookups.map(({ table, indices, values }): [string, Tensor] => [
      values,
      lookedUp(tableOf(original, table)!, window[indices]!),
    ]);
    const others = Object.entries(window).filter(([name]) => used.has(name));
    return Object.fromEntries([...others, ...rows]);
  });
  return { original: { ...original, graph }, candidate: { ...candidate, graph: smaller.graph }, feeds: given };
}
