import { z } from 'zod';
import type { Section } from '../base/fields.ts';

const positive = z.int().positive();
const name = z.string().min(1);

/** Fields of every run: what the trainer itself goes by. */
export const commonFields = {
  epochs: positive.describe('epochs in all'),
  batch: positive.describe('sequences or examples side by side'),
  clip: z.number().positive().optional().describe('bound on the norm of the whole gradient (default: none)'),
  threshold: z
    .number()
    .nonnegative()
    .describe('τ: with a sparsity method, weights below it become 0 after every update'),
  shrink: z.boolean().describe('slice dead units away while training'),
  shrinkEvery: z
    .int()
    .nonnegative()
    .describe('look for dead units every so many updates and after each epoch (0: only between epochs)'),
  patience: positive.optional().describe('stop after so many epochs without a better score on the held-out data'),
  freeze: z.array(name).optional().describe('weights that stay as they are; * stands for any part of a name'),
  fix: z.array(name).optional().describe('layers that keep all their units'),
  seed: z.int().nonnegative().describe('seed of initial weights, order of examples and dropout'),
  threads: positive.optional().describe('threads of the engine (default: one per core)'),
  checkpointEvery: positive.describe('write a checkpoint every so many updates, besides the end of each epoch'),
} as const;

/** Values of the fields of every run. */
export type CommonConfig = z.infer<z.ZodObject<typeof commonFields>>;

/** All that determines a run, together with its data: a choice of one kind of each part, and what all runs have. */
export type RunConfig = CommonConfig & Readonly<Record<Part, Section>>;

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
