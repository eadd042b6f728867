import { z } from 'zod';
import { UsageError } from '../errors.ts';
import { cellNames, DEFAULT_CELL } from '../nn/layers.ts';
import { didYouMean } from '../suggest.ts';

const positive = z.int().positive();

/**
 * Everything that determines a training run, together with the data. One schema: it checks config files, makes the
 * command line's flags, and documents each field.
 */
export const trainConfigSchema = z.strictObject({
  cell: z
    .enum(cellNames)
    .optional()
    .describe(`kind of the recurrent layers: ${cellNames.join(', ')} (default: ${DEFAULT_CELL})`),
  hidden: z.array(positive).min(1).describe('hidden size of each recurrent layer, from the bottom'),
  embedding: positive.describe('embedding size'),
  vocabulary: z.int().min(2).optional().describe('keep at most this many words (default: all that the text has)'),
  trainTokens: positive.optional().describe('train on about this many tokens of the embedded corpus'),
  keep: z.number().gt(0).lte(1).describe('probability that dropout keeps a value (1: no dropout)'),
  initScale: z.number().positive().describe('weights start uniform in ± this'),
  learningRate: z.number().positive().describe('learning rate of the first epochs'),
  decay: z.number().positive().lte(1).describe('factor on the learning rate at each decay'),
  flatEpochs: z.int().nonnegative().describe('epochs before the rate decays at every epoch'),
  decayEvery: z.int().nonnegative().describe('decay once every so many epochs instead (0: use flatEpochs)'),
  epochs: positive.describe('epochs in all'),
  clip: z.number().positive().describe('bound on the norm of the whole gradient'),
  batch: positive.describe('sequences side by side'),
  steps: positive.describe('time steps of a window'),
  iss: z.number().nonnegative().describe('λ of the group lasso over units (0: dense training)'),
  threshold: z.number().nonnegative().describe('τ: weights below it become 0 after every update'),
  shrink: z.boolean().describe('slice dead units away while training'),
  shrinkEvery: positive.describe('look for dead units every so many updates, besides the end of each epoch'),
  seed: z.int().nonnegative().describe('seed of initial weights and dropout'),
  threads: positive.optional().describe('threads of the engine (default: one per core)'),
  checkpointEvery: positive.describe('write a checkpoint every so many updates, besides the end of each epoch'),
});

/** A complete training configuration. */
export type TrainConfig = z.infer<typeof trainConfigSchema>;

/** Some fields of a configuration, as a file or flags give them. */
export type PartialConfig = { [K in keyof TrainConfig]?: TrainConfig[K] | undefined };

/**
 * Checks a configuration; throws UsageError listing every field that does not fit, with what is expected. The default
 * cell is left out, so that a run that names it is the same as one that does not.
 */
export function checkConfig(config: unknown, source: string): TrainConfig {
  const parsed = trainConfigSchema.safeParse(config);
  if (parsed.success) {
    const { cell, ...rest } = parsed.data;
    return cell === DEFAULT_CELL ? rest : parsed.data;
  }
  throw new UsageError(`${source}: ${problemsOf(parsed.error, config).join('; ')}`);
}

/** What does not fit, each with what is expected and what was given; `nameOf` says how the user writes a field. */
export function problemsOf(error: z.ZodError, config: unknown, nameOf = (field: string) => field): string[] {
  const missing: string[] = [];
  const problems = error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      const known = Object.keys(trainConfigSchema.shape);
      return issue.keys.map((key) => `unknown field '${key}'${didYouMean(key, known)}`);
    }
    const [field, ...inside] = issue.path;
    const value = field === undefined ? config : (config as Record<PropertyKey, unknown>)[field];
    if (value === undefined) {
      missing.push(String(field));
      return [];
    }
    const element = inside.length === 0 ? '' : ` (element ${Number(inside[0]) + 1})`;
    const hint =
      issue.code === 'invalid_value' && typeof value === 'string' ? didYouMean(value, issue.values.map(String)) : '';
    return [`${nameOf(String(field))}${element}: expected ${expected(issue)}, got ${written(value)}${hint}`];
  });
  if (missing.length > 0) problems.push(`missing ${missing.join(', ')}; a "preset" gives what a file leaves out`);
  return problems;
}

const TYPES: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  array: 'a list of whole numbers',
  boolean: 'true or false',
  object: 'fields and values',
};

function expected(issue: z.core.$ZodIssue): string {
  const list = 'origin' in issue && issue.origin === 'array';
  switch (issue.code) {
    case 'invalid_type':
      return TYPES[issue.expected] ?? issue.expected;
    case 'too_small':
      return `${list ? 'a list of ' : ''}${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}`;
    case 'too_big':
      return `${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}`;
    case 'invalid_value':
      return issue.values.join(' or ');
    default:
      return issue.message;
  }
}

/** Numbers that JSON cannot hold are spelled out. */
function written(value: unknown): string {
  return typeof value === 'number' ? String(value) : JSON.stringify(value);
}

/** Learning rate of an epoch, counted from 0: lr · decay^k, where k counts the decays so far. */
export function learningRate(config: TrainConfig, epoch: number): number {
  const { learningRate: rate, decay, decayEvery, flatEpochs } = config;
  const decays = decayEvery > 0 ? Math.floor(epoch / decayEvery) : Math.max(epoch + 1 - flatEpochs, 0);
  return rate * decay ** decays;
}
