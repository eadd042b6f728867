import { SlimError } from '../base/errors.ts';
import { Recent } from '../base/recent.ts';
import { sizeOf } from '../graph/dims.ts';
import { modelOf } from '../graph/model.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { asFloat32 } from '../passes/float32.ts';
import type { Session } from '../runtime/runtime.ts';
import type { Sums } from '../tasks/score.ts';
import { shapeKey } from '../tasks/shapeKey.ts';
import { type Batches, type BatchShape, LOSS, type Problem, type Split } from '../tasks/task.ts';
import { type Collective, single } from './collective.ts';
import { type ScoringGraph, scoringGraph } from './compile.ts';
import { InterruptedError } from './interrupted.ts';
import { lookUpRows } from './lookupTable.ts';
import { MOST_SHAPES } from './shapedSteps.ts';
import { floatTensor, type SessionSettings, zerosFor } from './step.ts';
import { addBatch, emptyTotals, sharedSums, zeroTotals } from './sums.ts';
import { trainableNames } from './trainedWeights.ts';

/** Words for a split, for messages. */
const LABELS: Readonly<Record<Split, string>> = { train: 'training', valid: 'validation', test: 'test' };

/** How a split is scored. */
export interface ScoreOptions {
  /** Called now and then with the share of the data that is done. */
  readonly onProgress?: ((share: number) => void) | undefined;
  /** Aborting throws InterruptedError. */
  readonly signal?: AbortSignal | undefined;
}

/** Scores data with a model whose weights may change between calls. */
export interface Scorer {
  /** Sums of all batches of a split, states carried where the task carries them. */
  score(split: Split, options?: ScoreOptions): Promise<Sums>;
  release(): Promise<void>;
}

/** What a scorer is made of. */
export interface ScorerOptions extends SessionSettings {
  readonly problem: Problem;
  readonly seed: number;
  /** Names and current values of what is trained; by default the model's own weights. */
  readonly trained?: ReadonlySet<string> | undefined;
  readonly weights?: ((name: string) => Tensor | undefined) | undefined;
  readonly collective?: Collective | undefined;
}

/** A compiled scoring graph. */
interface CompiledScoring {
  readonly plan: ScoringGraph;
  readonly session: Session;
}

/** What batches are scored with. */
interface Scoring {
  compiled(shape: BatchShape): Promise<CompiledScoring>;
  /** Current weights as a graph takes them. */
  fed(plan: ScoringGraph): Record<string, Tensor>;
  weights(name: string): Tensor | undefined;
  readonly collective: Collective;
}

/**
 * A scorer over a model's structure: one session, or one for each batch shape where the task needs sizes. Several
 * processes score a part each, and have the sums of all.
 */
export function createScorer(model: Model, options: ScorerOptions): Scorer {
  const { problem, runtime, threads, collective = single } = options;
  const trained = options.trained ?? new Set(trainableNames(model.graph));
  const weights = options.weights ?? storedWeights(model);
  const sessions = new Recent<CompiledScoring>(MOST_SHAPES, ({ session }) => session.release());
  const scoring: Scoring = {
    weights,
    collective,
    fed: fedWeights(weights),
    compiled(shape) {
      const sizes = problem.scoresAnyShape ? undefined : shape;
      return sessions.get(sizes ? shapeKey(sizes) : '', async () => {
        const plan = scoringGraph(model, problem, trained, sizes);
        return { plan, session: await runtime.createSession(modelOf(plan.graph), { threads }) };
      });
    },
  };
  return {
    score(split, how = {}) {
      const { rank, ranks } = collective;
      const batches = problem.batches(split, { epoch: 0, seed: options.seed, rank, ranks });
      return scoreBatches(batches, split, scoring, how);
    },
    release: () => sessions.clear(),
  };
}

/** The weights of a model in float32. */
function storedWeights({ graph }: Model): (name: string) => Tensor | undefined {
  const found = new Map<string, Tensor>();
  return (name) => {
    const stored = graph.initializers.get(name);
    if (stored && !found.has(name)) found.set(name, asFloat32(stored));
    return found.get(name);
  };
}

/** Feeds for weights, with one wrapper per buffer, so that the runtime's own wrapper is made once. */
function fedWeights(weights: (name: string) => Tensor | undefined): Scoring['fed'] {
  const wrapped = new Map<string, Tensor>();
  return ({ parameters }) => {
    const feeds: Record<string, Tensor> = {};
    for (const { name, dims } of parameters) {
      const tensor = weights(name)!;
      const known = wrapped.get(name);
      const wrapper = known?.data === tensor.data ? known : { ...tensor, dims };
      wrapped.set(name, wrapper);
      feeds[name] = wrapper;
    }
    return feeds;
  };
}

async function scoreBatches(
  batches: Batches,
  split: Split,
  { compiled, fed, weights, collective }: Scoring,
  { onProgress, signal }: ScoreOptions,
): Promise<Sums> {
  const buffers = new Map<string, Readonly<Record<string, Tensor>>>();
  const carried: Record<string, Tensor> = {};
  let sums = emptyTotals();
  for (let i = 0; i < batches.count; i++) {
    if (signal?.aborted) {
      throw new InterruptedError(`stopped while scoring the ${LABELS[split]} data; --resume goes on from here`);
    }
    const shape = batches.shapeOf(i);
    const { plan, session } = await compiled(shape);
    if (i === 0) sums = zeroTotals(plan);
    const key = shapeKey(shape);
    const batch = buffers.get(key) ?? batches.feeds(shape);
    buffers.set(key, batch);
    const count = batches.fill(i, batch);
    if (count === 0) continue;
    const feeds: Record<string, Tensor> = { ...fed(plan), ...zeroStates(plan, shape, carried), ...usedBy(plan, batch) };
    for (const { table, indices, values } of plan.lookups) feeds[values] = lookedUp(weights(table)!, batch[indices]!);
    Object.assign(feeds, zerosFor(plan.graph.inputs, [feeds]));
    const outputs = [LOSS, ...Object.keys(plan.sums), ...plan.states.map((s) => s.output)];
    const results = await session.run(feeds, { outputs });
    sums = addBatch(sums, plan, results, count);
    for (const { input, output } of plan.states) carried[input] = results[output]!;
    if (i % 50 === 49) onProgress?.((i + 1) / batches.count);
  }
  const all = await sharedSums(sums, collective);
  if (all.count === 0) throw new SlimError(`nothing counts in the ${LABELS[split]} data`);
  return all;
}

/** States at the start of the data are zero; `carried` are those that came out of the batch before. */
function zeroStates(plan: ScoringGraph, shape: BatchShape, carried: Record<string, Tensor>): Record<string, Tensor> {
  for (const { input } of plan.states) {
    if (carried[input]) continue;
    const free = plan.graph.inputs.find((v) => v.name === input)!.type.shape!;
    const dims = free.map((d) => (typeof d === 'number' ? d : shape[d]!));
    carried[input] = floatTensor(dims, new Float32Array(sizeOf(dims)));
  }
  return carried;
}

/** The feeds of a batch that the graph still reads. */
function usedBy({ graph }: ScoringGraph, batch: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  const inputs = new Set(graph.inputs.map((v) => v.name));
  return Object.fromEntries(Object.entries(batch).filter(([name]) => inputs.has(name)));
}

/** Rows of a table for word numbers of any shape. */
function lookedUp({ data, dims }: Tensor, indices: Tensor): Tensor {
  const size = dims[1]!;
  const ids = indices.data as Int32Array;
  const values = new Float32Array(ids.length * size);
  lookUpRows(data as Float32Array, size, ids, values);
  return floatTensor([...indices.dims, size], values);
}
