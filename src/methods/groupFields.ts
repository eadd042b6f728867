import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import { flagName } from '../base/fields.ts';
import type { Groups } from '../groups/groups.ts';
import { groupSizes } from '../groups/measure.ts';
import type { FieldValues } from '../optimizers/kind.ts';
import type { FirstModel, MethodContext } from './kind.ts';
import type { SparsityMethod } from './method.ts';
import { paperGroups } from './paperGroups.ts';
import { warmed } from './warmed.ts';

/*
 * What the methods that press whole groups have in common: which groups there are, and how strongly each is pressed.
 */

/** How strongly groups are pressed. */
export interface GroupPenaltyOptions {
  /** λ, on the scale of the loss: cross entropy summed over the steps of a window, averaged over the batch. */
  readonly lambda: number;
  /** τ: weights with |w| below it become 0 after every update. */
  readonly threshold: number;
  /** s_k: factors on λ for single components, read at each update; 1 for all when left out. */
  readonly strengths?: Float64Array | undefined;
}

/** Fields of every group penalty. */
export const groupFields = {
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
};

/** The field by which BiDAF's groups are those of the paper's code. */
export const paperField = {
  paperGroups: z
    .boolean()
    .optional()
    .describe("press BiDAF's groups as the paper's code counts them, without the rows that read a₁"),
};

type GroupFields = Omit<FieldValues<typeof groupFields>, 'iss'>;
type PaperFields = FieldValues<typeof paperField>;
type PenaltyFields = FieldValues<typeof groupFields> & PaperFields & FieldValues<typeof growingField>;

/** The field by which λ is given time to grow, where it is not searched for. */
export const growingField = {
  issWarmup: z.int().nonnegative().optional().describe('updates in which λ grows to its value (0: none)'),
};

/** The field by which the proximal step is asked for. */
export const proximalField = {
  proximal: z.boolean().optional().describe("take the penalty's proximal step instead of its sub-gradient"),
};

/** What is true of every kind of method that presses whole groups. */
export const groupKind = {
  isStructural: true,
  keepsZeros: false,
  groupsEmbeddings: ({ issEmbedding = false }: GroupFields) => issEmbedding,
  check: checkGroupFields,
};

/** Layers of recurrent units, beside which columns of the embedding may be components too. */
export function recurrentLayers({ layers }: Groups): Groups['layers'] {
  return layers.filter(({ operator }) => operator !== 'Gather');
}

/** The groups that are pressed; units leave by those of the trace in any case. */
export function pressedGroups({ paperGroups: isPaper = false }: PaperFields, groups: Groups): Groups {
  return isPaper ? paperGroups(groups) : groups;
}

/** Throws a UsageError when the model has not what the fields ask for. */
export function checkGroupFields(config: GroupFields & PaperFields, first: FirstModel): void {
  checkLayerFactors(config, first);
  pressedGroups(config, first.groups);
}

/** Throws a UsageError unless there is a factor for each layer; the embedding may have one, too. */
export function checkLayerFactors({ issLayers }: GroupFields, { groups }: FirstModel): void {
  if (issLayers === undefined) return;
  const [layers, all] = [recurrentLayers(groups).length, groups.layers.length];
  if (issLayers.length === layers || issLayers.length === all) return;
  const wanted = `each of the ${layers} layers${all > layers ? ', and may have one for the embedding' : ''}`;
  throw new UsageError(`${flagName('issLayers')} must have a factor for ${wanted}, got ${issLayers.length}`);
}

/** λ of a penalty, in words. */
export function describeLambda({ iss, issWarmup = 0 }: Pick<PenaltyFields, 'iss' | 'issWarmup'>): string {
  return issWarmup > 0 ? `ISS λ growing to ${iss} in ${issWarmup} updates` : `ISS λ ${iss}`;
}

/** The penalty of a configuration with its λ, on the groups of a model as it is now. */
export function penaltyFor(
  penalty: (groups: Groups, options: GroupPenaltyOptions) => SparsityMethod,
  config: PenaltyFields,
  { groups, first, threshold }: Pick<MethodContext, 'groups' | 'first' | 'threshold'>,
): SparsityMethod {
  const { iss: lambda, issWarmup: updates = 0 } = config;
  const pressed = pressedGroups(config, groups);
  const own = strengthsOf(config, groups, first);
  const make = (strengths: Float64Array | undefined) => penalty(pressed, { threshold, lambda, strengths });
  return updates > 0 ? warmed(make, { updates, strengths: own ?? new Float64Array(groups.count).fill(1) }) : make(own);
}

/** s_k of each component: the factor of its first layer times what `issScaling` asks for; undefined where all are 1. */
export function strengthsOf(
  config: GroupFields & PaperFields,
  groups: Groups,
  first: FirstModel,
): Float64Array | undefined {
  const { issLayers, issScaling } = config;
  const sizes = groupSizes(pressedGroups(config, first.groups), first.graph);
  const byLayer = new Map(
    first.groups.layers.map(({ name, components }, i): [string, number] => {
      const size = sizes[components.find((k: number) => k >= 0) ?? -1] ?? 1;
      return [name, (issLayers?.[i] ?? 1) * (issScaling === 'sqrt' ? Math.sqrt(size) : 1)];
    }),
  );
  if ([...byLayer.values()].every((s) => s === 1)) return undefined;
  const strengths = new Float64Array(groups.count).fill(1);
  for (const { name, components } of [...groups.layers].reverse()) {
    for (const k of components) if (k >= 0) strengths[k] = byLayer.get(name) ?? 1;
  }
  return strengths;
}
