import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Cores for each worker, or why workers are not bound to any. */
export type CoreBinding =
  | { readonly bound: true; readonly coresOf: (slot: number) => readonly number[] }
  | { readonly bound: false; readonly reason: string };

/** Gives each worker cores of its own among those of this process, where there are enough, and `taskset` (Linux). */
export function bindCores(workers: number, threads: number, allowed = allowedCores()): CoreBinding {
  if (allowed === undefined) return { bound: false, reason: 'there is no taskset' };
  if (workers * threads > allowed.length) {
    return { bound: false, reason: `${workers} × ${threads} threads are more than the ${allowed.length} cores` };
  }
  return { bound: true, coresOf: (slot) => allowed.slice(slot * threads, (slot + 1) * threads) };
}

/** Workers of so many threads that the machine has cores for, at least one. */
export function defaultWorkers(threads: number): number {
  return Math.max(1, Math.floor(availableParallelism() / threads));
}

/** The cores that this process may use; undefined when that cannot be told, or workers could not be bound anyway. */
function allowedCores(): number[] | undefined {
  if (process.platform !== 'linux') return undefined;
  const { status, stdout } = spawnSync('taskset', ['-cp', String(process.pid)], { encoding: 'utf8' });
  return status === 0 ? parseCores(stdout.slice(stdout.lastIndexOf(':') + 1)) : undefined;
}

/** `0-3,8` → 0, 1, 2, 3, 8 */
export function parseCores(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const [from = 0, to = from] = part.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}
