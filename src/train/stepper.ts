import { SlimError } from '../base/errors.ts';
import { modelOf } from '../graph/model.ts';
import type { Model, Tensor } from '../graph/types.ts';
import type { SparsityMethod } from '../methods/method.ts';
import type { Runtime, Session } from '../runtime/runtime.ts';
import { layOut, type StepMemory } from './layout.ts';
import { lookUpRows } from './lookupTable.ts';
import { LOSS, trainingGraph } from './trainingGraph.ts';
import { updateWeights } from './update.ts';

export { DivergedError } from './update.ts';

/** What stays the same from step to step. */
export interface StepperOptions {
  readonly runtime: Runtime;
  /** Output of the model that is scored. */
  readonly logits: string;
  /** B, sequences side by side. */
  readonly batch: number;
  /** T, time steps of a window. */
  readonly time: number;
  /** Bound on the norm of the whole gradient (cross entropy and penalty together). */
  readonly clip: number;
  /** Absent: dense training without penalty and threshold. */
  readonly sparsity?: SparsityMethod | undefined;
  readonly seed: number;
  readonly threads?: number | undefined;
  readonly profile?: string | undefined;
}

/** What one update did. */
export interface StepResult {
  /** Total cross entropy of the window in nats. */
  readonly loss: number;
  /** Value of the sparsity penalty before the update. */
  readonly penalty: number;
  /** Norm of the whole gradient before clipping. */
  readonly gradientNorm: number;
  /** Milliseconds in the graph, and in the update with penalty, clipping and threshold. */
  readonly graphTime: number;
  readonly updateTime: number;
}

/**
 * Truncated back-propagation through time, one window at a time: the graph gives loss and gradients, fused kernels do
 * the rest in place. All weights and gradients live in one WebAssembly memory of 8 bytes per parameter (4 for
 * embeddings outside it) plus masks and states, which grow with batch · time.
 */
export class Stepper {
  private readonly source: Model;
  private readonly session: Session;
  private readonly options: StepperOptions;
  private readonly memory: StepMemory;

  /** Compiles the training step of a model and copies its weights. Throws SlimError when it cannot be trained. */
  static async create(model: Model, options: StepperOptions): Promise<Stepper> {
    const plan = trainingGraph(model, options.logits, { batch: options.batch, time: options.time });
    const memory = layOut(model, plan, options.sparsity);
    const session = await options.runtime.createSession(modelOf(plan.graph), {
      threads: options.threads,
      profile: options.profile,
    });
    return new Stepper(model, session, options, memory);
  }

  private constructor(model: Model, session: Session, options: StepperOptions, memory: StepMemory) {
    this.source = model;
    this.session = session;
    this.options = options;
    this.memory = memory;
  }

  /** Where the next window's targets go, [T·B] in the order t·B + b. */
  get targets(): Int32Array {
    return this.memory.targets;
  }

  /**
   * One update on a window: `indices` [T·B] like the targets, which must be in place; `rate` is the learning rate;
   * `index` numbers the update, and with the seed determines its dropout masks. Throws DivergedError on NaN or
   * infinity, before any weight has changed.
   */
  async step(indices: Int32Array, rate: number, index: number): Promise<StepResult> {
    const { trained, masks, states, feeds, fetches } = this.memory;
    const { seed, clip, batch, sparsity } = this.options;
    for (const { table, values } of trained.tables) table.lookUp(indices, values.data);
    for (const { parameter, values } of trained.shared) {
      lookUpRows(parameter.weights.data, parameter.stored[1]!, indices, values.data);
    }
    this.memory.tokens?.set(indices);
    masks.forEach(({ buffer, keep }, i) => {
      const seedLo = (Math.imul(seed, 64) + i) >>> 0;
      trained.kernels.dropoutMask(buffer.offset, buffer.data.length, keep, seedLo, index >>> 0);
    });
    const start = performance.now();
    await this.session.run(feeds, { fetches, outputs: [] });
    const ran = performance.now();
    for (const s of states) s.to.set(s.from);
    const loss = fetches[LOSS]!.data[0] as number;
    const { penalty, gradientNorm } = updateWeights(trained, indices, loss, {
      rate,
      clip,
      batch,
      sparsity,
      update: index,
    });
    return { loss, penalty, gradientNorm, graphTime: ran - start, updateTime: performance.now() - ran };
  }

  /** States to zero, as at the start of a text. */
  resetStates(): void {
    for (const s of this.memory.states) s.to.fill(0);
  }

  /** The carried states by input name, as tensors over live memory. */
  stateTensors(): Map<string, Tensor> {
    return new Map(this.memory.states.map((s) => [s.input, this.memory.feeds[s.input]!]));
  }

  /** Sets the carried states; names and sizes must be those of the model. */
  setStates(states: ReadonlyMap<string, Tensor>): void {
    for (const s of this.memory.states) {
      const given = states.get(s.input)?.data;
      if (!(given instanceof Float32Array) || given.length !== s.to.length) {
        throw new SlimError(`state '${s.input}' needs ${s.to.length} numbers, got ${given?.length ?? 'none'}`);
      }
      s.to.set(given);
    }
  }

  /** Current weights of a parameter in its stored dimensions, over live memory; undefined for other names. */
  weights(name: string): Tensor | undefined {
    const { parameters, tables } = this.memory.trained;
    const parameter = parameters.find((p) => p.name === name);
    if (parameter) return { elementType: 'float32', dims: parameter.stored, data: parameter.weights.data };
    const lookedUp = tables.find((t) => t.table.name === name);
    return lookedUp?.table.tensor ?? this.source.graph.initializers.get(name);
  }

  /** The model with its current weights, over live memory: write or copy it before the next step. */
  model(): Model {
    const { graph } = this.source;
    const initializers = new Map([...graph.initializers.keys()].map((name) => [name, this.weights(name)!]));
    return { ...this.source, graph: { ...graph, initializers } };
  }

  /** Gives the session back. */
  async release(): Promise<void> {
    await this.session.release();
  }
}
