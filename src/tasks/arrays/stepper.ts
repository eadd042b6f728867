import { differentiate } from '../../autodiff/differentiate.ts';
import { UsageError } from '../../base/errors.ts';
import { sizeOf } from '../../graph/dims.ts';
import { modelOf } from '../../graph/model.ts';
import { removeDeadNodes } from '../../graph/rewrite.ts';
import type { Model, Tensor } from '../../graph/types.ts';
import { instantiateKernels } from '../../kernels/kernels.ts';
import { Arena, type Buffer32, bytesFor } from '../../kernels/memory.ts';
import type { SparsityMethod } from '../../methods/method.ts';
import { fuseLinear } from '../../passes/fuseLinear.ts';
import { hoistLoops } from '../../passes/hoistLoops.ts';
import { maskDropout } from '../../passes/maskDropout.ts';
import { parametersAsInputs } from '../../passes/parametersAsInputs.ts';
import type { Runtime, Session } from '../../runtime/runtime.ts';
import { placeParameters, placeTensor } from '../../train/layout.ts';
import { adam, type Moments, sgd } from '../../train/optimizers.ts';
import { parameterLengths, parameterShape } from '../../train/parameters.ts';
import { LOSS } from '../../train/trainingGraph.ts';
import type { TrainedWeights } from '../../train/update.ts';
import { type BatchFeeds, batchFeeds } from './batches.ts';
import { boundGraph } from './bound.ts';
import type { FinetuneConfig } from './config.ts';
import type { Examples } from './examples.ts';
import { CORRECT, type Scored, scoredGraph } from './scoring.ts';
import type { Targets } from './targets.ts';
import type { Weights } from './weights.ts';

/** Examples that are scored: inputs, targets, and how they meet in the model's output. */
export interface ScoredExamples {
  readonly examples: Examples;
  readonly targets: Targets;
  readonly scored: Scored;
}

/** What a batch gave. */
export interface BatchResult {
  /** Mean loss over the places that count. */
  readonly loss: number;
  /** Share of right predictions among them; undefined where the loss knows no right or wrong. */
  readonly accuracy: number | undefined;
  /** Places that count. */
  readonly count: number;
}

/** What an update did besides. */
export interface UpdateResult extends BatchResult {
  readonly penalty: number;
  readonly gradientNorm: number;
}

/** Size of the batches over some examples: what is asked for, unless the model fixes it or there are fewer. */
export function batchSize({ fixedBatch, count }: Examples, batch: number): number {
  return fixedBatch ?? Math.min(batch, count);
}

/** What a training step is made of. */
export interface FinetuneStepperOptions {
  readonly model: Model;
  /** The weights that are trained, in float32. */
  readonly weights: Weights;
  /** Adam's running means as `moments()` gives them; absent at the start. */
  readonly moments?: ReadonlyMap<string, Tensor> | undefined;
  readonly data: ScoredExamples;
  readonly config: FinetuneConfig;
  readonly sparsity?: SparsityMethod | undefined;
  readonly runtime: Runtime;
}

/** Names of Adam's running means of a parameter, of its gradient and of the square of it. */
export const momentNames = (parameter: string) => ({ mean: `mean/${parameter}`, square: `square/${parameter}` });

/** A compiled step with its memory. */
interface CompiledStep {
  readonly session: Session;
  readonly trained: TrainedWeights;
  readonly moments: ReadonlyMap<string, Moments>;
  readonly masks: readonly { readonly buffer: Buffer32; readonly keep: number }[];
  readonly batches: BatchFeeds;
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly fetches: Readonly<Record<string, Tensor>>;
  readonly undone: string | undefined;
}

/** Differentiates the loss of a batch, and lays weights, gradients and Adam's means out in one memory. */
async function compile(options: FinetuneStepperOptions): Promise<CompiledStep> {
  const { model, weights, data, config, runtime } = options;
  const batch = batchSize(data.examples, config.batch);
  const bound = boundGraph(model, data.examples, batch);
  const { graph: scored, undone, hasCorrect } = scoredGraph(bound, data.scored, config.loss);
  const { graph: masked, masks } = maskDropout(removeDeadNodes(scored));
  const { graph: fed, parameters } = parametersAsInputs(fuseLinear(masked), new Set(weights.keys()));
  if (parameters.length === 0) {
    throw new UsageError(`no weight that is trained has a part in output '${data.scored.output}'`);
  }
  const names = parameters.map((p) => p.name);
  const { graph, gradients } = differentiate(fed, LOSS, names);
  const shapes = parameters.map((p) => parameterShape(p, { initializers: weights }));
  const withMoments = config.optimizer === 'adam' ? shapes : [];
  const arena = new Arena(
    bytesFor([
      ...shapes.flatMap(parameterLengths),
      ...withMoments.flatMap(({ dims }) => [sizeOf(dims), sizeOf(dims)]),
      ...masks.map((m) => sizeOf(m.dims)),
      ...[1, 1],
    ]),
  );
  const kernels = instantiateKernels(arena.memory);
  const batches = batchFeeds(data.examples, data.targets, batch, bound.inputs);
  const feeds: Record<string, Tensor> = { ...batches.feeds };
  const fetches: Record<string, Tensor> = {};
  const placed = placeParameters(shapes, gradients, options.sparsity, { arena, kernels, feeds, fetches });
  const momentOf = (name: string, dims: readonly number[]) => {
    const buffer = arena.float32(sizeOf(dims));
    const saved = options.moments?.get(name)?.data;
    if (saved instanceof Float32Array) buffer.data.set(saved);
    return buffer;
  };
  const moments = new Map(
    withMoments.map(({ name, dims }): [string, Moments] => {
      const { mean, square } = momentNames(name);
      return [name, { mean: momentOf(mean, dims), square: momentOf(square, dims) }];
    }),
  );
  const placedMasks = masks.map((m) => ({ buffer: placeTensor(arena, feeds, m.input, m.dims), keep: m.keep }));
  placeTensor(arena, fetches, LOSS, []);
  if (hasCorrect) placeTensor(arena, fetches, CORRECT, []);
  const finished = modelOf(hoistLoops(removeDeadNodes(graph)));
  const session = await runtime.createSession(finished, { threads: config.threads });
  return {
    session,
    trained: { kernels, ...placed, tables: [], shared: [] },
    moments,
    masks: placedMasks,
    batches,
    feeds,
    fetches,
    undone,
  };
}

/**
 * Mini-batches through an imported graph: the graph gives loss and gradients, fused kernels do the rest in place.
 * Weights and gradients (and Adam's means) live in one WebAssembly memory of 8 (16) bytes per weight.
 */
export class FinetuneStepper {
  private readonly compiled: CompiledStep;
  private readonly config: FinetuneConfig;
  private readonly sparsity: SparsityMethod | undefined;

  /** Compiles the step of a model. Throws SlimError naming the node where its graph cannot be differentiated. */
  static async create(options: FinetuneStepperOptions): Promise<FinetuneStepper> {
    return new FinetuneStepper(await compile(options), options);
  }

  private constructor(compiled: CompiledStep, { config, sparsity }: FinetuneStepperOptions) {
    this.compiled = compiled;
    this.config = config;
    this.sparsity = sparsity;
  }

  /** The activation at the end of the model that the loss took the input of. */
  get undone(): string | undefined {
    return this.compiled.undone;
  }

  /**
   * One update on some examples; `update` counts from 0 and, with the seed, determines the dropout masks. A batch where
   * nothing counts changes nothing. Throws DivergedError on NaN or infinity, before any weight has changed.
   */
  async step(examples: Uint32Array, rate: number, update: number): Promise<UpdateResult> {
    const { session, trained, moments, masks, batches, feeds, fetches } = this.compiled;
    const { seed, optimizer, clip = Number.POSITIVE_INFINITY } = this.config;
    const count = batches.fill(examples);
    if (count === 0) return { loss: 0, accuracy: undefined, count, penalty: 0, gradientNorm: 0 };
    masks.forEach(({ buffer, keep }, i) => {
      trained.kernels.dropoutMask(
        buffer.offset,
        buffer.data.length,
        keep,
        (Math.imul(seed, 64) + i) >>> 0,
        update >>> 0,
      );
    });
    await session.run(feeds, { fetches, outputs: [] });
    const loss = fetches[LOSS]!.data[0] as number;
    const step = { rate, clip, sparsity: this.sparsity, update };
    const done = optimizer === 'adam' ? adam(trained, moments, loss, step) : sgd(trained, loss, step);
    return { ...done, loss, accuracy: accuracyIn(fetches), count };
  }

  /** Current values of the trained weights in their stored dimensions, over live memory. */
  weights(): Map<string, Tensor> {
    return new Map(
      this.compiled.trained.parameters.map(({ name, stored, weights }) => [
        name,
        { elementType: 'float32', dims: stored, data: weights.data },
      ]),
    );
  }

  /** Adam's running means in the dimensions of their weights, over live memory; none for SGD. */
  moments(): Map<string, Tensor> {
    return new Map(
      this.compiled.trained.parameters.flatMap(({ name, stored }) => {
        const means = this.compiled.moments.get(name);
        const names = momentNames(name);
        return (['mean', 'square'] as const).flatMap((which): [string, Tensor][] =>
          means ? [[names[which], { elementType: 'float32', dims: stored, data: means[which].data }]] : [],
        );
      }),
    );
  }

  /** Gives the session back. */
  async release(): Promise<void> {
    await this.compiled.session.release();
  }
}

/** Share of right predictions that a run gave; undefined where the loss knows none. */
export function accuracyIn(results: Readonly<Record<string, Tensor>>): number | undefined {
  return results[CORRECT]?.data[0] as number | undefined;
}
