import { benchLatency, type Latency } from '../../src/bench/latency.ts';
import { median } from '../../src/bench/statistics.ts';
import { grouped, note, table } from '../../src/cli/output.ts';
import type { Model } from '../../src/graph/types.ts';
import { languageModel } from '../../src/models/languageModel.ts';
import { savedBytes } from '../../src/onnx/file.ts';
import { withoutDropout } from '../../src/passes/withoutDropout.ts';
import { quantizeModel } from '../../src/quantize/quantize.ts';
import { type DeviceName, devices } from '../../src/runtime/devices.ts';
import { cpuClock } from './cpuClock.ts';

/** One of the paper's two models in one form. */
export interface SizedModel {
  readonly name: string;
  readonly model: Model;
  /** Of the file, and of the file without its embedding. */
  readonly bytes: { readonly all: number; readonly withoutEmbedding: number };
}

/** The models side by side in one engine and one shape of input. */
export interface SizedLatency {
  readonly device: DeviceName;
  readonly engine: string;
  readonly threads: number;
  readonly batch: number;
  readonly steps: number;
  /** Each with its speedup over the first one, dense in float32. */
  readonly models: readonly (Latency & {
    /** Processor time of a run, the threads together: what other processes disturb less. */
    readonly cpuMilliseconds: number;
    readonly cpuSpeedup: number;
  })[];
}

const VOCABULARY = 10_000;
const EMBEDDING = 1500;
const DENSE = [1500, 1500];
const SLIM = [373, 315];
const STEPS = 30;
const BATCHES = [1, 10];
const ENGINES: readonly { readonly device: DeviceName; readonly threads: number }[] = [
  { device: 'cpu', threads: 1 },
  { device: 'cpu', threads: 2 },
  { device: 'wasm', threads: 1 },
];

/** The paper's language model and the one that ISS made of it, of untrained weights, in the forms that are compared. */
export function sizedModels(seed: number): SizedModel[] {
  const [dense, slim] = [DENSE, SLIM].map((hidden) =>
    withoutDropout(languageModel({ vocabulary: VOCABULARY, embedding: EMBEDDING, hidden, initScale: 0.04, seed })),
  ) as [Model, Model];
  const named: readonly [string, Model][] = [
    ['dense float32', dense],
    ['slim float32', slim],
    ['slim int8', quantizeModel(slim).model],
    ['slim fp16', quantizeModel(slim, { to: 'fp16' }).model],
    ['dense int8', quantizeModel(dense).model],
  ];
  return named.map(([name, model]) => ({ name, model, bytes: bytesOf(model) }));
}

function bytesOf(model: Model): SizedModel['bytes'] {
  const all = savedBytes('model.onnx', model);
  let embedding = 0;
  for (const [name, { data }] of model.graph.initializers) {
    if (name.startsWith('embedding') && !Array.isArray(data)) embedding += data.byteLength;
  }
  return { all, withoutEmbedding: all - embedding };
}

/** Times all models in turn, in each engine and shape of input. */
export async function timeSizes(
  contestants: readonly SizedModel[],
  { rounds, budget }: { readonly rounds: number; readonly budget: number },
): Promise<SizedLatency[]> {
  const found: SizedLatency[] = [];
  for (const { device, threads } of ENGINES) {
    const plain = await devices[device].load();
    const engine = plain.name;
    for (const batch of BATCHES) {
      note(`${engine}, ${threads} thread${threads === 1 ? '' : 's'}, batch ${batch} × ${STEPS} steps`);
      const { runtime, times } = cpuClock(plain);
      const timed = await benchLatency(contestants, { runtime, threads, batch, steps: STEPS, rounds, budget });
      // The first run of a session makes its buffers.
      const cpu = contestants.map(({ name }) => median(times.get(name)!.slice(1)));
      const models = timed.map((latency, i) => {
        return { ...latency, cpuMilliseconds: cpu[i]!, cpuSpeedup: cpu[0]! / cpu[i]! };
      });
      found.push({ device, engine, threads, batch, steps: STEPS, models });
    }
  }
  return found;
}

/** Bytes and latencies as tables. */
export function sizesText(contestants: readonly SizedModel[], latencies: readonly SizedLatency[]): string {
  const sizes = contestants.map(({ name, bytes }) => [name, grouped(bytes.all), grouped(bytes.withoutEmbedding)]);
  const rows = latencies.map(({ device, threads, batch, models }) => [
    `${devices[device].label}, ${threads} thread${threads === 1 ? '' : 's'}, batch ${batch}`,
    ...models.map(({ milliseconds, speedup, cpuSpeedup }) => {
      return `${milliseconds.median.toFixed(2)} ms, ${speedup.toFixed(1)}× (${cpuSpeedup.toFixed(1)}×)`;
    }),
  ]);
  return [
    table(['', 'bytes', 'without the embedding'], sizes),
    'medians, and how much faster than the dense model in float32 (in brackets by processor time)',
    table([`${STEPS} steps`, ...contestants.map(({ name }) => name)], rows),
  ].join('\n\n');
}
