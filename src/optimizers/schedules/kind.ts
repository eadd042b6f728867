import { z } from 'zod';
import type { FieldValues } from '../kind.ts';
import type { RunLength, Schedule } from './schedule.ts';

/** A schedule as the registry lists it. Its fields are flags; every kind has `learningRate` and `warmup` among them. */
export interface ScheduleKind<Shape extends z.ZodRawShape = z.ZodRawShape> {
  readonly name: string;
  /** What it does, in one line. */
  readonly about: string;
  readonly fields: Shape;
  /** Of all fields but `learningRate`, whose usual value is the optimizer's. */
  readonly defaults: Omit<FieldValues<Shape>, 'learningRate'>;
  /** Whether it goes by scores on held-out data: without them the rate would never change. */
  readonly needsScores?: boolean;
  create(fields: FieldValues<Shape>, run: Pick<RunLength, 'epochs'>): Schedule;
}

/** Types a kind by its fields. */
export function scheduleKind<Shape extends z.ZodRawShape>(kind: ScheduleKind<Shape>): ScheduleKind<Shape> {
  return kind;
}

/** The field that says where every schedule begins. */
export const rateField = {
  learningRate: z.number().positive().describe('learning rate of the first epochs'),
};

/** The field of schedules whose rate falls by a factor. */
export const decayField = {
  decay: z.number().positive().lte(1).describe('factor on the learning rate at each decay'),
};

/** The field of schedules that have a floor. */
export const floorField = {
  minRate: z.number().nonnegative().describe('learning rate below which none is taken'),
};

/** The field of all schedules that asks for a warm-up. */
export const warmupField = {
  warmup: z.int().nonnegative().describe('updates in which the learning rate grows to its value (0: none)'),
};

/** Any schedule whose rate grows linearly in the first n updates: update t from 0 takes η · min(1, (t + 1) / n). */
export function withWarmup(schedule: Schedule, updates: number): Schedule {
  if (updates === 0) return schedule;
  return { rate: (at) => schedule.rate(at) * Math.min(1, (at.update + 1) / updates) };
}
