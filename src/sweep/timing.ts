import { SlimError } from '../base/errors.ts';
import { benchLatency, type Contestant } from '../bench/latency.ts';
import type { Graph } from '../graph/types.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { dimRoles, freeDims } from '../slim/dimRoles.ts';

/** Median milliseconds of a model at batch 1 and 10, and how often that goes into the reference's. */
export interface RowLatency {
  readonly batch1: number;
  readonly batch10: number;
  readonly speedup1: number;
  readonly speedup10: number;
}

/** How fast some models are, in their order; or why that cannot be told. */
export interface Timing {
  readonly latencies?: readonly RowLatency[] | undefined;
  /** Time steps of a run; undefined for models that fix them. */
  readonly steps?: number | undefined;
  readonly untimed?: string | undefined;
}

/** How models are timed. */
interface TimingOptions {
  readonly runtime: Runtime;
  readonly threads: number | undefined;
}

export const STEPS = 30;
const ROUNDS = 6;

/** Latencies of models that are timed in turn, the first being the reference; all of them are in memory at once. */
export async function latenciesOf(contestants: readonly Contestant[], options: TimingOptions): Promise<RowLatency[]> {
  const all = { ...options, steps: STEPS, rounds: ROUNDS };
  const one = await benchLatency(contestants, { ...all, batch: 1 });
  const ten = await benchLatency(contestants, { ...all, batch: 10 });
  return one.map((latency, i) => ({
    batch1: latency.milliseconds.median,
    batch10: ten[i]!.milliseconds.median,
    speedup1: latency.speedup,
    speedup10: ten[i]!.speedup,
  }));
}

/** `latenciesOf` models where that can be told. */
export async function timeModels(contestants: readonly Contestant[], options: TimingOptions): Promise<Timing> {
  for (const { name, model } of contestants) {
    const obstacle = obstacleTo(model.graph);
    if (obstacle !== undefined) return { untimed: `${name} ${obstacle}` };
  }
  try {
    const latencies = await latenciesOf(contestants, options);
    const hasSteps = contestants.some(({ model }) => [...dimRoles(model.graph).values()].includes('time'));
    return { latencies, steps: hasSteps ? STEPS : undefined };
  } catch (error) {
    if (error instanceof SlimError) return { untimed: error.message };
    throw error;
  }
}

/** Why a model cannot be run at batch 1 and 10 on random inputs. */
function obstacleTo(graph: Graph): string | undefined {
  const roles = dimRoles(graph);
  const unclear = freeDims(graph).find((dim) => !roles.has(dim));
  if (unclear !== undefined) return `does not say how large its free dimension '${unclear}' is`;
  return [...roles.values()].includes('batch') ? undefined : 'fixes how many sequences are side by side';
}
