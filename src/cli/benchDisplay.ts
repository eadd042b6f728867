import type { Latency } from '../bench/latency.ts';
import type { DeviceName } from '../runtime/devices.ts';
import { grouped, table } from './output.ts';

/** A model on the command line. */
export interface BenchModel {
  readonly name: string;
  readonly file: string;
  /** The same as `file`, under its first name. */
  readonly path: string;
  /** Per time step of one example. */
  readonly multiplyAdds: number;
  /** Multiply-adds of the first model / those of this one; null when this one has none. */
  readonly multiplyAddRatio: number | null;
}

/** A model's latency in one engine, with what belongs beside it. */
export type BenchEntry = Latency & BenchModel & { readonly runtime: DeviceName };

/** One engine at one batch size: its models in rows, then those that are smaller but not faster. */
export function benchText(title: string, entries: readonly BenchEntry[]): string {
  const rows = entries.map((m) => [
    m.name,
    grouped(m.multiplyAdds),
    m.multiplyAddRatio === null ? '–' : `${m.multiplyAddRatio.toFixed(2)}×`,
    `${m.milliseconds.median.toFixed(2)} ms`,
    `${m.milliseconds.p90.toFixed(2)} ms`,
    `${m.speedup.toFixed(2)}×`,
  ]);
  const slow = entries.filter((m) => (m.multiplyAddRatio ?? 1) >= NOTABLE && m.speedup < NOTABLE);
  return [
    title,
    table(['model', 'multiply-adds', 'fewer', 'median', 'p90', 'faster'], rows),
    ...slow.map(
      (m) => `${m.name} is smaller but not faster here: ${m.multiplyAddRatio!.toFixed(2)}× fewer multiply-adds`,
    ),
  ].join('\n');
}

/** Below this factor a difference is taken for noise. */
const NOTABLE = 1.05;

/** Threads in words. */
export function threadsOf({ threads }: Latency): string {
  if (threads === undefined) return "the engine's own number of threads";
  return threads === 1 ? '1 thread' : `${threads} threads`;
}
