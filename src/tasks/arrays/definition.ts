import { z } from 'zod';
import { sectionReader } from '../../base/fields.ts';
import type { TaskDefinition } from '../task.ts';
import { usualTraining } from '../usualTraining.ts';
import { type LossName, losses } from './losses.ts';

const name = z.string().min(1);

/** Fields that say how a model meets arrays of inputs. */
export const wiringFields = {
  input: z.record(z.string(), name).optional().describe('array of an input, where it has another name'),
  set: z.record(z.string(), z.string()).optional().describe('value that an input has for good, which then disappears'),
  size: z
    .record(z.string(), z.int().positive())
    .optional()
    .describe('size of a free dimension, by its name or as INPUT.AXIS'),
  zeros: z.array(name).optional().describe('inputs without an array that are fed zeros'),
  state: z
    .record(z.string(), name)
    .optional()
    .describe(
      'a streaming state, input=output: the output goes in again at the next step (default: those that the file or the graph shows)',
    ),
  lengths: name
    .optional()
    .describe(
      'array with the length of each example: steps beyond them do not count (nor do those that a .jsonl reader padded)',
    ),
  batchAxis: z
    .record(z.string(), z.int().nonnegative())
    .optional()
    .describe(
      'axis of the examples of an input or output (default: the one that recurrent layers read as their batch)',
    ),
  validShare: z
    .number()
    .gt(0)
    .lte(0.5)
    .optional()
    .describe('share of the examples that is held out where there are no validation data'),
} as const;

/** Fields of the task. */
export const taskFields = {
  loss: z
    .enum(Object.keys(losses) as [LossName, ...LossName[]])
    .describe(`what is made small: ${Object.keys(losses).join(', ')}`),
  targetArray: name.describe('array with the targets'),
  output: name.optional().describe('output of the model that is scored (default: the only one that can be)'),
  ...wiringFields,
  mask: name.optional().describe('array that is 0 where a target does not count'),
  ignore: z.int().describe('class index of targets that do not count'),
  classAxis: z
    .int()
    .nonnegative()
    .optional()
    .describe('axis of the classes in the output (default: that of its Softmax, else the one that a layer makes)'),
} as const;

export const readTaskFields = sectionReader(taskFields);

const readWiring = sectionReader(wiringFields);
/** How a model meets arrays. */
export type Wiring = ReturnType<typeof readWiring>;

/** Values of these fields. */
export type ArraysFields = ReturnType<typeof readTaskFields>;

/** Arrays for any imported model. */
export const arraysDefinition: TaskDefinition = {
  name: 'arrays',
  about: 'trains any ONNX model further on arrays of inputs and targets',
  fields: taskFields,
  models: [{ name: 'onnx', fields: {} }],
  presets: {},
  defaults: (given) => ({ ...usualTraining(given), ignore: -1 }),
};
