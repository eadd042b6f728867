import type { BatchShape } from './task.ts';

/** Text that is equal for equal sizes, in whatever order they are named. */
export function shapeKey(shape: BatchShape): string {
  return JSON.stringify(Object.entries(shape).sort(([a], [b]) => (a < b ? -1 : 1)));
}
