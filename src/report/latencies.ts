import { SlimError } from '../base/errors.ts';
import { fileSize } from '../base/format.ts';
import { benchLatency, type Contestant } from '../bench/latency.ts';
import { sizeOf } from '../graph/dims.ts';
import type { Model } from '../graph/types.ts';
import { type DeviceName, devices } from '../runtime/devices.ts';
import type { ReportLatency, Timing } from './data.ts';

/** Time steps of a timed run, and sequences side by side. */
const STEPS = 30;
const BATCHES = [1, 10];
const ROUNDS = 6;
/** Milliseconds for one batch on one engine. */
const BUDGET = 1500;
/** Milliseconds that one run of all models may take, judged by that at batch 1; what would take longer is left out. */
const LONGEST = 5000;

/** Where models are timed. */
const PLACES: readonly Place[] = [
  { device: 'cpu' },
  // One thread is what most pages have. The engine copies models several times.
  { device: 'wasm', threads: 1, mostBytes: 2 ** 28 },
];

interface Place {
  readonly device: DeviceName;
  /** Threads, whatever the report asks for. */
  readonly threads?: number;
  /** Bytes of all models together that it is asked to load. */
  readonly mostBytes?: number;
}

/** What timing models gave: latencies in their order, and what could not be done. */
export interface TimedModels {
  readonly timing: Timing | undefined;
  readonly latencies: readonly (readonly ReportLatency[])[];
  readonly problems: readonly string[];
}

/**
 * Times models in turn on the native engine and on WebAssembly, at batch 1 and 10. All models are in memory at once; the
 * time is bounded, about ten seconds in all. What an engine refuses is a problem in words, and the rest goes on.
 */
export async function timeModels(
  contestants: readonly Contestant[],
  { threads, onStage }: { threads?: number | undefined; onStage?: ((stage: string) => void) | undefined } = {},
): Promise<TimedModels> {
  const latencies = contestants.map((): ReportLatency[] => []);
  const problems: string[] = [];
  const runtimes: string[] = [];
  const bytes = contestants.reduce((sum, { model }) => sum + weightBytes(model), 0);
  for (const { device, threads: fixed, mostBytes = Number.POSITIVE_INFINITY } of PLACES) {
    const { label, load } = devices[device];
    if (bytes > mostBytes) {
      problems.push(`Models of ${fileSize(bytes)} in all were not timed on ${label}, where loading them takes long.`);
      continue;
    }
    try {
      const runtime = await load();
      onStage?.(`timing ${contestants.length} models on ${runtime.name}`);
      let sum = 0;
      for (const batch of BATCHES) {
        const expected = sum * batch;
        if (expected > LONGEST) {
          problems.push(`Batch ${batch} on ${label} was not timed: a run would take ${Math.round(expected / 1e3)} s.`);
          continue;
        }
        const timed = await benchLatency(contestants, {
          ...{ runtime, batch, steps: STEPS, rounds: ROUNDS, budget: BUDGET },
          threads: fixed ?? threads,
        });
        for (const [i, { milliseconds }] of timed.entries()) {
          const { median, min: low, max: high } = milliseconds;
          latencies[i]!.push({ runtime: label, batch, median, low, high });
          if (batch === 1) sum += median;
        }
      }
      runtimes.push(`${label}: ${runtime.name}`);
    } catch (error) {
      if (!(error instanceof SlimError)) throw error;
      problems.push(`No latencies on ${label}: ${error.message}.`);
    }
  }
  const timing = runtimes.length === 0 ? undefined : { steps: STEPS, batches: BATCHES, runtimes, threads };
  return { timing, latencies, problems };
}

/** What the weights take, in float32. */
function weightBytes({ graph }: Model): number {
  let numbers = 0;
  for (const { dims } of graph.initializers.values()) numbers += sizeOf(dims);
  return 4 * numbers;
}
