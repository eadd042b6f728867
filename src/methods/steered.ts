import type { Groups } from '../groups/groups.ts';
import { componentsByLayer, lampScores } from '../groups/lamp.ts';
import { Components, EPSILON } from './components.ts';
import type { MethodContext } from './kind.ts';
import type { MethodState, SparsityMethod } from './method.ts';

/** What the search for λ needs besides the penalty whose λ it is. */
export interface SteeringOptions extends Pick<MethodContext, 'learned' | 'state'> {
  /** The share of what the run began with that should be left at its end. */
  readonly target: number;
  /** The share that is left with these components (1 for each that is). */
  readonly shareOf: (left: Uint8Array) => number;
  /** s_k that λ is multiplied by for each component, without the search. */
  readonly strengths: Float64Array;
  /** Updates between two looks at the norms. */
  readonly every: number;
}

/** Learning done before the search begins, and by which the target should be reached. */
const BEGIN = 0.1;
const END = 0.6;
/** How far the norms are followed into the future at least, as a share of the run's learning. */
const HORIZON = 0.05;
/** Factors on s_k at each look: of units that should go and do not, before END and after it; of those that should stay. */
const PRESS = 1.1;
const PRESS_LATE = 1.3;
const RELIEVE = 0.7;
const STRONGEST = 100;

/**
 * A group penalty whose λ is searched for while it presses, for each unit its own: λ s_k. A norm takes long to fall, so
 * each is expected to go on as it went since the last look. The units of largest expected norm, on a scale that suits
 * all layers (`lampScores`), should stay, as many as the target allows. Of those that should not, the ones expected to
 * be there when the target is due are pressed harder; of those that should, the ones expected to vanish before the run
 * ends are pressed less. The method must make groups zero at any strength, as the proximal step does.
 * Costs two passes over rows and columns at each look; the state has two numbers for each unit.
 */
export function steered(
  make: (strengths: Float64Array) => SparsityMethod,
  groups: Groups,
  { target, shareOf, strengths: own, learned, every, state = {} }: SteeringOptions,
): SparsityMethod {
  let before = listIn(state, 'norms', groups.count);
  let at = Number(state.at ?? 0);
  const factors = listIn(state, 'factors', groups.count) ?? new Float64Array(groups.count).fill(1);
  const strengths = own.map((s, k) => s * factors[k]!);
  const method = make(strengths);
  const layers = componentsByLayer(groups);
  let components: Components | undefined;

  const steer = (norms: Float64Array, last: Float64Array, now: number) => {
    /** Each norm when so much of the run's learning is done, if it goes on as it went. */
    const expectedAt = (then: number) => {
      const ahead = Math.max(then - now, HORIZON) / (now - at);
      return norms.map((norm, k) => (norm > ROOT ? norm + (norm - last[k]!) * ahead : 0));
    };
    const [due, atEnd] = [expectedAt(END), expectedAt(1)];
    const stay = largest(lampScores(layers, due), target, shareOf);
    for (let k = 0; k < factors.length; k++) {
      const factor = factors[k]!;
      if (stay[k] === 1) factors[k] = atEnd[k]! > 0 ? towardsOne(factor) : factor * RELIEVE;
      else if (now >= END) factors[k] = Math.min(factor * PRESS_LATE, STRONGEST);
      else if (due[k]! > 0) factors[k] = Math.min(factor * PRESS, STRONGEST);
      strengths[k] = own[k]! * factors[k]!;
    }
  };
  return {
    ...method,
    name: 'target',
    // λ is another one at every look.
    nodes: undefined,
    beforeUpdate(matrices, moment) {
      if (moment.update % every === 0) {
        components ??= new Components(groups, matrices);
        const [norms, now] = [components.norms(), learned(moment.update)];
        if (before !== undefined && now > at && now >= BEGIN) steer(norms, before, now);
        before = norms.slice();
        at = now;
      }
      return method.beforeUpdate(matrices, moment);
    },
    isReached(matrices) {
      components ??= new Components(groups, matrices);
      const left = Uint8Array.from(components.norms(), (norm) => (norm > ROOT ? 1 : 0));
      return shareOf(left) <= target + TOLERANCE;
    },
    state: () => ({ ...method.state?.(), at, norms: [...(before ?? [])], factors: [...factors] }),
  };
}

/** How far from its target a run may end, as a share of what it began with. */
export const TOLERANCE = 0.05;

/** The norm of a group of zeros, a little more for rounding. */
const ROOT = 1.01 * Math.sqrt(EPSILON);

function towardsOne(factor: number): number {
  return factor > 1 ? Math.max(1, factor * RELIEVE) : Math.min(1, factor * PRESS);
}

/** 1 for the components of largest score, as many as the target lets stay. */
function largest(values: Float64Array, target: number, shareOf: (left: Uint8Array) => number): Uint8Array {
  const order = [...values.keys()].sort((i, j) => values[j]! - values[i]! || i - j);
  const first = (count: number) => {
    const left = new Uint8Array(values.length);
    for (const k of order.slice(0, count)) left[k] = 1;
    return left;
  };
  let [fits, over] = [0, values.length + 1];
  while (over - fits > 1) {
    const middle = (fits + over) >> 1;
    if (shareOf(first(middle)) <= target) fits = middle;
    else over = middle;
  }
  return first(fits);
}

/** A list with one number for each component. */
function listIn(state: MethodState, name: string, count: number): Float64Array | undefined {
  const list = state[name];
  return Array.isArray(list) && list.length === count ? Float64Array.from(list) : undefined;
}
