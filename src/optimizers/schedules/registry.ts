import { z } from 'zod';
import { SlimError } from '../../base/errors.ts';
import type { Section } from '../../base/fields.ts';
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
  const kinds: Readonly<Record<string, ScheduleKind>> = schedules;
  const kind = kinds[section.kind];
  if (kind === undefined) throw new SlimError(`there is no schedule '${section.kind}'`);
  return kind;
}

/** Makes the schedule of a configuration's section, for a run of so many epochs. */
export function scheduleOf(section: Section, run: Pick<RunLength, 'epochs'>): Schedule {
  const kind = scheduleKindOf(section);
  return kind.create(z.object(kind.fields).parse(section), run);
}
