import { formatShape } from '../graph/dims.ts';
import { isFloat } from '../graph/elementTypes.ts';
import type { ValueInfo } from '../graph/types.ts';
import type { GroupLayer } from '../groups/groups.ts';
import { QUANTIZED } from '../inspect/describe.ts';
import { grouped } from './output.ts';

/** A layer, and what keeps its units. */
interface Held {
  readonly name: string;
  readonly units: number;
  /** How many of them always stay. */
  readonly fixed: number;
  readonly blocked?: string | undefined;
  readonly keptBy?: GroupLayer['keptBy'];
}

const MOST_NAMED = 4;

/** What keeps units of a layer, by name, and what can be done; undefined where none are kept. */
export function heldText({ name, units, fixed, blocked, keptBy = [] }: Held): string | undefined {
  if (blocked !== undefined) {
    return `blocked by ${blocked}; to shrink the other layers, let it keep its units (--fix '${name}')`;
  }
  if (fixed === 0) return undefined;
  const heldBy = keptBy.map(({ cause, units: own }) => (own < fixed ? `${cause} (${grouped(own)})` : cause));
  const count = `${grouped(fixed)} of ${grouped(units)} units always stay`;
  if (heldBy.length === 0) return `${count}: fixed, or tied to a size that cannot change`;
  if (keptBy.some(({ cause }) => cause === QUANTIZED))
    return `${count}: its weights are quantized; shrink before quantizing`;
  const more = heldBy.length > MOST_NAMED ? `, and ${heldBy.length - MOST_NAMED} more` : '';
  const by = `${heldBy.slice(0, MOST_NAMED).join(', ')}${more} ${heldBy.length === 1 ? 'holds' : 'hold'} them`;
  const advice = adviceOn(keptBy.map(({ cause }) => cause));
  return `${count}: ${by}${advice === undefined ? '' : `; ${advice}`}`;
}

/** What a user can do about what holds units. */
function adviceOn(heldBy: readonly string[]): string | undefined {
  const named = (border: RegExp) => heldBy.flatMap((by) => border.exec(by)?.[1] ?? []);
  const [inputs, outputs] = [named(/\binput '([^']+)'/), named(/^output '([^']+)'/)];
  if (inputs.length > 0 && outputs.length > 0) {
    return `if one comes out as the other's next state, say so (--state '${inputs[0]}=${outputs[0]}'), with --resize-state where layers share it`;
  }
  if (inputs.length > 0) {
    return `a state that is fed keeps its size: name the output that is its next one (--state '${inputs[0]}=OUTPUT'), or leave the input away`;
  }
  if (outputs.length > 0) {
    return 'the units are what the model gives out: put a layer behind them, or leave that output away (a state: --state INPUT=OUTPUT)';
  }
  return undefined;
}

/** Lines on operators with quantized weights, which no cut changes. */
export function quantizedLines(quantized: readonly string[]): string[] {
  if (quantized.length === 0) return [];
  const more = quantized.length > MOST_NAMED ? `, and ${quantized.length - MOST_NAMED} more` : '';
  const verb = quantized.length === 1 ? 'has' : 'have';
  return [
    `${quantized.slice(0, MOST_NAMED).join(', ')}${more} ${verb} quantized weights, which cannot be shrunk: shrink before quantizing`,
  ];
}

/** What multiply-adds leave out, to be put behind the figure. */
export function uncountedText(uncounted: readonly string[]): string {
  return uncounted.length === 0 ? '' : `, without ${uncounted.join(', ')}, whose cost is not known`;
}

/** What is said of a model without layers, with the inputs and outputs that may be the states of a single step. */
export function noLayersText({
  inputs,
  outputs,
}: {
  inputs: readonly ValueInfo[];
  outputs: readonly ValueInfo[];
}): string {
  const taken = new Set<ValueInfo>();
  const flags = inputs.flatMap((input) => {
    const next = outputs.find((output) => !taken.has(output) && alike(input, output));
    if (next === undefined) return [];
    taken.add(next);
    return [`--state '${input.name}=${next.name}'`];
  });
  if (flags.length === 0) return 'no recurrent layers';
  return `no recurrent layers; if the model is one step of a cell, name its states: ${flags.join(' ')}`;
}

function alike({ type: a }: ValueInfo, { type: b }: ValueInfo): boolean {
  if (!isFloat(a.elementType) || a.elementType !== b.elementType) return false;
  return (a.shape?.length ?? 0) > 1 && formatShape(a.shape) === formatShape(b.shape);
}
