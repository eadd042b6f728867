import { benchLatency, type Latency } from '../../src/bench/latency.ts';
import { grouped, table } from '../../src/cli/output.ts';
import { describeModel } from '../../src/inspect/describe.ts';
import { languageModel } from '../../src/models/languageModel.ts';
import { withoutDropout } from '../../src/passes/withoutDropout.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';

/** Latency of the paper's two models in one shape of input. */
export interface PaperLatency {
  readonly batch: number;
  readonly steps: number;
  readonly models: readonly Latency[];
}

/** Hidden sizes of the paper's model, and those that ISS left of it. */
const HIDDEN = [
  [1500, 1500],
  [373, 315],
];
const SHAPES = [
  { batch: 10, steps: 30 },
  { batch: 1, steps: 30 },
  { batch: 1, steps: 1 },
];

/** Times the paper's language model beside the one that ISS made of it, and counts what each computes for a token. */
export async function benchPaperSizes(options: {
  readonly runtime: Runtime;
  readonly threads?: number | undefined;
  readonly rounds: number;
}): Promise<{ latency: PaperLatency[]; text: string }> {
  const contestants = HIDDEN.map((hidden) => ({
    name: `(${hidden.join(', ')})`,
    model: withoutDropout(languageModel({ vocabulary: 10_000, embedding: 1500, hidden, initScale: 0.04 })),
  }));
  const latency: PaperLatency[] = [];
  for (const shape of SHAPES) {
    latency.push({ ...shape, models: await benchLatency(contestants, { ...options, ...shape }) });
  }
  const rows = latency.map(({ batch, steps, models }) => [
    `batch ${batch} × ${steps} steps`,
    ...models.map((m) => `${m.milliseconds.median.toFixed(2)} ms`),
    `${models[1]!.speedup.toFixed(2)}×`,
  ]);
  const [large, small] = contestants.map(({ model }) => describeModel(model).multiplyAdds);
  rows.push(['multiply-adds per token', grouped(large!), grouped(small!), `${(large! / small!).toFixed(2)}×`]);
  return { latency, text: table(['latency', ...contestants.map(({ name }) => name), 'speedup'], rows) };
}
