import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import type { Graph } from '../graph/types.ts';
import type { Groups } from '../groups/groups.ts';
import { countParameters } from '../inspect/costs.ts';
import { remainingParameters } from '../slim/remaining.ts';
import {
  checkGroupFields,
  groupFields,
  groupKind,
  paperField,
  pressedGroups,
  proximalField,
  recurrentLayers,
  strengthsOf,
} from './groupFields.ts';
import { type CurrentModel, defineMethod, type FirstModel, type TargetOutcome } from './kind.ts';
import { proximal } from './proximal.ts';
import { steered } from './steered.ts';

/** Reads what a run should end with as a share of what it begins with: `units=0.3`, `params=0.25`, else undefined. */
export function parseTarget(text: string): { what: TargetOutcome['what']; share: number } | undefined {
  const [, what, number] = /^(units|params)=(\d*\.?\d+)$/.exec(text) ?? [];
  const share = Number(number);
  return (what === 'units' || what === 'params') && share > 0 && share < 1 ? { what, share } : undefined;
}

/** Looks at the norms in an epoch. */
const LOOKS = 10;

/**
 * λ that the search begins with when the configuration has none: that of language models at rates about 1; where the
 * steps of a run are smaller, as those of Adam, so much that the penalty alone takes PULL from each norm, λ Σ η.
 */
const FIRST_LAMBDA = 3e-3;
const PULL = 0.5;

/** What a target asks for, and what share of the run's first model is left with these components. */
function goalOf(target: string, first: FirstModel, graph: Graph, groups: Groups) {
  const goal = parseTarget(target)!;
  const remaining = remainingParameters(graph, groups);
  const [units, parameters] = [countUnits(first.groups), countParameters(first.graph)];
  const shares = {
    units: (left: Uint8Array) => countUnits(groups, left) / units,
    params: (left: Uint8Array) => remaining(left.map((l) => 1 - l)) / parameters,
  };
  return { goal, shareOf: shares[goal.what] };
}

/** Units of the recurrent layers whose components are left, or that have none; all units when `left` is not given. */
function countUnits(groups: Groups, left?: Uint8Array): number {
  const countIn = (components: Int32Array) => components.reduce((n, k) => n + (k < 0 ? 1 : (left?.[k] ?? 1)), 0);
  return recurrentLayers(groups).reduce((n, { components }) => n + countIn(components), 0);
}

/** Throws a UsageError unless a target can be reached with one unit left in each layer. */
function checkReach(target: string, first: FirstModel): void {
  const { groups, graph } = first;
  const { goal, shareOf } = goalOf(target, first, graph, groups);
  const left = new Uint8Array(groups.count);
  for (const { components } of groups.layers) left[components.find((k) => k >= 0) ?? left.length] = 1;
  const least = shareOf(left);
  if (least <= goal.share) return;
  // The columns of an embedding are units of their own only where the trace can tell them apart.
  const advice =
    goal.what === 'params' && groups.layers.every(({ operator }) => operator !== 'Gather' && operator !== 'Scan')
      ? ', for a share of the units, or let columns of the embedding vanish too (--iss-embedding)'
      : '';
  throw new UsageError(
    `--target ${target} cannot be reached: with one unit in each layer ${(least * 100).toFixed(1)} % of the ` +
      `${goal.what === 'params' ? 'parameters' : 'units'} are left; ask for more${advice}`,
  );
}

/** `--target units=0.3` */
export const targetKind = defineMethod({
  ...groupKind,
  name: 'target',
  label: 'target',
  selector: 'target',
  // A preset's λ suits a dense model's whole run; the search begins with one that suits the target.
  displaces: ['iss'],
  fields: {
    target: z
      .string()
      .refine((text) => parseTarget(text) !== undefined, 'units=SHARE or params=SHARE, between 0 and 1')
      .describe('search λ while training, from --iss on, for what should be left: units=0.3 or params=0.6'),
    ...groupFields,
    iss: groupFields.iss.optional().describe('λ of the group lasso over units (0: none)'),
    ...paperField,
    ...proximalField,
  },
  isAskedFor: ({ target }) => target !== undefined,
  describe: ({ target }) => `ISS to ${target}`,
  contradictions: ({ issLayers }, _run, nameOf) =>
    issLayers?.includes(0) ? [`${nameOf('issLayers')} must be above 0 with a target`] : [],
  check(config, first) {
    checkGroupFields(config, first);
    checkReach(config.target, first);
  },
  create(config, { graph, groups, first, threshold, updates, totalRate, learned, state }) {
    const { goal, shareOf } = goalOf(config.target, first, graph, groups);
    const lambda = config.iss ? config.iss : Math.max(FIRST_LAMBDA, PULL / totalRate);
    const pressed = pressedGroups(config, groups);
    return steered((strengths) => proximal(pressed, { threshold, lambda, strengths }), pressed, {
      target: goal.share,
      shareOf,
      strengths: strengthsOf(config, groups, first) ?? new Float64Array(groups.count).fill(1),
      learned,
      every: Math.max(1, Math.round(updates / LOOKS)),
      state,
    });
  },
  outcome({ target }, first, last) {
    const { what, share } = parseTarget(target)!;
    const sizeOf = ({ graph, groups }: CurrentModel) =>
      what === 'units' ? countUnits(groups) : countParameters(graph);
    return { what, asked: share, reached: sizeOf(last) / sizeOf(first) };
  },
});
