import { UsageError } from '../base/errors.ts';
import type { Groups } from '../groups/groups.ts';
import { componentsByLayer, lampScores } from '../groups/lamp.ts';

/** What is known of the components of a model, each a number for each. */
export interface RankedUnits {
  readonly groups: Groups;
  /** 0 for those that can leave without loss. */
  readonly live: Uint8Array;
  /** ‖w_k‖ (`groupNorms`) */
  readonly norms: Float64Array;
  /** Root mean square of what the component's readers read; absent without inputs. */
  readonly activities?: Float64Array | undefined;
  /** How much the outputs, or a loss, change to first order without the component; absent without derivatives. */
  readonly sensitivities?: Float64Array | undefined;
}

/** How much components matter: the larger, the longer they stay. */
export interface UnitScores {
  /** Compares the units of a layer. */
  readonly within: Float64Array;
  /** Compares units of all layers. */
  readonly across: Float64Array;
}

/** A way to rank units. */
export interface UnitRanking {
  /** By what it ranks, in words. */
  readonly title: string;
  /** True where it looks at `activities` or `sensitivities`. */
  readonly needsInputs: boolean;
  /** True where it looks at `sensitivities`. */
  readonly needsDerivatives: boolean;
  /** Throws a UsageError where it needs inputs and there were none. */
  scores(units: RankedUnits): UnitScores;
}

export type RankingName = 'norm' | 'activity' | 'lamp' | 'taylor';

/** All rankings by name. */
export const rankings: Readonly<Record<RankingName, UnitRanking>> = {
  /** ‖w_k‖, across layers relative to the root mean square of the layer. */
  norm: {
    title: 'group norm',
    needsInputs: false,
    needsDerivatives: false,
    scores: (units) => ({ within: units.norms, across: relativeScores(units, units.norms) }),
  },
  /** ‖w_k‖ √E[x_k²]: what a unit's weights carry. Across layers by LAMP's share of it. */
  activity: {
    title: 'group norm × root mean square of the unit',
    needsInputs: true,
    needsDerivatives: false,
    scores(units) {
      const { activities } = units;
      if (activities === undefined) {
        throw new UsageError('the ranking by activity needs inputs that the model runs on');
      }
      const within = units.norms.map((norm, k) => norm * activities[k]!);
      return { within, across: lampScores(componentsByLayer(units.groups), within) };
    },
  },
  /** The norm's square as a share of its own and all larger ones in the layer (LAMP, Lee et al. 2021, section 3). */
  lamp: {
    title: 'LAMP',
    needsInputs: false,
    needsDerivatives: false,
    scores({ groups, norms }) {
      return { within: norms, across: lampScores(componentsByLayer(groups), norms) };
    },
  },
  /**
   * What the outputs lose to first order without the unit (Molchanov et al. 2019). Across layers by LAMP's share of it:
   * cut to 0.97 and 0.9 of its parameters, GTCRN loses a fifth less than by the scores as they are.
   */
  taylor: {
    title: 'first-order change of the outputs without the unit',
    needsInputs: true,
    needsDerivatives: true,
    scores({ groups, sensitivities }) {
      if (sensitivities === undefined) {
        throw new UsageError('the ranking by derivatives needs inputs that the model is differentiated on');
      }
      return { within: sensitivities, across: lampScores(componentsByLayer(groups), sensitivities) };
    },
  },
};

/** Scores relative to the root mean square of the living ones of their layer; of several layers, the largest. */
function relativeScores({ groups, live }: RankedUnits, scores: Float64Array): Float64Array {
  const relative = new Float64Array(groups.count);
  for (const layer of groups.layers) {
    const components = [...new Set(layer.components)].filter((k) => k >= 0);
    const alive = components.filter((k) => live[k] === 1 && Number.isFinite(scores[k]));
    const squares = alive.reduce((sum, k) => sum + scores[k]! ** 2, 0);
    const scale = Math.sqrt(squares / alive.length) || 1;
    for (const k of components) relative[k] = Math.max(relative[k]!, scores[k]! / scale);
  }
  return relative;
}
