import type { Model, Tensor } from '../graph/types.ts';
import type { Groups } from '../groups/groups.ts';
import { type LogHistogram, normsByLayer } from '../groups/logHistogram.ts';
import { liveComponents } from '../groups/measure.ts';
import type { TracedGroups } from '../groups/trace.ts';
import type { MethodState, SparsityMethod } from '../methods/method.ts';
import { LOGITS } from '../models/languageModel.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { settleRemoval, shrink } from '../slim/shrink.ts';
import { sliceByGroups } from '../slim/slice.ts';
import type { TrainConfig } from './config.ts';
import { createEvaluator, type Evaluator } from './evaluate.ts';
import { createMethod, groupsOf, type SparsityPlan } from './sparsity.ts';
import { Stepper } from './stepper.ts';

/** The model in training with all that is made anew when it shrinks: groups, update, evaluation. */
export interface Trainee {
  readonly stepper: Stepper;
  readonly groups: TracedGroups;
  readonly evaluator: Evaluator;
  /** Undefined for dense training. */
  readonly sparsity: SparsityMethod | undefined;
}

/** What a trainee needs besides its model. */
export interface TraineeOptions {
  readonly config: TrainConfig;
  readonly runtime: Runtime;
  readonly sparsity: SparsityPlan;
}

/**
 * Prepares a model for training: traces its groups, compiles its step and its evaluation. `state` is that of an earlier
 * sparsity method of the run.
 */
export async function prepare(model: Model, options: TraineeOptions, state?: MethodState): Promise<Trainee> {
  const { config, runtime } = options;
  const groups = groupsOf(model, config);
  const sparsity = createMethod(options.sparsity, model.graph, groups, state);
  const stepper = await Stepper.create(model, {
    runtime,
    logits: LOGITS,
    batch: config.batch,
    time: config.steps,
    clip: config.clip,
    sparsity,
    seed: config.seed,
    threads: config.threads,
  });
  try {
    const weights = (name: string) => stepper.weights(name);
    const evaluator = await createEvaluator(model, LOGITS, runtime, { threads: config.threads, weights });
    return { stepper, groups, evaluator, sparsity };
  } catch (error) {
    await stepper.release();
    throw error;
  }
}

/** Gives the sessions of a trainee back. */
export async function dismiss({ stepper, evaluator }: Trainee): Promise<void> {
  await stepper.release();
  await evaluator.release();
}

/** Units of each layer that something still reads. */
export function aliveUnits({ stepper, groups }: Trainee): { alive: number[]; live: Uint8Array } {
  const live = liveComponents(groups, (name) => stepper.weights(name));
  const alive = groups.layers.map((layer) => layer.components.reduce((n, k) => n + (k < 0 ? 1 : live[k]!), 0));
  return { alive, live };
}

/** Units of each layer in the graph. */
export function unitCounts(groups: Groups): number[] {
  return groups.layers.map((layer) => layer.components.length);
}

/** How the norms ‖w_k‖ of each layer's units are distributed. */
export function normHistograms({ stepper, groups }: Pick<Trainee, 'stepper' | 'groups'>): LogHistogram[] {
  return normsByLayer(groups, (name) => stepper.weights(name));
}

/** What is left of a list for each layer's units, such as their first numbers, without the removed components. */
export function unitsThatStay<T>(groups: Groups, removed: Uint8Array, ofUnits: readonly (readonly T[])[]): T[][] {
  return groups.layers.map(({ components }, i) =>
    ofUnits[i]!.filter((_, unit) => components[unit]! < 0 || removed[components[unit]!] === 0),
  );
}

/**
 * The same trainee without the components that are not `live` (but one in a layer where all are dead), states and all,
 * and 1 for each component that left.
 */
export async function shrinkTrainee(
  trainee: Trainee,
  live: Uint8Array,
  options: TraineeOptions,
): Promise<{ trainee: Trainee; removed: Uint8Array }> {
  const { stepper, groups } = trainee;
  const removed = settleRemoval(
    groups,
    live.map((alive) => 1 - alive),
    (name) => stepper.weights(name),
  );
  const model = shrink(stepper.model(), groups, removed);
  const states = new Map<string, Tensor>();
  for (const [name, tensor] of stepper.stateTensors()) {
    states.set(name, sliceByGroups(name, tensor, groups, removed));
  }
  const next = await prepare(model, options, withoutRemoved(trainee.sparsity?.state?.(), removed));
  next.stepper.setStates(states);
  await dismiss(trainee);
  return { trainee: next, removed };
}

/** A method's state for what is left: components are numbered anew in the same order. */
function withoutRemoved(state: MethodState | undefined, removed: Uint8Array): MethodState | undefined {
  if (state === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(state).map(([name, value]) => [
      name,
      typeof value === 'number' ? value : value.filter((_, k) => removed[k] === 0),
    ]),
  );
}
