import { UsageError } from '../base/errors.ts';
import { flagName } from '../base/fields.ts';
import type { AxisComponents, Groups } from '../groups/groups.ts';
import { OUTPUT_WEIGHTS, SECOND_MODELLING } from '../models/bidaf.ts';

/*
 * The groups of BiDAF as the code of Wen et al. (2018) counts them. The output layer reads [p₀, g₁, a₁, g₁ ⊙ a₁], where
 * a₁ is what the second modelling layer's g₁ is on average where the answer begins. The rows that read a₁ belong to the
 * units of g₁, and the trace finds them; that code left them out, which gives the group sizes of the paper's Table 5.
 */

/** The axis I of the output layer's weights W [1, 4H, I]. */
const INPUT_AXIS = 2;

/** Groups of BiDAF without the rows of the output layer that read a₁. Throws a UsageError for another model. */
export function paperGroups(groups: Groups): Groups {
  const units = secondModellingUnits(groups);
  const readsAverage = ({ tensor, axis }: AxisComponents) => axis === INPUT_AXIS && OUTPUT_WEIGHTS.includes(tensor);
  if (units === 0 || !groups.axes.some(readsAverage)) {
    throw new UsageError(`${flagName('paperGroups')} is for BiDAF, and this model is another one`);
  }
  return { ...groups, axes: groups.axes.map((a) => (readsAverage(a) ? withoutAverage(a, units) : a)) };
}

function secondModellingUnits({ layers }: Groups): number {
  const own = layers.filter(({ name }) => SECOND_MODELLING.includes(name));
  return own.reduce((sum, { components }) => sum + components.length, 0);
}

/** The rows of a₁ stand before the last ones, as many, of g₁ ⊙ a₁. */
function withoutAverage(along: AxisComponents, units: number): AxisComponents {
  const end = along.components.length - units;
  return { ...along, components: along.components.slice().fill(-1, end - units, end) };
}
