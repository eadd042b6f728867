import { isLoop, isRecurrent } from '../graph/operators.ts';
import type { StatePair } from '../graph/states.ts';
import type { Graph } from '../graph/types.ts';
import { candidatePairs } from './states/pairs.ts';

/*
 * A model that streams takes the states of its layers as inputs and gives the new ones as outputs. No ONNX file says so,
 * but the graph shows it: an input goes, only moved, to the initial states of the very layers whose final states come
 * out; or a gate weights it and what is added comes out; or its older elements make room for newer ones.
 */

/** Streaming states that were found, and what may be some but cannot be told from other data. */
export interface FoundStates {
  /** In the order of the inputs. */
  readonly pairs: StatePair[];
  /** Inputs and outputs of equal shapes that a step connects, where several fit or nothing else says that they are states. */
  readonly unclear: readonly StatePair[];
}

/** Streaming states in the order of the inputs; a graph that gives out nothing but final states has none. */
export function detectStates(graph: Graph): StatePair[] {
  return findStates(graph).pairs;
}

/** The same, and what is not clear. */
export function findStates(graph: Graph): FoundStates {
  const candidates = candidatePairs(graph);
  const taken: StatePair[] = [];
  const isOpen = (c: StatePair) => !taken.some((t) => t.input === c.input || t.output === c.output);
  const ranked = candidates.filter((c) => c.strong > 0).sort((a, b) => b.strong - a.strong || b.weak - a.weak);
  for (const c of ranked) {
    const rivals = ranked.filter((r) => isOpen(r) && r.strong === c.strong && r.weak === c.weak && meets(r, c));
    if (isOpen(c)) taken.push(rivals.find(namesAgree) ?? c);
  }
  // Behind one product an output may be the next state, or just what a layer makes of an input.
  const overTime = graph.nodes.some((node) => isRecurrent(node) || isLoop(node));
  const weak = overTime ? [] : candidates.filter((c) => c.strong === 0 && isOpen(c));
  const clear = weak.filter((c) => {
    const rivals = weak.filter((r) => meets(r, c));
    return rivals.length === 1 || (namesAgree(c) && rivals.filter(namesAgree).length === 1);
  });
  const order = graph.inputs.map((v) => v.name);
  const sorted = (pairs: readonly StatePair[]) =>
    pairs
      .map(({ input, output }): StatePair => ({ input, output }))
      .sort((a, b) => order.indexOf(a.input) - order.indexOf(b.input));
  const pairs = sorted([...taken, ...clear]);
  const left = weak.filter((c) => !pairs.some((p) => meets(p, c)));
  const data = graph.inputs.length > pairs.length && graph.outputs.length > pairs.length;
  return data ? { pairs, unclear: sorted(left) } : { pairs: [], unclear: sorted([...pairs, ...left]) };
}

function meets(a: StatePair, b: StatePair): boolean {
  return a.input === b.input || a.output === b.output;
}

/** True where one name says that it is the other's next value: `h` and `hn`, `cache` and `cache_out`. */
function namesAgree({ input, output }: StatePair): boolean {
  return stem(input) === stem(output);
}

function stem(name: string): string {
  const short = name.toLowerCase().replace(/[^a-z0-9]+/g, '_');
  const parts = short.split('_').filter((part) => !/^(in|out|input|output|new|next|prev|old|n|t|t1|0|1)$/.test(part));
  return parts.join('_').replace(/(.)(n|0|t|x|in|out|new|next|prev)$/, '$1');
}
