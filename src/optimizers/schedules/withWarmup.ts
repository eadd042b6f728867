import { z } from 'zod';
import type { Schedule } from './schedule.ts';

/** The field of all schedules that asks for a warm-up. */
export const warmupField = {
  warmup: z.int().nonnegative().describe('updates in which the learning rate grows to its value (0: none)'),
};

/** Any schedule whose rate grows linearly in the first n updates: update t from 0 takes η · min(1, (t + 1) / n). */
export function withWarmup(schedule: Schedule, updates: number): Schedule {
  if (updates === 0) return schedule;
  return { rate: (at) => schedule.rate(at) * Math.min(1, (at.update + 1) / updates) };
}
