import { isFloat } from '../../graph/elementTypes.ts';
import { moves } from '../../graph/operators.ts';
import { stateSlots } from '../../graph/slots.ts';
import type { StatePair } from '../../graph/states.ts';
import type { Graph, Node, ValueInfo } from '../../graph/types.ts';
import { flatten, movesStates, partsOfInput } from './parts.ts';
import { Place } from './place.ts';

/** A place where a layer or a loop takes an initial state: which of its states, and its node. */
export interface Slot {
  readonly node: Node;
  readonly state: number;
}

/** An input that layers start from and whose successor comes out nowhere. */
export interface StartingInput {
  readonly input: ValueInfo;
  /** In the order in which the input holds them, along its first axis where there are several. */
  readonly slots: readonly Slot[];
}

/** Inputs that are nothing but initial states of layers or loops, whole or row by row, and no streaming states yet. */
export function startingInputs(graph: Graph, known: readonly StatePair[]): StartingInput[] {
  const flat = flatten(graph);
  return graph.inputs.flatMap((input): StartingInput[] => {
    if (!isFloat(input.type.elementType) || known.some((pair) => pair.input === input.name)) return [];
    const parts = partsOfInput(flat, input.name, input.type.shape?.length);
    const found = parts.flatMap(({ value, place }) => slotsOf(graph, value).map((slot) => ({ slot, place })));
    const alone = parts.length > 0 && parts.every(({ value }) => usersOf(flat.nodes, value).length === 1);
    if (!alone || found.length !== parts.length) return [];
    if (found.length > 1) {
      const rows = found.flatMap(({ slot, place }) => (place ? [{ slot, place }] : []));
      if (rows.length !== input.type.shape?.[0] || rows.some(({ place }) => !place.isRow)) return [];
      rows.sort((a, b) => Place.compare(a.place, b.place));
      return [{ input, slots: rows.map(({ slot }) => slot) }];
    }
    return isTurned(flat.nodes, input.name) ? [] : [{ input, slots: found.map(({ slot }) => slot) }];
  });
}

function slotsOf({ nodes }: Graph, value: string): Slot[] {
  return nodes.flatMap((node) => {
    const places = stateSlots(node)?.inputs ?? [];
    return places.flatMap((place, state) => (node.inputs[place] === value ? [{ node, state }] : []));
  });
}

/** Nodes that compute with a value. */
function usersOf(nodes: readonly Node[], value: string): Node[] {
  return nodes.filter((node) => node.inputs.includes(value) && !(movesStates(node) && node.inputs[0] === value));
}

/** True where the elements of an input are put into another order, or only some of them are used. */
function isTurned(nodes: readonly Node[], input: string): boolean {
  const moved = new Set([input]);
  for (const node of nodes) {
    if (!movesStates(node) || !moved.has(node.inputs[0] ?? '')) continue;
    if (moves(node) !== 'keeps') return true;
    for (const name of node.outputs) moved.add(name);
  }
  return false;
}
