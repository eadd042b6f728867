import { z } from 'zod';
import { UsageError } from '../../base/errors.ts';
import { optimizerNames } from '../../train/optimizers.ts';
import { type LossName, losses } from './losses.ts';

const positive = z.int().positive();
const name = z.string().min(1);

/** Everything that determines a fine-tuning run, together with model and data. One schema checks flags and files. */
export const finetuneConfigSchema = z.strictObject({
  loss: z.enum(Object.keys(losses) as [LossName, ...LossName[]]).describe('what is made small'),
  target: name.describe('array with the targets'),
  output: name.optional().describe('output of the model that is scored (default: the only one that can be)'),
  inputs: z.record(z.string(), name).describe('array of an input, where it has another name'),
  zeros: z.array(name).describe('inputs without an array that are fed zeros'),
  lengths: name.optional().describe('array with the length of each example'),
  mask: name.optional().describe('array that is 0 where a target does not count'),
  ignore: z.int().describe('class index of targets that do not count'),
  batchAxis: z.record(z.string(), z.int().nonnegative()).describe('axis of the examples of an input or output'),
  freeze: z.array(name).describe('weights that stay as they are'),
  fix: z.array(name).describe('layers that keep all units'),
  optimizer: z.enum(optimizerNames).describe('how weights follow the gradient'),
  learningRate: z.number().positive().describe('learning rate of the first epoch'),
  decay: z.number().positive().lte(1).describe('factor on the learning rate after each epoch'),
  clip: z.number().positive().optional().describe('bound on the norm of the whole gradient (default: none)'),
  batch: positive.describe('examples in a mini-batch'),
  epochs: positive.describe('epochs in all'),
  iss: z.number().nonnegative().describe('λ of the group lasso over units (0: none)'),
  threshold: z.number().nonnegative().describe('τ: weights below it become 0 after every update, with --iss'),
  shrink: z.boolean().describe('slice dead units away at the end of each epoch'),
  seed: z.int().nonnegative().describe('seed of the order of examples and of dropout'),
  threads: positive.optional().describe('threads of the engine (default: one per core)'),
});

/** A complete configuration of fine-tuning. */
export type FinetuneConfig = z.infer<typeof finetuneConfigSchema>;

/** What a caller says; loss and target have no defaults. */
export type FinetuneSettings = Pick<FinetuneConfig, 'loss' | 'target'> & {
  [K in keyof FinetuneConfig]?: FinetuneConfig[K] | undefined;
};

/** Learning rates that suit most models. */
const usualRates = { sgd: 0.1, adam: 1e-3 } as const;

/**
 * Fills in the defaults. τ is 1e-4 for SGD, as in the ISS paper; Adam moves a weight by about the learning rate whatever
 * the size of its gradient, so that its τ is the learning rate: what one step could undo is 0.
 * Throws UsageError with every field that does not fit; `nameOf` says how the user writes a field.
 */
export function finetuneConfig(settings: FinetuneSettings, nameOf = (field: string) => field): FinetuneConfig {
  const optimizer = settings.optimizer ?? 'adam';
  const learningRate = settings.learningRate ?? usualRates[optimizer];
  const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  const parsed = finetuneConfigSchema.safeParse({
    inputs: {},
    zeros: [],
    ignore: -1,
    batchAxis: {},
    freeze: [],
    fix: [],
    optimizer,
    learningRate,
    decay: 1,
    batch: 32,
    epochs: 10,
    iss: 0,
    threshold: optimizer === 'adam' ? learningRate : 1e-4,
    shrink: true,
    seed: 1,
    ...given,
  });
  if (parsed.success) return parsed.data;
  throw new UsageError(parsed.error.issues.map((issue) => problemOf(issue, settings, nameOf)).join('; '));
}

/** What is expected of a field, and what was given. */
function problemOf(issue: z.core.$ZodIssue, settings: object, nameOf: (field: string) => string): string {
  if (issue.code === 'unrecognized_keys') return `unknown field '${issue.keys.join("', '")}'`;
  const field = String(issue.path[0] ?? '');
  const value: unknown = Reflect.get(settings, field);
  const got = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? 'nothing');
  return `${nameOf(field)}: expected ${expected(issue)}, got ${got}`;
}

function expected(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value') return issue.values.join(' or ');
  if (issue.code === 'too_small') return `${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}`;
  if (issue.code === 'too_big') return `${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}`;
  if (issue.code !== 'invalid_type') return issue.message;
  const types: Readonly<Record<string, string>> = { int: 'a whole number', number: 'a number', string: 'a name' };
  return types[issue.expected] ?? issue.expected;
}
