import type { Section } from '../base/fields.ts';
import type { TrainSettings } from '../train/options.ts';

/** All that determines a run, together with its data: a choice of one kind of each part, and what all runs have. */
export type RunConfig = TrainSettings & Readonly<Record<Part, Section>>;

/** The parts of a configuration that are a choice between kinds. */
export const parts = ['task', 'model', 'method', 'optimizer', 'schedule'] as const;

/** Name of a part. */
export type Part = (typeof parts)[number];

/** The settings that choose the kind of each part; a method is chosen by its own fields. */
export const selectors: Readonly<Record<Part, string>> = {
  task: 'task',
  model: 'cell',
  method: 'method',
  optimizer: 'optimizer',
  schedule: 'schedule',
};

/** Fields that a resumed run may change, and which the digest of a run leaves out. */
export const freeFields: ReadonlySet<string> = new Set(['threads', 'checkpointEvery']);
