import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import { didYouMean } from '../base/suggest.ts';
import { parseTarget } from '../methods/target.ts';
import { cellNames, DEFAULT_CELL } from '../nn/layers.ts';

const positive = z.int().positive();
const kept = z.number().gt(0).lte(1);

/** Kinds of recurrent layers: those of `nn/layers`, and the Recurrent Highway Network, which is a model of its own. */
export const cellKinds = [...cellNames, 'rhn'] as const;

/**
 * Everything that determines a training run, together with the data. One schema: it checks config files, makes the
 * command line's flags, and documents each field.
 */
export const trainConfigSchema = z.strictObject({
  cell: z
    .enum(cellKinds)
    .optional()
    .describe(`kind of the recurrent layers: ${cellKinds.join(', ')} (default: ${DEFAULT_CELL})`),
  hidden: z.array(positive).min(1).describe('hidden size of each recurrent layer, from the bottom'),
  depth: positive.optional().describe('rhn: micro-layers in a step'),
  transformBias: z.number().optional().describe('rhn: where the biases of the transform gates start (default: -2)'),
  embedding: positive.describe('embedding size'),
  vocabulary: z
    .int()
    .min(2)
    .optional()
    .describe('keep at most this many words (default: all that the text has; of the embedded corpus 10 000)'),
  trainTokens: positive.optional().describe('train on about this many tokens of the embedded corpus'),
  keep: kept.describe('probability that dropout keeps a value (1: no dropout)'),
  keepWords: kept
    .optional()
    .describe('rhn: probability that a word of a window is kept, wherever it stands (default: 1)'),
  keepState: kept.optional().describe('rhn: probability that a value of the state is kept (default: 1)'),
  initScale: z.number().positive().describe('weights start uniform in ± this'),
  learningRate: z.number().positive().describe('learning rate of the first epochs'),
  decay: z.number().positive().lte(1).describe('factor on the learning rate at each decay'),
  flatEpochs: z.int().nonnegative().describe('epochs before the rate decays at every epoch'),
  decayEvery: z
    .int()
    .nonnegative()
    .describe('decay once every so many epochs instead (0: every epoch, after --flat-epochs)'),
  epochs: positive.describe('epochs in all'),
  clip: z.number().positive().describe('bound on the norm of the whole gradient'),
  batch: positive.describe('sequences side by side'),
  steps: positive.describe('time steps of a window'),
  iss: z.number().nonnegative().describe('λ of the group lasso over units (0: none)'),
  issLayers: z
    .array(z.number().nonnegative())
    .optional()
    .describe('factors on λ for each layer, from the bottom; with --iss-embedding one more for the embedding'),
  issScaling: z
    .enum(['none', 'sqrt'])
    .optional()
    .describe('λ for each unit times 1 or the root of its number of weights: none, sqrt'),
  issEmbedding: z.boolean().optional().describe('let columns of the embedding vanish too'),
  proximal: z.boolean().optional().describe("take the penalty's proximal step instead of its sub-gradient"),
  target: z
    .string()
    .refine((text) => parseTarget(text) !== undefined, 'units=SHARE or params=SHARE, between 0 and 1')
    .optional()
    .describe('search λ while training, from --iss on, for what should be left: units=0.3 or params=0.6'),
  l1: z.number().nonnegative().optional().describe('λ of ℓ1 over single weights instead'),
  magnitude: z.number().gt(0).lt(1).optional().describe('prune so large a share of the weights by magnitude instead'),
  pruneSchedule: z.enum(['cubic', 'narang']).optional().describe('course of the pruning: cubic (default), narang'),
  pruneFrom: z
    .number()
    .nonnegative()
    .optional()
    .describe('epochs before the pruning begins (default: 1, or a quarter of less than 4)'),
  pruneTo: z.number().positive().optional().describe('epochs at which the pruning ends (default: two thirds of all)'),
  pruneEvery: positive.optional().describe('prune every so many updates (default: 100)'),
  keepZeros: z.boolean().optional().describe('keep the zeros of the model of --init at zero'),
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

/** How the command line writes a field: `learningRate` → `--learning-rate`. */
export function flagName(field: string): string {
  return `--${field.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;
}

/** How messages name a field. */
export type FieldName = (field: string) => string;

/**
 * Checks a configuration; throws UsageError listing every field that does not fit, with what is expected; `nameOf` says
 * how the user writes a field. The default
 * cell is left out, so that a run that names it is the same as one that does not.
 */
export function checkConfig(config: unknown, source: string, nameOf: FieldName = (field) => field): TrainConfig {
  const parsed = trainConfigSchema.safeParse(config);
  if (parsed.success) {
    const contradictions = contradictionsIn(parsed.data, nameOf);
    if (contradictions.length > 0) throw new UsageError(`${source}: ${contradictions.join('; ')}`);
    const { cell, ...rest } = parsed.data;
    return cell === DEFAULT_CELL ? rest : parsed.data;
  }
  throw new UsageError(`${source}: ${problemsOf(parsed.error, config, nameOf).join('; ')}`);
}

/** Fields that do not go together. */
function contradictionsIn(config: TrainConfig, nameOf: FieldName): string[] {
  const given = (...fields: (keyof TrainConfig)[]) => fields.filter((field) => config[field] !== undefined);
  const methods = [
    ...(config.target !== undefined ? ['target'] : config.iss > 0 ? ['iss'] : []),
    ...given('l1', 'magnitude').filter((field) => config[field] !== 0),
  ];
  const needs = (fields: (keyof TrainConfig)[], what: string, isThere: boolean) =>
    isThere ? [] : fields.map((field) => `${nameOf(field)} needs ${what}`);
  const isRhn = config.cell === 'rhn';
  const [width] = config.hidden;
  const pruning = pruningEpochs(config);
  return [
    ...(methods.length > 1 ? [`choose one of ${methods.map(nameOf).join(', ')}`] : []),
    ...needs(
      givenIssFields(config),
      `${nameOf('iss')} (or ${nameOf('target')})`,
      methods.some((m) => m === 'iss' || m === 'target'),
    ),
    ...needs(
      given('pruneSchedule', 'pruneFrom', 'pruneTo', 'pruneEvery'),
      nameOf('magnitude'),
      methods.includes('magnitude'),
    ),
    ...(config.proximal && config.target !== undefined
      ? [`${nameOf('target')} takes the proximal step anyway: leave out ${nameOf('proximal')}`]
      : []),
    ...(isRhn && config.issEmbedding
      ? [`${nameOf('cell')} rhn has no columns of the embedding besides its units: leave out ${nameOf('issEmbedding')}`]
      : []),
    ...(config.keepZeros && methods.includes('magnitude')
      ? [`${nameOf('magnitude')} keeps zeros anyway: leave out ${nameOf('keepZeros')}`]
      : []),
    ...layerFactorProblems(config, nameOf('issLayers')),
    ...(methods.includes('magnitude') && pruning.to <= pruning.from
      ? [`${nameOf('pruneTo')} must be more than ${nameOf('pruneFrom')}, got ${pruning.to} and ${pruning.from}`]
      : []),
    ...(config.pruneTo !== undefined && config.pruneTo > config.epochs
      ? [`${nameOf('pruneTo')} must be at most the ${config.epochs} epochs, got ${config.pruneTo}`]
      : []),
    ...needs(given('depth', 'transformBias', 'keepWords', 'keepState'), `${nameOf('cell')} rhn`, isRhn),
    ...(isRhn && config.depth === undefined ? [`${nameOf('cell')} rhn needs ${nameOf('depth')}`] : []),
    ...(isRhn && (config.hidden.length > 1 || width !== config.embedding)
      ? [
          `${nameOf('cell')} rhn needs one hidden size that is the embedding's, got ${config.hidden.join(', ')} and ${config.embedding}`,
        ]
      : []),
  ];
}

/** Fields of the group penalty that ask for something. */
export const issFields = ['issLayers', 'issScaling', 'issEmbedding', 'proximal'] as const;

/** Fields that choose a sparsity method or belong to one. */
const sparsityFields: readonly string[] = [
  ...['iss', 'target', 'l1', 'magnitude', 'pruneSchedule', 'pruneFrom', 'pruneTo', 'pruneEvery', 'keepZeros'],
  ...issFields,
];

/** The same training without anything that makes weights vanish. */
export function withoutSparsity(config: TrainConfig): TrainConfig {
  const left = Object.entries(config).filter(([field]) => !sparsityFields.includes(field));
  return checkConfig({ ...Object.fromEntries(left), iss: 0 }, 'without sparsity');
}

function givenIssFields(config: TrainConfig): (keyof TrainConfig)[] {
  return issFields.filter(
    (field) => ![undefined, false, 'none'].includes(config[field] as string | boolean | undefined),
  );
}

/** `issLayers` has a factor for each recurrent layer and, where its columns are components too, maybe the embedding. */
function layerFactorProblems({ issLayers, issEmbedding, hidden, target }: TrainConfig, name: string): string[] {
  if (issLayers === undefined) return [];
  const most = hidden.length + (issEmbedding ? 1 : 0);
  const fits = issLayers.length === hidden.length || issLayers.length === most;
  const layers = `each of the ${hidden.length} layers${issEmbedding ? ', and may have one for the embedding' : ''}`;
  return [
    ...(fits ? [] : [`${name} must have a factor for ${layers}, got ${issLayers.length}`]),
    ...(target !== undefined && issLayers.includes(0) ? [`${name} must be above 0 with a target`] : []),
  ];
}

/** When pruning by magnitude begins and ends, in epochs; without the fields from the first epoch on to two thirds of all. */
export function pruningEpochs({ pruneFrom, pruneTo, epochs }: TrainConfig): { from: number; to: number } {
  return { from: pruneFrom ?? Math.min(1, epochs / 4), to: pruneTo ?? (2 * epochs) / 3 };
}

/** What does not fit, each with what is expected and what was given; `nameOf` says how the user writes a field. */
export function problemsOf(error: z.ZodError, config: unknown, nameOf: FieldName = (field) => field): string[] {
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
