import type { Section } from '../base/fields.ts';
import type { TrainSettings } from '../train/options.ts';

/** All that determines a run, together with its data: a choice of one kind of each part, and what all runs have. */
export type RunConfig = TrainSettings & Readonly<Record<Part, Section>>;

/** The parts that are a choice between kinds, each with the setting that chooses it; a method is chosen by its fields. */
export const selectors = {
  task: 'task',
  model: 'cell',
  method: 'method',
  optimizer: 'optimizer',
  schedule: 'schedule',
} as const;

/** Name of a part. */
export type Part = keyof typeof selectors;

/** Fields that a resumed run may change, and which the digest of a run leaves out. */
export const freeFields: ReadonlySet<string> = new Set([
  'device',
  'threads',
  'checkpointEvery',
  'keepModels',
  'trainCollapsed',
]);
