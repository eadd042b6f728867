import { table } from '../../src/cli/output.ts';
import type { Figure1Point, LayerShape, Timing, Way } from './figure1.ts';

/** One shape as a table: a row per sparsity, a column per kernel, each with its median and how often it is faster than dense. */
export function figure1Text({ hidden, batch }: LayerShape, points: readonly Figure1Point[]): string {
  const columns = points[0]?.timings ?? [];
  const rows = points.map(({ sparsity, units, timings }) => [
    `${(sparsity * 100).toFixed(0)} %`,
    String(units),
    ...timings.map(cell),
  ]);
  return [
    `W ${4 * hidden} × ${2 * hidden}, X ${2 * hidden} × ${batch}: median, and speed against the dense product`,
    table(['sparsity', 'units', ...columns.map(({ library, way }) => `${library}, ${HEADS[way]}`)], rows),
    ...busyNote(points),
  ].join('\n');
}

/** Above this factor between two ways to take a speedup the machine has disturbed the medians. */
const BUSY = 1.3;

function busyNote(points: readonly Figure1Point[]): string[] {
  const factors = points.flatMap(({ timings }) =>
    timings.map(({ speedup, speedupOfFastest }) => Math.max(speedup / speedupOfFastest, speedupOfFastest / speedup)),
  );
  const worst = Math.max(...factors);
  if (!(worst > BUSY)) return [];
  return [`the machine was busy: speedups by the fastest runs differ from these by up to ${worst.toFixed(1)}×`];
}

const HEADS: Readonly<Record<Way, string>> = { dense: 'dense', 'random zeros': 'CSR', 'fewer units': 'fewer units' };

function cell({ way, milliseconds: { median }, speedup }: Timing): string {
  const ms = `${median.toFixed(2)} ms`;
  return way === 'dense' ? ms : `${ms} ${speedup.toFixed(2)}×`;
}
