import { SlimError, UsageError } from '../base/errors.ts';
import { namesStates, statesOf } from '../graph/states.ts';
import type { Model, Tensor } from '../graph/types.ts';
import type { Groups } from '../groups/groups.ts';
import { liveComponents, type WeightLookup, weightsOf } from '../groups/measure.ts';
import { traceGroups } from '../groups/trace.ts';
import type { MethodState, SparsityMethod } from '../methods/method.ts';
import type { Optimizer, OptimizerState } from '../optimizers/optimizer.ts';
import { resetSlots } from '../optimizers/optimizer.ts';
import { constantPerUse } from '../passes/constantPerUse.ts';
import type { Sums } from '../tasks/score.ts';
import { type Batches, type BatchShape, LOSS, type Problem } from '../tasks/task.ts';
import type { Collective } from './collective.ts';
import { type TrainingGraph, trainingGraph } from './compile.ts';
import { addRows } from './lookupTable.ts';
import { layOutWeights, type WeightMemory } from './memory.ts';
import { createScorer, type Scorer } from './scorer.ts';
import { type CompiledStep, compileStep, floatTensor, runStep, type SessionSettings } from './step.ts';
import { addBatch, emptyTotals } from './sums.ts';
import { withWeights } from './trainedWeights.ts';
import { type UpdateResult, updateWeights } from './update.ts';

/** What stays the same while a model is trained, whatever becomes of it. */
export interface TrainSetup extends SessionSettings {
  readonly problem: Problem;
  /** Bound on the norm of the whole gradient; infinite for none. */
  readonly clip: number;
  readonly seed: number;
  /** Layers that keep all their units. */
  readonly fix: readonly string[];
  /** Whether columns of embeddings are units too. */
  readonly embeddings: boolean;
  /** True when nothing is to vanish: units that cannot be traced do not stand in the way then. */
  readonly isDense: boolean;
  readonly createMethod: (
    model: { readonly graph: Model['graph']; readonly groups: Groups },
    state?: MethodState,
  ) => SparsityMethod | undefined;
  readonly createOptimizer: (state?: OptimizerState) => Optimizer;
  readonly collective: Collective;
}

/** All that training changes, as plain data. */
export interface Snapshot {
  /** Structure, and weights in the element types that the model stores. */
  readonly model: Model;
  /** Float32 values of the weights that are trained. */
  readonly weights: ReadonlyMap<string, Tensor>;
  /** `state/INPUT`, `slot/SLOT/PARAMETER`, `mask/PARAMETER`. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly method?: MethodState | undefined;
  readonly optimizer?: OptimizerState | undefined;
}

/** What a step did. */
export interface StepResult extends UpdateResult {
  /** Sums of the batch; its count is 0 where nothing counts and nothing was learned. */
  readonly sums: Sums;
  /** Mean loss of an item. */
  readonly loss: number;
  /** Milliseconds in the graph, and in the update with penalty, clipping and threshold. */
  readonly graphTime: number;
  readonly updateTime: number;
}

/** Most shapes that are compiled at a time: each session holds the activations of its sizes. */
const MOST_STEPS = 32;

/**
 * A model in training: its weights in one memory, compiled steps for each batch shape over them, optimizer and sparsity
 * method. All of it is made anew, from a snapshot, when the model shrinks.
 */
export class TrainState {
  readonly groups: Groups | undefined;
  readonly optimizer: Optimizer;
  readonly method: SparsityMethod | undefined;
  readonly memory: WeightMemory;
  private readonly structure: Model;
  private readonly setup: TrainSetup;
  /** Weights that are trained but have no part in the loss. */
  private readonly untouched: ReadonlyMap<string, Tensor>;
  private readonly names: ReadonlySet<string>;
  private readonly steps = new Map<string, CompiledStep>();
  private readonly carried = new Map<string, Tensor>();
  private scorer: Scorer | undefined;

  /** Traces the groups of a model, lays its weights out and compiles its first step. Throws SlimError when it cannot. */
  static async create(snapshot: Snapshot, setup: TrainSetup): Promise<TrainState> {
    const first = setup.problem.batches('train', { epoch: 0, seed: setup.seed, ...setup.collective });
    const shape = first.shapeOf(0);
    const plan = trainingGraph(snapshot.model, setup.problem, new Set(snapshot.weights.keys()), shape);
    if (plan.parameters.length + plan.lookups.length === 0) {
      throw new UsageError('no weight that is trained has a part in the loss');
    }
    const state = new TrainState(snapshot, setup, plan);
    try {
      await state.addStep(plan, first, shape);
      return state;
    } catch (error) {
      await state.release();
      throw error;
    }
  }

  private constructor(snapshot: Snapshot, setup: TrainSetup, plan: TrainingGraph) {
    const { model, weights } = snapshot;
    this.setup = setup;
    this.structure = model;
    this.names = new Set(weights.keys());
    this.groups = groupsOf(model, setup);
    const { groups } = this;
    this.method = groups && setup.createMethod({ graph: model.graph, groups }, snapshot.method);
    this.optimizer = setup.createOptimizer(snapshot.optimizer);
    const [method, optimizer] = [this.method, this.optimizer];
    this.memory = layOutWeights(plan, { weights, method, optimizer, keepsTables: setup.collective.ranks > 1 });
    const { byName, tables } = this.memory;
    this.untouched = new Map([...weights].filter(([name]) => !byName.has(name) && !tables.has(name)));
    this.restore(snapshot.tensors);
  }

  /** What the loss says that a user should know. */
  get notes(): readonly string[] {
    return [...this.steps.values()][0]?.plan.notes ?? [];
  }

  /**
   * One update on batch `index` of an epoch; `update` numbers it, and with the seed determines its dropout. Throws
   * DivergedError on NaN or infinity, before any weight has changed.
   */
  async step(
    batches: Batches,
    index: number,
    at: { readonly rate: number; readonly update: number },
  ): Promise<StepResult> {
    const { seed, clip, collective } = this.setup;
    const step = await this.stepFor(batches, index);
    const count = batches.fill(index, step.batch);
    if (count === 0 && collective.ranks === 1) return nothingLearned();
    const start = performance.now();
    await runStep(step, this.memory, seed, at.update);
    const ran = performance.now();
    const { plan, fetches, lookups } = step;
    const sums = addBatch(emptyTotals(), plan, fetches, count);
    const loss = count === 0 ? 0 : (fetches[LOSS]!.data[0] as number);
    const gradientScale = await this.shareGradients(step, count);
    const done = updateWeights(this.memory, collective.ranks > 1 ? [] : lookups, loss, {
      ...at,
      clip,
      gradientScale,
      method: this.method,
      optimizer: this.optimizer,
    });
    const meanLoss = plan.reduction === 'sum' ? loss / count : loss;
    return { ...done, sums, loss: meanLoss, graphTime: ran - start, updateTime: performance.now() - ran };
  }

  /** Sums the gradients of all processes, each weighted by its items; returns the scale of what is then in memory. */
  private async shareGradients({ plan, lookups }: CompiledStep, count: number): Promise<number> {
    const { collective } = this.setup;
    if (collective.ranks === 1) return plan.gradientScale;
    const { byName, gradients } = this.memory;
    // Nobody else clears the rows that other processes looked up.
    for (const { table } of lookups) if (!byName.get(table)!.isWritten) byName.get(table)!.gradient.data.fill(0);
    if (count === 0) gradients.fill(0);
    else
      for (const { table, indices, gradient } of lookups) addRows(byName.get(table)!.gradient.data, indices, gradient);
    const total = Float64Array.of(count);
    await collective.sum(total);
    const isMean = plan.reduction === 'mean' && count > 0;
    if (isMean) for (let i = 0; i < gradients.length; i++) gradients[i]! *= count / total[0]!;
    await collective.sum(gradients);
    return plan.reduction === 'mean' ? plan.gradientScale : plan.gradientScale / collective.ranks;
  }

  /** The compiled step for a batch; the oldest is given back when there are too many. */
  private async stepFor(batches: Batches, index: number): Promise<CompiledStep> {
    const shape = batches.shapeOf(index);
    const key = JSON.stringify(shape);
    const known = this.steps.get(key);
    if (known) return known;
    if (this.steps.size >= MOST_STEPS) {
      const [oldest, step] = [...this.steps][0]!;
      this.steps.delete(oldest);
      await step.session.release();
    }
    return this.addStep(trainingGraph(this.structure, this.setup.problem, this.names, shape), batches, shape);
  }

  private async addStep(plan: TrainingGraph, batches: Batches, shape: BatchShape): Promise<CompiledStep> {
    const step = await compileStep(plan, this.memory, batches.feeds(shape), this.carried, this.setup);
    this.steps.set(JSON.stringify(shape), step);
    return step;
  }

  /** Carried states to zero, as at the start of the data. */
  resetStates(): void {
    for (const { data } of this.carried.values()) (data as Float32Array).fill(0);
  }

  /** Scores the held-out data with the weights that the optimizer says. */
  score(signal?: AbortSignal): Promise<Sums> {
    const { problem, runtime, threads, seed, collective } = this.setup;
    this.scorer ??= createScorer(this.structure, {
      ...{ problem, runtime, threads, seed, collective },
      trained: this.names,
      weights: (name) => this.evaluatedWeights(name),
    });
    return this.scorer.score('valid', { signal });
  }

  /** Current weights in stored dimensions, over live memory; undefined for other names. */
  weights(name: string): Tensor | undefined {
    const parameter = this.memory.byName.get(name);
    if (parameter) return floatTensor(parameter.stored, parameter.weights.data);
    return this.memory.tables.get(name)?.tensor ?? this.untouched.get(name);
  }

  /** The same, or the averages that are scored and saved in their place. */
  private evaluatedWeights(name: string): Tensor | undefined {
    const slot = this.optimizer.evaluated?.();
    const average = slot === undefined ? undefined : this.memory.byName.get(name)?.slots[slot];
    return average ? floatTensor(this.memory.byName.get(name)!.stored, average.data) : this.weights(name);
  }

  private allWeights(of: (name: string) => Tensor | undefined): Map<string, Tensor> {
    return new Map([...this.names].map((name) => [name, of(name)!]));
  }

  /** The model with the weights that are scored, copied. */
  finished(): Model {
    return withWeights(this.structure, detached(this.allWeights((name) => this.evaluatedWeights(name))));
  }

  /** Everything that training changes, over live memory: copy or write it before the next step. */
  snapshot(): Snapshot {
    const weights = this.allWeights((name) => this.weights(name));
    const tensors = new Map<string, Tensor>();
    for (const [name, tensor] of this.carried) tensors.set(`state/${name}`, tensor);
    for (const { name, stored, slots, penalized } of this.memory.parameters) {
      for (const [slot, { data }] of Object.entries(slots))
        tensors.set(`slot/${slot}/${name}`, floatTensor(stored, data));
      if (penalized?.mask) {
        tensors.set(`mask/${name}`, { elementType: 'uint8', dims: stored, data: penalized.mask.data });
      }
    }
    const [method, optimizer] = [this.method?.state?.(), this.optimizer.state?.()];
    return { model: withWeights(this.structure, weights), weights, tensors, method, optimizer };
  }

  /** Slots, masks and states from a snapshot; what it lacks starts as at the beginning of a run. */
  private restore(tensors: ReadonlyMap<string, Tensor>): void {
    for (const parameter of this.memory.parameters) {
      resetSlots(this.optimizer, parameter);
      const { name, slots, penalized } = parameter;
      for (const [slot, { data }] of Object.entries(slots)) copyInto(data, tensors.get(`slot/${slot}/${name}`), name);
      if (penalized?.mask) copyInto(penalized.mask.data, tensors.get(`mask/${name}`), name);
    }
    for (const [name, tensor] of tensors) {
      if (name.startsWith('state/')) {
        this.carried.set(name.slice('state/'.length), floatTensor(tensor.dims, (tensor.data as Float32Array).slice()));
      }
    }
  }

  /** Lets the method choose its connections before the first update. */
  begin(): void {
    this.method?.begin?.(this.memory.matrices);
    for (const { weights, penalized } of this.memory.parameters) {
      if (!penalized?.mask) continue;
      this.memory.kernels.applyMask(weights.offset, penalized.mask.offset, weights.data.length);
      penalized.matrix.passes.refresh();
    }
    for (const parameter of this.memory.parameters) resetSlots(this.optimizer, parameter);
  }

  /** Tells the method that an epoch has ended. */
  endEpoch(at: { readonly epoch: number; readonly epochs: number; readonly updates: number }): void {
    this.method?.afterEpoch?.(this.memory.matrices, {
      ...at,
      reset: ({ name }, places) => resetSlots(this.optimizer, this.memory.byName.get(name)!, places),
    });
  }

  /** Units of each layer, those that something still reads, and 1 for each component alive. */
  units(): { units: number[]; alive: number[]; live: Uint8Array } {
    const { groups } = this;
    if (groups === undefined) return { units: [], alive: [], live: new Uint8Array(0) };
    const live = liveComponents(groups, this.lookup());
    const units = groups.layers.map((layer) => layer.components.length);
    const alive = groups.layers.map((layer) => layer.components.reduce((n, k) => n + (k < 0 ? 1 : live[k]!), 0));
    return { units, alive, live };
  }

  /** Looks up every stored tensor: current weights, and what is not trained. */
  lookup(): WeightLookup {
    const stored = weightsOf(constantPerUse(this.structure.graph));
    return (name) => this.weights(name) ?? stored(name);
  }

  /** Weights that are trained. */
  countParameters(): number {
    let count = 0;
    for (const name of this.names) count += this.weights(name)!.data.length;
    return count;
  }

  /** Gives the sessions back. */
  async release(): Promise<void> {
    for (const { session } of this.steps.values()) await session.release();
    this.steps.clear();
    await this.scorer?.release();
  }
}

/** The groups of a model; for dense training undefined where they cannot be traced. */
function groupsOf(model: Model, { fix, embeddings, isDense }: TrainSetup): Groups | undefined {
  const states = namesStates(model) ? statesOf(model) : [];
  const options = { states, embeddings, fix, opset: model.opsets[''] };
  try {
    return traceGroups(model.graph, { ...options, tolerant: isDense });
  } catch (error) {
    if (isDense && error instanceof SlimError) return undefined;
    throw error;
  }
}

function nothingLearned(): StepResult {
  return { sums: emptyTotals(), loss: 0, penalty: 0, gradientNorm: 0, graphTime: 0, updateTime: 0 };
}

function copyInto(into: Float32Array | Uint8Array, tensor: Tensor | undefined, name: string): void {
  if (tensor === undefined) return;
  const { data } = tensor;
  const fits = data.length === into.length && data.constructor === into.constructor;
  if (!fits)
    throw new SlimError(`what a checkpoint keeps of '${name}' does not fit: ${data.length} values for ${into.length}`);
  into.set(data as Float32Array);
}

/** Copies that outlive the trainer's memory. */
export function detached(weights: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  return new Map([...weights].map(([name, t]) => [name, { ...t, data: t.data.slice() as Tensor['data'] }]));
}
