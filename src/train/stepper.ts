import { SlimError } from '../errors.ts';
import { sizeOf } from '../graph/dims.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { instantiateKernels, type Kernels } from '../kernels/kernels.ts';
import { Arena, type Buffer32, bytesFor } from '../kernels/memory.ts';
import { modelOf } from '../onnx/model.ts';
import type { Runtime, Session } from '../runtime/runtime.ts';
import type { Matrix, SparsityMethod } from '../sparsity/method.ts';
import { LookupTable } from './lookupTable.ts';
import { LOSS, TARGETS, type TrainingGraph, trainingGraph } from './trainingGraph.ts';

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

/** A parameter in the arena: fed to the graph, updated in place by the kernels. */
interface Parameter {
  readonly name: string;
  readonly stored: readonly number[];
  readonly weights: Buffer32;
  readonly gradient: Buffer32;
  /** Set for what the sparsity method acts on; the others are only stepped. */
  readonly matrix:
    | (Matrix & { buffers: Record<'rowPenalty' | 'colPenalty' | 'rowSquares' | 'colSquares', Buffer32> })
    | undefined;
}

/**
 * Truncated back-propagation through time, one window at a time: the graph gives loss and gradients, fused kernels do
 * the rest in place. All weights and gradients live in one WebAssembly memory of
 * 8 bytes per parameter (4 for embeddings outside it) plus masks and states, which grow with batch · time.
 */
export class Stepper {
  readonly plan: TrainingGraph;
  readonly matrices: readonly Matrix[];
  private readonly options: StepperOptions;
  private readonly source: Model;
  private readonly session: Session;
  private readonly kernels: Kernels;
  private readonly parameters: readonly Parameter[];
  private readonly tables: readonly { table: LookupTable; values: Buffer32; gradient: Buffer32; indices: string }[];
  private readonly masks: readonly { buffer: Buffer32; keep: number }[];
  private readonly states: readonly { input: string; output: string; from: Float32Array; to: Float32Array }[];
  private readonly feeds: Record<string, Tensor>;
  private readonly fetches: Record<string, Tensor>;

  static async create(model: Model, options: StepperOptions): Promise<Stepper> {
    const plan = trainingGraph(model, options.logits, { batch: options.batch, time: options.time });
    const session = await options.runtime.createSession(modelOf(plan.graph), {
      threads: options.threads,
      profile: options.profile,
    });
    return new Stepper(model, plan, session, options);
  }

  private constructor(model: Model, plan: TrainingGraph, session: Session, options: StepperOptions) {
    this.options = options;
    this.source = model;
    this.plan = plan;
    this.session = session;
    const shapes = plan.parameters.map((p) => ({
      ...p,
      ...matrixShape(p.dims),
      stored: this.initializer(p.name).dims,
    }));
    const outputs = new Map(plan.graph.outputs.map((o) => [o.name, o.type.shape as readonly number[]]));
    const inputs = new Map(plan.graph.inputs.map((i) => [i.name, i.type.shape as readonly number[]]));
    const lookupDims = plan.lookups.map((l) => inputs.get(l.values)!);
    const lengths = [
      ...shapes.flatMap((s) => [s.rows * s.cols, s.rows * s.cols, s.rows, s.cols, s.rows, s.cols]),
      ...lookupDims.flatMap((d) => [sizeOf(d), sizeOf(d)]),
      ...plan.masks.map((m) => sizeOf(m.dims)),
      ...plan.states.flatMap((s) => [sizeOf(inputs.get(s.input)!), sizeOf(outputs.get(s.output)!)]),
      1,
    ];
    const arena = new Arena(bytesFor(lengths));
    this.kernels = instantiateKernels(arena.memory);
    this.feeds = {};
    this.fetches = {};
    const feed = (name: string, dims: readonly number[], buffer = arena.float32(sizeOf(dims))) => {
      this.feeds[name] = { elementType: 'float32', dims, data: buffer.data };
      return buffer;
    };
    const fetch = (name: string, dims: readonly number[]) => {
      const buffer = arena.float32(sizeOf(dims));
      this.fetches[name] = { elementType: 'float32', dims, data: buffer.data };
      return buffer;
    };
    this.parameters = shapes.map(({ name, dims, stored, rows, cols }) => {
      const weights = feed(name, dims);
      const values = this.initializer(name).data;
      if (!(values instanceof Float32Array))
        throw new SlimError(`parameter '${name}' is not float32; only float32 models can be trained`);
      weights.data.set(values);
      const gradient = fetch(plan.gradients.get(name)!, dims);
      if (!options.sparsity?.parameters.has(name)) return { name, stored, weights, gradient, matrix: undefined };
      const buffers = {
        rowPenalty: arena.float32(rows),
        colPenalty: arena.float32(cols),
        rowSquares: arena.float32(rows),
        colSquares: arena.float32(cols),
      };
      // An update that changes nothing sums the squares in the very order in which updates leave them, to the last bit:
      // a run that goes on from a checkpoint must not differ from one that was never stopped.
      this.kernels.update({
        weights: weights.offset,
        gradient: gradient.offset,
        rows,
        cols,
        rowDecay: buffers.rowPenalty.offset,
        colDecay: buffers.colPenalty.offset,
        step: 0,
        threshold: 0,
        rowSquares: buffers.rowSquares.offset,
        colSquares: buffers.colSquares.offset,
      });
      const matrix = {
        name,
        dims: stored,
        rows,
        cols,
        rowSquares: buffers.rowSquares.data,
        colSquares: buffers.colSquares.data,
        rowPenalty: buffers.rowPenalty.data,
        colPenalty: buffers.colPenalty.data,
        buffers,
      };
      return { name, stored, weights, gradient, matrix };
    });
    this.matrices = this.parameters.flatMap((p) => (p.matrix ? [p.matrix] : []));
    this.tables = plan.lookups.map((l, i) => {
      if (plan.parameters.some((p) => p.name === l.table)) {
        throw new SlimError(`embedding '${l.table}' is also used elsewhere in the graph, which cannot be trained yet`);
      }
      const values = feed(l.values, lookupDims[i]!);
      const gradient = fetch(plan.gradients.get(l.values)!, lookupDims[i]!);
      return { table: new LookupTable(l.table, this.initializer(l.table)), values, gradient, indices: l.indices };
    });
    this.masks = plan.masks.map((m) => ({ buffer: feed(m.input, m.dims), keep: m.keep }));
    this.states = plan.states.map((s) => ({
      ...s,
      to: feed(s.input, inputs.get(s.input)!).data,
      from: fetch(s.output, outputs.get(s.output)!).data,
    }));
    fetch(LOSS, []);
    const targets = inputs.get(TARGETS)!;
    this.feeds[TARGETS] = { elementType: 'int32', dims: targets, data: new Int32Array(sizeOf(targets)) };
  }

  /** Where the next window's targets go, [T·B] in the order t·B + b. */
  get targets(): Int32Array {
    return this.feeds[TARGETS]!.data as Int32Array;
  }

  /**
   * One update on a window: `indices` [T·B] like the targets, which must be in place; `rate` is the learning rate;
   * `index` numbers the update, and with the seed determines its dropout masks. Throws DivergedError on NaN or infinity,
   * before any weight has changed.
   */
  async step(indices: Int32Array, rate: number, index: number): Promise<StepResult> {
    const { seed } = this.options;
    for (const t of this.tables) t.table.lookUp(indices, t.values.data);
    this.masks.forEach(({ buffer, keep }, i) => {
      this.kernels.dropoutMask(buffer.offset, buffer.data.length, keep, (Math.imul(seed, 64) + i) >>> 0, index >>> 0);
    });
    const start = performance.now();
    await this.session.run(this.feeds, { fetches: this.fetches, outputs: [] });
    const ran = performance.now();
    for (const s of this.states) s.to.set(s.from);
    const loss = this.fetches[LOSS]!.data[0] as number;
    const { penalty, gradientNorm } = this.update(indices, rate, loss);
    return { loss, penalty, gradientNorm, graphTime: ran - start, updateTime: performance.now() - ran };
  }

  /** States to zero, as at the start of a text. */
  resetStates(): void {
    for (const s of this.states) s.to.fill(0);
  }

  /** The carried states by input name, as tensors over live memory. */
  stateTensors(): Map<string, Tensor> {
    return new Map(this.states.map((s) => [s.input, this.feeds[s.input]!]));
  }

  /** Sets the carried states; names and sizes must be those of the model. */
  setStates(states: ReadonlyMap<string, Tensor>): void {
    for (const s of this.states) {
      const given = states.get(s.input)?.data;
      if (!(given instanceof Float32Array) || given.length !== s.to.length) {
        throw new SlimError(`state '${s.input}' needs ${s.to.length} numbers, got ${given?.length ?? 'none'}`);
      }
      s.to.set(given);
    }
  }

  /** Current weights of a parameter in its stored dimensions, over live memory; undefined for other names. */
  weights(name: string): Tensor | undefined {
    const p = this.parameters.find((q) => q.name === name);
    if (p) return { elementType: 'float32', dims: p.stored, data: p.weights.data };
    const found = this.tables.find((t) => t.table.name === name);
    return found?.table.tensor ?? this.source.graph.initializers.get(name);
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

  /**
   * Gradient descent with one clip over everything (Zaremba et al. 2014), then the threshold:
   *   g ← ∂(cross entropy)/∂w / B + ∂R/∂w,  w ← hard(w − η · min(1, c/‖g‖) · g, τ).
   */
  private update(indices: Int32Array, rate: number, loss: number): { penalty: number; gradientNorm: number } {
    const { sparsity, clip, batch } = this.options;
    const scale = 1 / batch;
    const penalty = sparsity?.beforeUpdate(this.matrices) ?? 0;
    let squares = 0;
    for (const p of this.parameters) {
      if (p.matrix && sparsity) {
        squares += this.kernels.sumOfSquaresWithDecay({
          weights: p.weights.offset,
          gradient: p.gradient.offset,
          rows: p.matrix.rows,
          cols: p.matrix.cols,
          rowDecay: p.matrix.buffers.rowPenalty.offset,
          colDecay: p.matrix.buffers.colPenalty.offset,
          gradientScale: scale,
        });
      } else squares += scale ** 2 * this.kernels.sumOfSquares(p.gradient.offset, p.gradient.data.length);
    }
    for (const t of this.tables) squares += scale ** 2 * t.table.gather(indices, t.gradient.data);
    const gradientNorm = Math.sqrt(squares);
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) throw new DivergedError(loss, gradientNorm);
    const step = rate * Math.min(1, clip / gradientNorm);
    for (const p of this.parameters) {
      if (p.matrix && sparsity) {
        scaleInPlace(p.matrix.rowPenalty, step);
        scaleInPlace(p.matrix.colPenalty, step);
        this.kernels.update({
          weights: p.weights.offset,
          gradient: p.gradient.offset,
          rows: p.matrix.rows,
          cols: p.matrix.cols,
          rowDecay: p.matrix.buffers.rowPenalty.offset,
          colDecay: p.matrix.buffers.colPenalty.offset,
          step: step * scale,
          threshold: sparsity.threshold,
          rowSquares: p.matrix.buffers.rowSquares.offset,
          colSquares: p.matrix.buffers.colSquares.offset,
        });
      } else this.kernels.updatePlain(p.weights.offset, p.gradient.offset, p.weights.data.length, step * scale);
    }
    for (const t of this.tables) t.table.update(step * scale);
    return { penalty, gradientNorm };
  }

  private initializer(name: string): Tensor {
    const tensor = this.source.graph.initializers.get(name);
    if (tensor === undefined) throw new SlimError(`the model has no parameter '${name}'`);
    return tensor;
  }
}

/** Training left the numbers: NaN or infinity in the loss or the gradient. */
export class DivergedError extends SlimError {
  override readonly name: string = 'DivergedError';
  readonly loss: number;
  readonly gradientNorm: number;

  constructor(loss: number, gradientNorm: number) {
    super(`training diverged: the loss is ${loss}, the gradient's norm ${gradientNorm}`);
    this.loss = loss;
    this.gradientNorm = gradientNorm;
  }
}

/** The last axis is the columns, all before it the rows. */
function matrixShape(dims: readonly number[]): { rows: number; cols: number } {
  const cols = dims[dims.length - 1] ?? 1;
  return { rows: sizeOf(dims.slice(0, -1)), cols };
}

function scaleInPlace(values: Float32Array, factor: number): void {
  for (let i = 0; i < values.length; i++) values[i]! *= factor;
}
