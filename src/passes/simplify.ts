import { inferTypes } from '../graph/infer/infer.ts';
import { removeDeadNodes } from '../graph/rewrite.ts';
import type { Graph, Model } from '../graph/types.ts';
import { type DecidedBranch, inlineBranches } from './decideBranches.ts';
import { dropNeutral } from './dropNeutral.ts';
import { foldConstants } from './foldConstants.ts';
import { inlineFunctions } from './inlineFunctions.ts';
import { liftMatrices } from './liftMatrices.ts';
import { withoutOverridable } from './overridable.ts';
import { uniqueNames } from './uniqueNames.ts';
import { withoutValueInfo } from './valueInfo.ts';

/** How far a graph is simplified. */
export interface SimplifyOptions {
  /**
   * True to fold everything that the file does not grow for, sizes that follow from shapes and computed weights
   * included. Otherwise weights keep their names and sizes go on following the shapes, as cutting and training need it.
   */
  readonly all?: boolean;
  /** Called for every `If` of which one branch took its place. */
  readonly onDecided?: (decided: DecidedBranch) => void;
}

/** Each round may decide what the next one folds; graphs that need more than this do not come from exporters. */
const MOST_ROUNDS = 20;

/**
 * The same model, seen through: no functions of its own, constants folded, every `If` decided whose condition is known
 * from constants or sizes, nothing that changes nothing, matrices in constants stored as weights. Inputs and outputs
 * stay. Throws a ShapeError for a graph whose operators do not fit.
 */
export function simplify(model: Model, { all = false, onDecided }: SimplifyOptions = {}): Model {
  const inlined = inlineFunctions(model);
  // Refuses graphs that are none: what follows walks along them.
  inferTypes(inlined.graph);
  const graph = withoutOverridable(inlined.graph, (given) => {
    let now = uniqueNames(given);
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const before = now;
      for (const pass of passesOf(all, onDecided)) now = pass(now);
      if (now === before) break;
    }
    return now === given ? given : withoutValueInfo(removeDeadNodes(now));
  });
  return graph === inlined.graph ? inlined : { ...inlined, graph };
}

/** What is done in each round; every pass returns a graph in which it finds nothing to do as it is. */
function passesOf(all: boolean, onDecided: SimplifyOptions['onDecided']): ((graph: Graph) => Graph)[] {
  return [
    (graph) => foldConstants(graph, { small: !all }),
    (graph) => inlineBranches(graph, onDecided),
    dropNeutral,
    liftMatrices,
  ];
}
