import { z } from 'zod';
import { sectionReader } from '../../base/fields.ts';
import { wiringFields } from '../arrays/definition.ts';
import type { TaskDefinition } from '../task.ts';
import { usualTraining } from '../usualTraining.ts';

/** Fields of the task. */
export const taskFields = {
  ...wiringFields,
  steps: z
    .int()
    .positive()
    .optional()
    .describe('cut recordings [T, …] for a streaming model into sequences of so many time steps'),
  outputs: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('outputs that the teacher is followed in (default: all of real numbers that are no states)'),
} as const;

export const readTaskFields = sectionReader(taskFields);

/** Values of these fields. */
export type DistillationFields = ReturnType<typeof readTaskFields>;

/** A model that learns from another one: inputs, and no labels. */
export const distillationDefinition: TaskDefinition = {
  name: 'distillation',
  about: 'trains any ONNX model to compute what another one does, on inputs without labels',
  fields: taskFields,
  models: [{ name: 'onnx', fields: {} }],
  presets: {},
  defaults: usualTraining,
};
