import { UsageError } from '../base/errors.ts';
import { valueCount } from '../graph/sparseTensor.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { liveComponents, type WeightLookup, weightsOf } from '../groups/measure.ts';
import type { TracedGroups } from '../groups/trace.ts';
import type { MethodContext } from '../methods/kind.ts';
import type { SparsityMethod } from '../methods/method.ts';
import { type Optimizer, resetSlots } from '../optimizers/optimizer.ts';
import { constantPerUse } from '../passes/constantPerUse.ts';
import type { Sums } from '../tasks/score.ts';
import type { Batches } from '../tasks/task.ts';
import { arenaStore } from './arenaStore.ts';
import { averagedWeights } from './averaged.ts';
import type { Collective } from './collective.ts';
import { type TrainingGraph, trainingGraph } from './compile.ts';
import { deviceStore, staysOnDevice } from './deviceStore.ts';
import { layOutWeights, type WeightMemory } from './memory.ts';
import type { TrainOptions, TrainParts, TrainSettings } from './options.ts';
import { createScorer, type Scorer } from './scorer.ts';
import { asSaved, keptTensors, restoreTensors, type Snapshot } from './snapshot.ts';
import { floatTensor } from './step.ts';
import { detached } from './store.ts';
import { groupsOf } from './trainableForm.ts';
import { withWeights } from './trainedWeights.ts';
import { resetter } from './update.ts';
import type { StepAt, StepResult, WeightStore } from './weightStore.ts';
import { gradientNotes } from './zeroGradients.ts';

/** What stays the same while a model is trained, whatever becomes of it. */
export interface TrainSetup extends Pick<TrainOptions, 'problem' | 'runtime' | 'createOptimizer'> {
  readonly settings: Pick<TrainSettings, 'seed' | 'clip' | 'fix' | 'threads'>;
  readonly method: Pick<TrainParts['method'], 'isDense' | 'embeddings'>;
  createMethod(model: Pick<MethodContext, 'graph' | 'groups' | 'state'>): SparsityMethod | undefined;
  readonly collective: Collective;
}

/**
 * A model in training: its weights in one memory, compiled steps for each batch shape over them, optimizer and sparsity
 * method. All of it is made anew, from a snapshot, when the model shrinks.
 */
export class TrainState {
  readonly groups: TracedGroups | undefined;
  readonly optimizer: Optimizer;
  readonly method: SparsityMethod | undefined;
  readonly memory: WeightMemory;
  private readonly structure: Model;
  private readonly setup: TrainSetup;
  /** Weights that are trained but have no part in the loss. */
  private readonly untouched: ReadonlyMap<string, Tensor>;
  private readonly names: ReadonlySet<string>;
  private readonly store: WeightStore;
  /** States that go on from batch to batch, whatever the shapes of the batches. */
  private readonly carried: Map<string, Tensor>;
  private scorer: Scorer | undefined;
  /** The weights of a scoring that is going on. */
  private scored: ReadonlyMap<string, Tensor> | undefined;
  /** What a user should know of the loss, and of weights that it does not move. */
  readonly notes: string[];

  /** Traces the groups of a model, lays its weights out and compiles its first step. Throws SlimError when it cannot. */
  static async create(snapshot: Snapshot, setup: TrainSetup): Promise<TrainState> {
    const { rank, ranks } = setup.collective;
    const first = setup.problem.batches('train', { epoch: 0, seed: setup.settings.seed, rank, ranks });
    const plan = trainingGraph(snapshot.model, setup.problem, new Set(snapshot.weights.keys()), first.shapeOf(0));
    if (plan.parameters.length + plan.lookups.length === 0) {
      throw new UsageError('no weight that is trained has a part in the loss');
    }
    const state = new TrainState(snapshot, setup, plan);
    const unfed = await state.store.prepare(first, 0, plan);
    state.notes.push(...gradientNotes(plan, [...state.untouched.keys()], unfed));
    return state;
  }

  private constructor(snapshot: Snapshot, setup: TrainSetup, plan: TrainingGraph) {
    const { model, weights } = snapshot;
    this.setup = setup;
    this.structure = model;
    this.notes = [...(plan.notes ?? [])];
    this.names = new Set(weights.keys());
    const groups = groupsOf(model, setup);
    const method = groups && setup.createMethod({ graph: model.graph, groups, state: snapshot.method });
    const optimizer = setup.createOptimizer(snapshot.optimizer);
    [this.groups, this.method, this.optimizer] = [groups, method, optimizer];
    const device = staysOnDevice({ setup, method, optimizer }) ? setup.runtime.deviceMemory : undefined;
    this.memory = layOutWeights(plan, { weights, method, optimizer, keepsTables: device !== undefined });
    const { byName, tables } = this.memory;
    this.untouched = new Map([...weights].filter(([name]) => !byName.has(name) && !tables.has(name)));
    this.carried = restoreTensors(this.memory, optimizer, snapshot.tensors);
    const { memory, names, carried } = this;
    const training = { setup, structure: model, names, method, optimizer, memory, carried };
    this.store = device ? deviceStore(training, device) : arenaStore(training);
  }

  /**
   * One update on batch `index` of an epoch. Throws DivergedError on NaN or infinity, before any weight has changed.
   */
  step(batches: Batches, index: number, at: StepAt): Promise<StepResult> {
    return this.store.step(batches, index, at);
  }

  /** What a user should know of where the weights lie; a device is asked, which takes a step. */
  placeNotes(): Promise<readonly string[]> {
    return this.store.notes();
  }

  /** Brings everything below up to date with the last step, where weights lie on a device. */
  readBack(): Promise<void> {
    return this.store.readBack();
  }

  /** Carried states to zero, as at the start of the data. */
  resetStates(): void {
    for (const { data } of this.carried.values()) (data as Float32Array).fill(0);
    this.store.statesChanged();
  }

  /** Scores the held-out data with the weights that the optimizer says. */
  async score(signal?: AbortSignal): Promise<Sums> {
    const { problem, runtime, settings, collective } = this.setup;
    const { seed, threads } = settings;
    this.scorer ??= createScorer(this.structure, {
      ...{ problem, runtime, threads, seed, collective },
      trained: this.names,
      weights: (name) => this.scored?.get(name) ?? this.weights(name),
    });
    this.scored = this.scoredWeights();
    try {
      return await this.scorer.score('valid', { signal });
    } finally {
      this.scored = undefined;
    }
  }

  /**
   * Current weights, or what the optimizer keeps in a slot in their place, in stored dimensions, over live memory;
   * undefined for other names.
   */
  weights(name: string, slot?: string): Tensor | undefined {
    const parameter = this.memory.byName.get(name);
    if (parameter === undefined) return this.memory.outside.get(name)?.tensor ?? this.untouched.get(name);
    const { stored, weights, slots, connections } = parameter;
    const buffer = slot === undefined ? weights : slots[slot]!;
    return connections?.tensorOf(buffer) ?? floatTensor(stored, buffer.data);
  }

  private allWeights(): Map<string, Tensor> {
    return new Map([...this.names].map((name) => [name, this.weights(name)!]));
  }

  /** What is scored and saved: the weights, or what the optimizer keeps in their place, which is copied. */
  private scoredWeights(): Map<string, Tensor> {
    const slot = this.optimizer.evaluated?.();
    const weights = this.allWeights();
    if (slot === undefined) return weights;
    return new Map([...weights].map(([name, own]) => [name, averagedWeights(this.weights(name, slot)!, own)]));
  }

  /** The model with the weights that are scored, copied. */
  finished(): Model {
    const { memory, method } = this;
    const weights = detached(this.scoredWeights());
    return withWeights(this.structure, asSaved(memory, weights, method?.savesSparse));
  }

  /** Everything that training changes, over live memory: copy or write it before the next step. */
  snapshot(): Snapshot {
    const weights = this.allWeights();
    const tensors = keptTensors(this.memory, this.carried);
    const [method, optimizer] = [this.method?.state?.(), this.optimizer.state?.()];
    return { model: withWeights(this.structure, weights), weights, tensors, method, optimizer };
  }

  /** Lets the method choose its connections before the first update. */
  begin(): void {
    this.method?.begin?.(this.memory.matrices);
    this.applyMasks();
    for (const parameter of this.memory.parameters) resetSlots(this.optimizer, parameter);
    this.store.changed();
  }

  /** Tells the method that an epoch has ended; it may move connections. */
  endEpoch(at: { readonly epoch: number; readonly epochs: number; readonly updates: number }): void {
    if (this.method?.afterEpoch === undefined) return;
    this.method.afterEpoch(this.memory.matrices, {
      ...at,
      reset: resetter(this.memory, this.optimizer),
    });
    this.applyMasks();
  }

  /** Whether the model is what the method was asked for, after so many updates and an epoch. */
  isReached(updates: number): boolean {
    return this.method?.isReached?.(this.memory.matrices, { updates }) ?? true;
  }

  /** Weights of connections that do not exist become 0. */
  private applyMasks(): void {
    for (const { weights, penalized } of this.memory.parameters) {
      if (!penalized?.mask) continue;
      this.memory.kernels.applyMask(weights.offset, penalized.mask.offset, weights.data.length);
      penalized.matrix.passes.refresh();
    }
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

  /** Weights that are trained, of what is saved by its connections these. */
  countParameters(): number {
    let count = 0;
    const weights = new Map([...this.names].map((name) => [name, this.weights(name)!]));
    for (const tensor of asSaved(this.memory, weights, this.method?.savesSparse).values()) count += valueCount(tensor);
    return count;
  }

  /** Bytes of weights, gradients and what optimizer and method keep of them. */
  get bytes(): number {
    const { gradients, outside } = this.memory;
    let bytes = gradients.buffer.byteLength;
    for (const { tensor } of outside.values()) bytes += (tensor.data as Float32Array).byteLength;
    return bytes;
  }

  /** Shares of the weights that exist, where the method moves connections. */
  densities(): Readonly<Record<string, number[]>> | undefined {
    return this.method?.densities?.(this.memory.matrices, this.memory.sparse);
  }

  /** Gives the sessions back. */
  async release(): Promise<void> {
    await this.store.release();
    await this.scorer?.release();
  }
}
