import { SlimError } from '../base/errors.ts';
import { fileSize } from '../base/format.ts';
import { benchLatency, type Contestant } from '../bench/latency.ts';
import { sizeOf } from '../graph/dims.ts';
import type { Model } from '../graph/types.ts';
import type { RuntimeName } from '../runtime/runtimes.ts';
import { loadRuntime } from '../runtime/runtimes.ts';
import type { ReportLatency, Timing } from './data.ts';

/** Time steps of a timed run, and sequences side by side. */
const STEPS = 30;
const BATCHES = [1, 10];
const ROUNDS = 6;
/** Milliseconds for one batch on one engine. */
const BUDGET = 1500;
/** Milliseconds that one run of all models may take, judged by that at batch 1; what would take longer is left out. */
const LONGEST = 5000;

/** Bytes of all models together that WebAssembly, which copies them several times, is asked to load. */
const MOST_WEB_BYTES = 2 ** 28;

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
  for (const name of ['node', 'web'] satisfies RuntimeName[]) {
    if (name === 'web' && bytes > MOST_WEB_BYTES) {
      problems.push(
        `Models of ${fileSize(bytes)} in all were not timed on ${LABELS[name]}, where loading them takes long.`,
      );
      continue;
    }
    try {
      const runtime = await loadRuntime(name);
      onStage?.(`timing ${contestants.length} models on ${runtime.name}`);
      let sum = 0;
      for (const batch of BATCHES) {
        const expected = sum * batch;
        if (expected > LONGEST) {
          problems.push(
            `Batch ${batch} on ${LABELS[name]} was not timed: a run would take ${Math.round(expected / 1e3)} s.`,
          );
          continue;
        }
        const timed = await benchLatency(contestants, {
          ...{ runtime, batch, steps: STEPS, rounds: ROUNDS, budget: BUDGET },
          // The engine in WebAssembly has one set of threads in a process; one is what most pages have.
          threads: name === 'web' ? 1 : threads,
        });
        for (const [i, { milliseconds }] of timed.entries()) {
          const { median, min: low, max: high } = milliseconds;
          latencies[i]!.push({ runtime: LABELS[name], batch, median, low, high });
          if (batch === 1) sum += median;
        }
      }
      runtimes.push(`${LABELS[name]}: ${runtime.name}`);
    } catch (error) {
      if (!(error instanceof SlimError)) throw error;
      problems.push(`No latencies on ${LABELS[name]}: ${error.message}.`);
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

/** What the engines are called in a report. */
const LABELS: Readonly<Record<RuntimeName, string>> = { node: 'native', web: 'WebAssembly' };
