import type * as ort from 'onnxruntime-node';
import { interleave, median } from '../../src/bench/statistics.ts';
import type { Graph } from '../../src/graph/types.ts';
import { unrollLoops } from '../../src/passes/unrollLoops.ts';
import { nodeRuntime } from '../../src/runtime/node.ts';
import * as engine from '../../src/runtime/nodeEngine.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { runtimeOf } from '../../src/runtime/session.ts';
import { telemetryOff } from '../../src/runtime/telemetry.ts';
import { type TrainConfig, trainingSteps } from './trainingStep.ts';

/** What is changed of a step. */
interface Variant {
  /** Settings of the engine. */
  readonly options?: ort.InferenceSession.SessionOptions;
  readonly rewrite?: (graph: Graph) => Graph;
}

/** What could make a step faster, beside what is used. */
export const variants: Readonly<Record<string, Variant>> = {
  'products that need not wait for each other at once (parallel mode, two inter-op threads)': {
    options: { executionMode: 'parallel', interOpNumThreads: 2 },
  },
  'weights not packed ahead (disable_prepacking)': { options: { extra: { session: { disable_prepacking: '1' } } } },
  'threads sleep between operators (no spinning)': {
    options: { extra: { session: { intra_op: { allow_spinning: '0' } } } },
  },
  'no arena of memory': { options: { enableCpuMemArena: false } },
  'a plan of memory': { options: { enableMemPattern: true } },
  'denormal numbers are zero': { options: { extra: { session: { set_denormal_as_zero: '1' } } } },
  'only basic rewriting of the graph': { options: { graphOptimizationLevel: 'basic' } },
  'loops written out, a body for each step': { rewrite: unrollLoops },
};

/** A changed step beside the usual one. */
export interface VariantTime {
  readonly name: string;
  /** Milliseconds of a step, medians. */
  readonly usual: number;
  readonly changed: number;
  /** usual / changed, the median over the rounds: above 1 the change is faster. */
  readonly ratio: number;
}

/** The native engine with something changed. */
function changedRuntime({ options: changes, rewrite = (graph) => graph }: Variant): Runtime {
  const create = (bytes: Uint8Array, options: ort.InferenceSession.SessionOptions) =>
    engine.InferenceSession.create(bytes, { ...options, ...changes });
  const runtime = runtimeOf({
    name: nodeRuntime.name,
    InferenceSession: { create } as unknown as ort.InferenceSessionFactory,
    Tensor: engine.Tensor,
    provider: 'cpu',
    writesInPlace: true,
    ready: telemetryOff,
  });
  const createSession: Runtime['createSession'] = (model, options) =>
    runtime.createSession(model instanceof Uint8Array ? model : { ...model, graph: rewrite(model.graph) }, options);
  return { ...runtime, createSession };
}

/** How steps are compared. */
export interface VariantOptions {
  readonly words: number;
  readonly threads: number | undefined;
  readonly rounds: number;
}

/** Times a training step with one thing changed beside the usual step, in turn. Memory: that of two trainings. */
export async function compareVariant(
  config: TrainConfig,
  name: string,
  { words, threads, rounds }: VariantOptions,
): Promise<VariantTime> {
  const [usual, changed] = [
    await trainingSteps(config, words, { runtime: nodeRuntime, threads }),
    await trainingSteps(config, words, { runtime: changedRuntime(variants[name]!), threads }),
  ];
  const works = [() => usual.step(), () => changed.step()];
  const [before, after] = await interleave(works, { rounds, burst: 3, leadIn: 300 });
  for (const steps of [usual, changed]) await steps.release();
  const ratios = before!.map((ms, i) => ms / after![i]!);
  return { name, usual: median(before!), changed: median(after!), ratio: median(ratios) };
}
