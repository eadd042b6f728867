import { isFloat } from '../../graph/elementTypes.ts';
import type { StatePair } from '../../graph/states.ts';
import type { Graph, ValueInfo } from '../../graph/types.ts';
import { type Ending, flatten, type Part, partsOfInput, partsOfOutput } from './parts.ts';
import { Place } from './place.ts';
import { type Relation, StepFlow } from './relations.ts';

/** An input that may be a state which comes out at an output, and what speaks for it. */
export interface Candidate extends StatePair {
  /** Parts that a layer, a gate or a shift carries from the input to the output. */
  readonly strong: number;
  /** Parts that only a product carries. */
  readonly weak: number;
}

/** The parts of states, and the flow of a step between them. */
export interface StateFlow {
  readonly flow: StepFlow;
  /** By the input and the output. */
  readonly starts: ReadonlyMap<string, readonly Part[]>;
  readonly endings: ReadonlyMap<string, Ending>;
}

/** Takes apart what may be states. */
export function stepFlowOf(graph: Graph, pairs: readonly StatePair[]): StateFlow {
  const flat = flatten(graph);
  const names = new Set(graph.inputs.map((v) => v.name));
  const ranks = new Map([...graph.inputs, ...graph.outputs].map((v) => [v.name, v.type.shape?.length]));
  const starts = new Map(pairs.map(({ input }) => [input, partsOfInput(flat, input, ranks.get(input))]));
  const endings = new Map(pairs.map(({ output }) => [output, partsOfOutput(flat, output, ranks.get(output), names)]));
  const ends = [...endings.values()].flatMap(({ parts, fresh }) => [...parts.map((p) => p.value), ...fresh]);
  const candidates = [...starts.values()].flatMap((parts) => parts.map((p) => p.value));
  return { flow: new StepFlow(flat, names, candidates, new Set(ends)), starts, endings };
}

/** Inputs and outputs of equal types and fitting sizes, of which the first becomes the second in a step of a cell. */
export function candidatePairs(graph: Graph): Candidate[] {
  const fitting = graph.inputs
    .filter((input) => isFloat(input.type.elementType))
    .flatMap((input) => graph.outputs.filter((output) => alike(input, output)).map((output) => ({ input, output })));
  if (fitting.length === 0) return [];
  const pairs = fitting.map(({ input, output }): StatePair => ({ input: input.name, output: output.name }));
  const { flow, starts, endings } = stepFlowOf(graph, pairs);
  const relations = new Map<string, ReadonlyMap<string, Relation>>();
  for (const { value } of [...starts.values()].flat()) relations.set(value, flow.relationsOf(value));
  return pairs.flatMap((pair): Candidate[] => {
    const found = evidence(pair.input, starts.get(pair.input)!, endings.get(pair.output)!, relations);
    return found === undefined ? [] : [{ ...pair, ...found }];
  });
}

type Relations = ReadonlyMap<string, ReadonlyMap<string, Relation>>;

/** What carries the parts of an input to those of an output; undefined where some come from elsewhere or change places. */
function evidence(
  input: string,
  start: readonly Part[],
  { parts, shifted }: Ending,
  relations: Relations,
): Pick<Candidate, 'strong' | 'weak'> | undefined {
  const between = (a: Part, b: Part) => relations.get(a.value)?.get(b.value);
  let strong = shifted.has(input) ? 1 : 0;
  let weak = 0;
  for (const end of parts) {
    const kinds = start.map((part) => between(part, end)).filter((kind) => kind !== undefined);
    if (kinds.length === 0) return undefined;
    if (kinds.some((kind) => kind !== 'product')) strong++;
    else weak++;
  }
  const [from, to] = [inOrder(start), inOrder(parts)];
  const fits = (end: readonly Part[], i: number) => from![i]!.some((a) => end.some((b) => between(a, b) !== undefined));
  if (from && from.length === to?.length && !to.every(fits)) return undefined;
  return strong + weak === 0 ? undefined : { strong, weak };
}

/** Parts from the first to the last of the whole, those at one place together; undefined where places are not known. */
function inOrder(parts: readonly Part[]): readonly (readonly Part[])[] | undefined {
  const placed = parts.flatMap(({ value, place }) => (place === undefined ? [] : [{ value, place }]));
  if (placed.length < parts.length) return undefined;
  placed.sort((a, b) => Place.compare(a.place, b.place));
  const groups: (typeof placed)[] = [];
  for (const part of placed) {
    const last = groups.at(-1);
    if (last && Place.compare(last[0]!.place, part.place) === 0) last.push(part);
    else groups.push([part]);
  }
  return groups;
}

/** Same type, and no axis of two different sizes. */
function alike(a: ValueInfo, b: ValueInfo): boolean {
  if (a.type.elementType !== b.type.elementType) return false;
  const [x, y] = [a.type.shape, b.type.shape];
  if (x === undefined || y === undefined) return true;
  return x.length === y.length && x.every((d, i) => typeof d !== 'number' || typeof y[i] !== 'number' || d === y[i]);
}
