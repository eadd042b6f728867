import { fileSize } from '../base/format.ts';
import { benchLatency } from '../bench/latency.ts';
import { sizeOf } from '../graph/dims.ts';
import { type DeviceName, devices } from '../runtime/devices.ts';
import { inWords, type LoadedModel, type OnProblem } from './models.ts';

/** Time steps of a timed run, and sequences side by side. */
const STEPS = 30;
const BATCHES = [1, 10];
const ROUNDS = 6;
/** Milliseconds for one batch on one engine. */
const BUDGET = 1500;
/** Milliseconds that one run of all models may take, judged by that at batch 1; what would take longer is left out. */
const LONGEST = 5000;

/** Devices where models are timed when nobody says. */
export const TIMED_ON: readonly DeviceName[] = ['cpu', 'wasm'];

/** On how many threads models are timed whatever the report asks for, and with at most so many bytes in all. */
const LIMITS: Partial<Record<DeviceName, { readonly threads?: number; readonly mostBytes?: number }>> = {
  // One thread is what most pages have. The engine copies models several times.
  wasm: { threads: 1, mostBytes: 2 ** 28 },
};

/** How models are timed, and who hears of it. */
interface TimingOptions {
  readonly devices?: readonly DeviceName[] | undefined;
  readonly threads?: number | undefined;
  readonly onStage?: ((stage: string) => void) | undefined;
  /** Hears what an engine refuses; the rest goes on. */
  readonly onProblem: OnProblem;
}

/**
 * Times models in turn, natively and on WebAssembly when nobody says, in about ten seconds, and adds to their latencies. All are in
 * memory at once. Returns the steps of a run, undefined when nothing was timed.
 */
export async function timeModels(
  models: readonly LoadedModel[],
  { devices: names = TIMED_ON, threads, onStage, onProblem }: TimingOptions,
): Promise<number | undefined> {
  const timed = models.flatMap(({ figures, model, latencies }) => {
    return model === undefined ? [] : [{ name: figures.name, model, latencies }];
  });
  if (timed.length === 0) return undefined;
  const weights = timed.flatMap(({ model }) => [...model.graph.initializers.values()]);
  // In float32.
  const bytes = weights.reduce((sum, { dims }) => sum + 4 * sizeOf(dims), 0);
  for (const device of names) {
    const { threads: fixed, mostBytes = Number.POSITIVE_INFINITY } = LIMITS[device] ?? {};
    const { label, load } = devices[device];
    if (bytes > mostBytes) {
      onProblem(`Models of ${fileSize(bytes)} in all were not timed on ${label}, where loading them takes long.`);
      continue;
    }
    const timeHere = async () => {
      const runtime = await load();
      onStage?.(`timing ${timed.length} models on ${runtime.name}`);
      let sum = 0;
      for (const batch of BATCHES) {
        const expected = sum * batch;
        if (expected > LONGEST) {
          onProblem(`Batch ${batch} on ${label} was not timed: a run would take ${Math.round(expected / 1e3)} s.`);
          continue;
        }
        const how = { runtime, batch, steps: STEPS, rounds: ROUNDS, budget: BUDGET, threads: fixed ?? threads };
        for (const [i, { milliseconds }] of (await benchLatency(timed, how)).entries()) {
          timed[i]!.latencies.push({ runtime: label, batch, median: milliseconds.median });
          if (batch === 1) sum += milliseconds.median;
        }
      }
    };
    await timeHere().catch(inWords((problem) => onProblem(`No latencies on ${label}: ${problem}.`)));
  }
  return timed.some(({ latencies }) => latencies.length > 0) ? STEPS : undefined;
}
