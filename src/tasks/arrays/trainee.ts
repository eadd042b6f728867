import { withType } from '../../graph/convert.ts';
import { stateMetadata, statesOf } from '../../graph/states.ts';
import type { Model, Tensor } from '../../graph/types.ts';
import type { Groups } from '../../groups/groups.ts';
import { type LogHistogram, normsByLayer } from '../../groups/logHistogram.ts';
import { liveComponents, type WeightLookup, weightsOf } from '../../groups/measure.ts';
import { type TracedGroups, traceGroups } from '../../groups/trace.ts';
import { groupLasso } from '../../methods/groupLasso.ts';
import { constantPerUse } from '../../passes/constantPerUse.ts';
import { joinDirections } from '../../passes/joinDirections.ts';
import { prepareModel } from '../../passes/prepareModel.ts';
import type { Runtime, Tensors } from '../../runtime/runtime.ts';
import { settleRemoval, shrink } from '../../slim/shrink.ts';
import { sliceByGroups } from '../../slim/slice.ts';
import { TARGETS } from '../../train/trainingGraph.ts';
import { assertEqual } from '../../verify/verify.ts';
import { batchFeeds } from './batches.ts';
import { boundGraph } from './bound.ts';
import type { FinetuneConfig } from './config.ts';
import { streamingStates } from './examples.ts';
import { type ExampleScorer, exampleScorer } from './scorer.ts';
import { PLACE_WEIGHTS } from './scoring.ts';
import { batchSize, FinetuneStepper, momentNames, type ScoredExamples } from './stepper.ts';
import { liftConstants, trainedNames, type Weights, weightsOfModel, withWeights } from './weights.ts';

/** The model in training with all that is made anew when it shrinks. */
export interface FinetuneTrainee {
  /** Its structure; the values of what is trained are the stepper's. */
  readonly model: Model;
  /** Undefined without group lasso. */
  readonly groups: TracedGroups | undefined;
  readonly stepper: FinetuneStepper;
  readonly valid: ExampleScorer | undefined;
}

/** What a trainee needs besides its model. */
export interface TraineeContext {
  readonly config: FinetuneConfig;
  readonly runtime: Runtime;
  readonly train: ScoredExamples;
  readonly valid: ScoredExamples | undefined;
}

/** The model, its trained weights in float32, and Adam's running means: all that training changes. */
export interface TraineeState {
  readonly model: Model;
  readonly weights: Weights;
  readonly moments?: ReadonlyMap<string, Tensor> | undefined;
}

/**
 * An imported model in the form in which it is trained; with group lasso also that in which units can leave. States that
 * take their values from arrays (`given`) keep their sizes.
 */
export function trainableForm(model: Model, given: ReadonlySet<string>, config: FinetuneConfig): TraineeState {
  const lifted = liftConstants(model);
  const states = streamingStates(model).filter((s) => !given.has(s.input));
  const named = { ...lifted, metadata: { ...lifted.metadata, ...stateMetadata(states) } };
  const form = config.iss > 0 ? prepareModel(named, { states }) : lifted;
  return { model: form, weights: weightsOfModel(form, trainedNames(form.graph, config.freeze)) };
}

/** Prepares a model for training: traces its groups, compiles its step and its evaluation. */
export async function prepareTrainee(state: TraineeState, context: TraineeContext): Promise<FinetuneTrainee> {
  const { config, runtime, train, valid } = context;
  const { model, weights, moments } = state;
  const groups = config.iss > 0 ? groupsOf(model, config) : undefined;
  const sparsity = groups && groupLasso(groups, { lambda: config.iss, threshold: config.threshold });
  const stepper = await FinetuneStepper.create({ model, weights, moments, data: train, config, sparsity, runtime });
  const current = () => new Map([...weights, ...stepper.weights()]);
  try {
    const scorer = valid && (await exampleScorer(model, valid, config, runtime, current));
    return { model, groups, stepper, valid: scorer };
  } catch (error) {
    await stepper.release();
    throw error;
  }
}

function groupsOf(model: Model, { fix }: FinetuneConfig): TracedGroups {
  return traceGroups(model.graph, { states: statesOf(model), fix });
}

/** The model with its current weights, copied, as it is written to a file. */
export function finishedModel({ model, stepper }: FinetuneTrainee): Model {
  return joinDirections(withWeights(model, detached(stepper.weights())));
}

/** Everything that a checkpoint keeps, over live memory. */
export function stateOf({ model, stepper }: FinetuneTrainee): TraineeState {
  return { model, weights: stepper.weights(), moments: stepper.moments() };
}

/** Gives the sessions of a trainee back. */
export async function dismissTrainee({ stepper, valid }: FinetuneTrainee): Promise<void> {
  await stepper.release();
  await valid?.release();
}

function lookup({ model, stepper }: FinetuneTrainee): WeightLookup {
  const stored = weightsOf(constantPerUse(model.graph));
  const current = stepper.weights();
  return (name) => current.get(name) ?? stored(name);
}

/** Units of each layer, those that something still reads, and 1 for each component alive. */
export function aliveIn(trainee: FinetuneTrainee): { units: number[]; alive: number[]; live: Uint8Array } {
  const { groups } = trainee;
  if (groups === undefined) return { units: [], alive: [], live: new Uint8Array(0) };
  const live = liveComponents(groups, lookup(trainee));
  const units = groups.layers.map((layer) => layer.components.length);
  const alive = groups.layers.map((layer) => layer.components.reduce((n, k) => n + (k < 0 ? 1 : live[k]!), 0));
  return { units, alive, live };
}

/** How the norms ‖w_k‖ of each layer's units are distributed. */
export function normHistogramsIn(groups: Groups, trainee: FinetuneTrainee): LogHistogram[] {
  return normsByLayer(groups, lookup(trainee));
}

/**
 * The same trainee without the components that are not `live` (but one in a layer where all are dead), its weights and
 * Adam's means sliced alike. Throws SlimError when the smaller model does not compute the same on a batch of examples.
 */
export async function shrinkFinetuned(
  trainee: FinetuneTrainee,
  live: Uint8Array,
  context: TraineeContext,
): Promise<FinetuneTrainee> {
  const groups = trainee.groups!;
  const { model, weights, moments } = stateOf(trainee);
  const dead = live.map((alive) => 1 - alive);
  const removed = settleRemoval(groups, dead, lookup(trainee));
  const sliced = (name: string, tensor: Tensor) => sliceByGroups(name, tensor, groups, removed);
  const before = withWeights(model, detached(weights));
  const after = shrink(before, groups, removed);
  await assertEqual(context.runtime, before, after, {
    feeds: [sampleFeeds(model, context)],
    removal: { prepared: before, groups, removed },
  });
  const means = new Map<string, Tensor>();
  for (const name of weights.keys()) {
    for (const moment of Object.values(momentNames(name))) {
      const tensor = moments?.get(moment);
      if (tensor) means.set(moment, sliced(name, tensor));
    }
  }
  const next = await prepareTrainee(
    { model: after, weights: new Map([...weights].map(([name, t]) => [name, sliced(name, t)])), moments: means },
    context,
  );
  await dismissTrainee(trainee);
  return next;
}

/** One batch of examples in the element types of a model, states left out: they start at zero. */
export function sampleFeeds(model: Model, { train, valid, config }: TraineeContext): Tensors {
  const { examples, targets } = valid ?? train;
  const batch = batchSize(examples, config.batch);
  const { feeds, fill } = batchFeeds(examples, targets, batch, boundGraph(model, examples, batch).inputs);
  fill(Uint32Array.from({ length: Math.min(batch, examples.count) }, (_, i) => i));
  const states = new Set(statesOf(model).map((s) => s.input));
  const types = new Map(model.graph.inputs.map((v) => [v.name, v.type.elementType]));
  const own = Object.entries(feeds).filter(([name]) => name !== TARGETS && name !== PLACE_WEIGHTS && !states.has(name));
  return Object.fromEntries(own.map(([name, t]) => [name, withType(t, types.get(name)!, `input '${name}'`)]));
}

function detached(weights: Weights): Weights {
  return new Map([...weights].map(([name, t]) => [name, { ...t, data: (t.data as Float32Array).slice() }]));
}
