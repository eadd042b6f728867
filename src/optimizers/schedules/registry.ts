import { z } from 'zod';
import type { Section } from '../../base/fields.ts';
import { chosenKind } from '../kind.ts';
import { constantKind } from './constant.ts';
import { cosineKind } from './cosine.ts';
import type { ScheduleKind } from './kind.ts';
import { plateauKind } from './plateau.ts';
import type { RunLength, Schedule } from './schedule.ts';
import { stepKind } from './step.ts';

/** All schedules, by name: the only list. */
export const schedules = {
  step: stepKind,
  constant: constantKind,
  cosine: cosineKind,
  plateau: plateauKind,
} as const satisfies Record<string, ScheduleKind>;

/** Name of a schedule. */
export type ScheduleName = keyof typeof schedules;

/** The kind that a configuration's section chooses. */
export function scheduleKindOf(section: Section): ScheduleKind {
  return chosenKind<ScheduleKind>(schedules, section, 'schedule');
}

/** Makes the schedule of a configuration's section, for a run of so many epochs. */
export function scheduleOf(section: Section, run: Pick<RunLength, 'epochs'>): Schedule {
  const kind = scheduleKindOf(section);
  return kind.create(z.object(kind.fields).parse(section), run);
}
