import { batchWindows } from '../data/batches.ts';
import { sizeOf } from '../graph/dims.ts';
import { modelOf } from '../graph/model.ts';
import type { Model, Tensor } from '../graph/types.ts';
import type { Runtime, Session } from '../runtime/runtime.ts';
import { InterruptedError } from './interrupted.ts';
import { lookUpRows } from './lookupTable.ts';
import { LOSS, type ScoringGraph, scoringGraph, TARGETS } from './trainingGraph.ts';

/** How a text is scored. */
export interface EvaluationOptions {
  /** Sequences side by side; 1 reads the text as one stream. */
  readonly batch: number;
  /** Window length; it changes the speed, not the result. */
  readonly steps: number;
  /** Name of the text, for errors. */
  readonly label?: string;
  /** Called now and then with the share of the text that is done. */
  readonly onProgress?: (share: number) => void;
  /** Aborting throws InterruptedError. */
  readonly signal?: AbortSignal | undefined;
}

/** Scores texts with a model whose weights may change between calls. */
export interface Evaluator {
  /** exp(total cross entropy / tokens), state carried across windows, every token but each row's first scored once. */
  perplexity(ids: Int32Array, options: EvaluationOptions): Promise<number>;
  release(): Promise<void>;
}

/** An evaluator over a model's structure; `weights` gives the current value of each parameter. */
export async function createEvaluator(
  model: Model,
  logits: string,
  runtime: Runtime,
  options: { threads?: number | undefined; weights?: (name: string) => Tensor | undefined } = {},
): Promise<Evaluator> {
  const plan = scoringGraph(model, logits);
  const session = await runtime.createSession(modelOf(plan.graph), { threads: options.threads });
  const weights = options.weights ?? ((name: string) => model.graph.initializers.get(name));
  const stored = new Map<string, Tensor>();
  return {
    perplexity: (ids, how) => score(plan, session, stored, weights, ids, how),
    release: () => session.release(),
  };
}

async function score(
  plan: ScoringGraph,
  session: Session,
  fed: Map<string, Tensor>,
  weights: (name: string) => Tensor | undefined,
  ids: Int32Array,
  { batch, steps, label = 'text', onProgress, signal }: EvaluationOptions,
): Promise<number> {
  const windows = batchWindows(ids, batch, steps, { keepTail: true, label });
  const feeds: Record<string, Tensor> = {};
  for (const { name, dims } of plan.parameters) {
    const tensor = weights(name)!;
    // One wrapper per buffer, so that the runtime's own wrapper is made once.
    const known = fed.get(name);
    const wrapper = known?.data === tensor.data ? known : { ...tensor, dims };
    fed.set(name, wrapper);
    feeds[name] = wrapper;
  }
  for (const { input } of plan.states) {
    const shape = plan.graph.inputs.find((v) => v.name === input)!.type.shape!;
    const dims = shape.map((d) => (typeof d === 'number' ? d : batch));
    feeds[input] = { elementType: 'float32', dims, data: new Float32Array(sizeOf(dims)) };
  }
  const inputs = new Int32Array(steps * batch);
  const targets = new Int32Array(steps * batch);
  const outputs = [LOSS, ...plan.states.map((s) => s.output)];
  let total = 0;
  for (let i = 0; i < windows.windows; i++) {
    const time = windows.fillWindow(i, inputs, targets);
    const rows = time * batch;
    for (const { table, values } of plan.lookups) {
      const { data, dims } = weights(table)!;
      const size = dims[1]!;
      const looked = new Float32Array(rows * size);
      lookUpRows(data as Float32Array, size, inputs.subarray(0, rows), looked);
      feeds[values] = { elementType: 'float32', dims: [time, batch, size], data: looked };
    }
    feeds[TARGETS] = { elementType: 'int32', dims: [rows], data: targets.slice(0, rows) };
    if (signal?.aborted) throw new InterruptedError(`stopped while scoring the ${label}; --resume goes on from here`);
    const results = await session.run(feeds, { outputs });
    total += results[LOSS]!.data[0] as number;
    for (const { input, output } of plan.states) feeds[input] = results[output]!;
    if (i % 50 === 49) onProgress?.((i + 1) / windows.windows);
  }
  return Math.exp(total / windows.tokens);
}
