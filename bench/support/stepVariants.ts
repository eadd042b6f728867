import type * as ort from 'onnxruntime-node';
import { interleave, median } from '../../src/bench/statistics.ts';
import { nodeRuntime } from '../../src/runtime/node.ts';
import * as engine from '../../src/runtime/nodeEngine.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { runtimeOf } from '../../src/runtime/session.ts';
import { telemetryOff } from '../../src/runtime/telemetry.ts';
import { type TrainConfig, trainingSteps } from './trainingStep.ts';

/** Settings of the engine that could make a step faster, beside those that are used. */
export const variants: Readonly<Record<string, ort.InferenceSession.SessionOptions>> = {
  'products that need not wait for each other at once (parallel mode, two inter-op threads)': {
    executionMode: 'parallel',
    interOpNumThreads: 2,
  },
  'weights not packed ahead (disable_prepacking)': { extra: { session: { disable_prepacking: '1' } } },
  'threads sleep between operators (no spinning)': {
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  },
  'no arena of memory': { enableCpuMemArena: false },
  'no plan of memory': { enableMemPattern: false },
  'denormal numbers are zero': { extra: { session: { set_denormal_as_zero: '1' } } },
  'only basic rewriting of the graph': { graphOptimizationLevel: 'basic' },
};

/** A setting beside the usual ones. */
export interface VariantTime {
  readonly name: string;
  /** Milliseconds of a step, medians. */
  readonly usual: number;
  readonly changed: number;
  /** usual / changed, the median over the rounds: above 1 the setting is faster. */
  readonly ratio: number;
}

/** The native engine with some settings changed. */
function changedRuntime(changes: ort.InferenceSession.SessionOptions): Runtime {
  const create = (bytes: Uint8Array, options: ort.InferenceSession.SessionOptions) =>
    engine.InferenceSession.create(bytes, { ...options, ...changes });
  return runtimeOf({
    name: nodeRuntime.name,
    InferenceSession: { create } as unknown as ort.InferenceSessionFactory,
    Tensor: engine.Tensor,
    provider: 'cpu',
    writesInPlace: true,
    ready: telemetryOff,
  });
}

/** How steps are compared. */
export interface VariantOptions {
  readonly words: number;
  readonly threads: number | undefined;
  readonly rounds: number;
}

/** Times a training step with one setting changed beside the usual step, in turn. Memory: that of two trainings. */
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
