import { constantTensor, graphAttribute, intAttribute, integers, intsAttribute } from '../../graph/attributes.ts';
import { moves, traits } from '../../graph/operators.ts';
import { bodiesOf, producers } from '../../graph/rewrite.ts';
import type { Graph, Node, Tensor } from '../../graph/types.ts';
import { allZero } from '../zeroStates.ts';
import { Place } from './place.ts';

/*
 * What a streaming state is made of: the values that are only moved out of an input on the one side, those that an
 * output is only put together from on the other.
 */

/** True where a state stays itself: no element comes out in several places. */
export function movesStates(node: Node): boolean {
  const how = moves(node);
  return how !== undefined && how !== 'copies';
}

/** Part of an input or output: a value, and where it lies in the whole (undefined: that cannot be seen). */
export interface Part {
  readonly value: string;
  readonly place: Place | undefined;
}

/** What an output is put together from. */
export interface Ending {
  /** Values that are computed. */
  readonly parts: readonly Part[];
  /** Values of a cache that follow others: no state of theirs is needed. */
  readonly fresh: ReadonlySet<string>;
  /** Inputs whose newer elements come out again while the older ones make room. */
  readonly shifted: ReadonlySet<string>;
}

/** A graph's nodes in order, those in the branches of an If beside the others; and its stored tensors. */
export interface FlatGraph {
  readonly nodes: readonly Node[];
  readonly stored: ReadonlyMap<string, Tensor>;
  /** Values that are 0, such as what exporters add to a state to make it depend on an input. */
  readonly zeros: ReadonlySet<string>;
}

/** Takes apart every If, whose outputs are then made by a node `If` for each, of what either branch gives. */
export function flatten(graph: Graph): FlatGraph {
  const stored = new Map<string, Tensor>();
  const visit = ({ initializers, nodes }: Graph): Node[] => {
    for (const [name, tensor] of initializers) stored.set(name, tensor);
    return nodes.flatMap((node): Node[] => {
      const constant = constantTensor(node);
      if (constant) stored.set(node.outputs[0]!, constant);
      if (node.op !== 'If' || node.domain !== '') return [node];
      const inside = bodiesOf(node).flatMap(visit);
      const branches = ['then_branch', 'else_branch'].map((name) => graphAttribute(node, name));
      const joined = node.outputs.map((output, i): Node => {
        const inputs = branches.flatMap((branch) => branch?.outputs[i]?.name ?? []);
        return { ...node, attributes: {}, inputs, outputs: [output] };
      });
      return [...inside, ...joined];
    });
  };
  const nodes = visit(graph);
  return { nodes, stored, zeros: zerosAmong(nodes, stored) };
}

function zerosAmong(nodes: readonly Node[], stored: ReadonlyMap<string, Tensor>): Set<string> {
  const zeros = new Set([...stored].flatMap(([name, tensor]) => (allZero(tensor) ? [name] : [])));
  for (const node of nodes) {
    const keeps = movesStates(node) || traits(node).keepsZero === true ? [node.inputs[0] ?? ''] : [];
    const factors = node.op === 'Mul' && node.domain === '' ? node.inputs : keeps;
    if (factors.some((name) => zeros.has(name))) zeros.add(node.outputs[0]!);
  }
  return zeros;
}

/** Values that are an input, only moved, and that something computes with; in the order of the nodes. */
export function partsOfInput({ nodes, stored }: FlatGraph, input: string, rank: number | undefined): Part[] {
  const places = new Map<string, Place | undefined>([[input, rank === undefined ? undefined : Place.whole(rank)]]);
  const found = new Map<string, Part>();
  for (const node of nodes) {
    for (const [i, name] of node.inputs.entries()) {
      if (!places.has(name)) continue;
      const place = places.get(name);
      if (node.op === 'If') places.set(node.outputs[0]!, place);
      else if (i === 0 && movesStates(node)) {
        for (const [k, output] of node.outputs.entries()) places.set(output, place?.after(node, k, stored));
      } else if (i === 0 && isScatter(node)) places.set(node.outputs[0]!, place);
      else if (!found.has(name)) found.set(name, { value: name, place });
    }
  }
  return [...found.values()];
}

/** Updates written over data: what was there goes on beside them. */
function isScatter({ op, domain }: Node): boolean {
  return domain === '' && (op === 'ScatterND' || op === 'ScatterElements' || op === 'Scatter');
}

/** A value on the way back from an output. */
interface Step {
  readonly name: string;
  readonly place: Place | undefined;
  /** Which end of an axis a slice behind has kept. */
  readonly kept?: 'start' | 'end' | undefined;
  readonly role?: 'old' | 'fresh' | undefined;
}

/** What an output is put together from, and which of the graph's `inputs` it hands on. */
export function partsOfOutput(
  flat: FlatGraph,
  output: string,
  rank: number | undefined,
  inputs: ReadonlySet<string>,
): Ending {
  const made = producers(flat.nodes);
  const [parts, fresh, shifted] = [new Map<string, Part>(), new Set<string>(), new Set<string>()];
  const seen = new Set<string>();
  const todo: Step[] = [{ name: output, place: rank === undefined ? undefined : Place.whole(rank) }];
  for (let step = todo.pop(); step !== undefined; step = todo.pop()) {
    const { name, role } = step;
    if (inputs.has(name)) {
      if (role === 'old') shifted.add(name);
      continue;
    }
    const key = `${role ?? ''} ${name}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const node = made.get(name);
    const back = node && stepsBack(node, step, flat);
    if (back) todo.push(...back.reverse());
    else if (role === 'fresh') fresh.add(name);
    else if (!flat.stored.has(name)) parts.set(name, { value: name, place: step.place });
  }
  return { parts: [...parts.values()], fresh, shifted };
}

/** What a value is moved or put together from; undefined where it is computed. */
function stepsBack(node: Node, step: Step, { stored, zeros }: FlatGraph): Step[] | undefined {
  if (node.domain !== '') return undefined;
  const { place, kept, role } = step;
  if (node.op === 'If') return node.inputs.map((name) => ({ ...step, name }));
  if (isScatter(node)) {
    const updates = node.inputs[2] ?? '';
    return [
      { name: node.inputs[0]!, place: undefined, role: role ?? 'old' },
      { name: updates, place: undefined, role: role ?? 'fresh' },
    ];
  }
  if (node.op === 'Concat') {
    const last = node.inputs.length - 1;
    return node.inputs.map((name, i): Step => {
      const newer = kept === 'end' ? i === last : i === 0;
      const part = kept === undefined || last === 0 ? role : newer ? 'fresh' : 'old';
      return { name, place: place?.operand(i, intAttribute(node, 'axis', 0)), role: role === 'fresh' ? role : part };
    });
  }
  if (node.op === 'Add') {
    const rest = node.inputs.filter((name) => !zeros.has(name));
    return rest.length === 1 ? [{ ...step, name: rest[0]! }] : undefined;
  }
  if (!movesStates(node)) return undefined;
  const name = node.inputs[0]!;
  return [{ name, place: place?.before(node, stored), kept: endKept(node, step.name, stored) ?? kept, role }];
}

/** Which end of an axis is left where a node drops elements; undefined where it drops none, or in the middle. */
function endKept(node: Node, output: string, stored: ReadonlyMap<string, Tensor>): Step['kept'] {
  if (node.op === 'Split') return node.outputs.indexOf(output) === 0 && node.outputs.length > 1 ? 'start' : 'end';
  if (node.op === 'Gather') return 'end';
  if (node.op !== 'Slice') return undefined;
  const starts = intsAttribute(node, 'starts') ?? integers(stored.get(node.inputs[1] ?? ''));
  return starts === undefined || starts.some((start) => start !== 0) ? 'end' : 'start';
}
