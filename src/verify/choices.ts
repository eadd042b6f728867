import { isStatic } from '../graph/dims.ts';
import { isFloat } from '../graph/elementTypes.ts';
import { knownTypes } from '../graph/infer/infer.ts';
import { namesIn } from '../graph/infer/sizes.ts';
import { numbersOf } from '../graph/numbers.ts';
import { traits } from '../graph/operators.ts';
import { producers } from '../graph/rewrite.ts';
import type { ElementType, Graph, Node, Tensor } from '../graph/types.ts';
import { type Flattened, flattened } from './inputUses.ts';

/*
 * The values on which a graph's decisions turn: the constants that inputs and sizes are compared with, and their
 * neighbours.
 */

/** Values worth to be tried, those that decisions name first. */
export interface Choices {
  readonly inputs: ReadonlyMap<string, readonly number[]>;
  /** Of the free dimensions that an If asks for. */
  readonly sizes: ReadonlyMap<string, readonly number[]>;
}

/** Constants of more elements are data. */
const MOST_ELEMENTS = 16;
/** Longer sequences are not tried. */
const LARGEST_SIZE = 4096;

const known = new WeakMap<Graph, Choices>();

/** What to try for a graph, its loops and branches included. */
export function choicesOf(graph: Graph): Choices {
  const found = known.get(graph);
  if (found) return found;
  const flat = flattened(graph);
  const makers = producers(flat.nodes);
  const inputs = new Map<string, Set<number>>();
  const sizes = new Map<string, Set<number>>();
  for (const node of flat.nodes) {
    const isIf = node.op === 'If' && node.domain === '';
    if (!isIf && !traits(node).decides && node.op !== 'Where') continue;
    const cone = coneOf(isIf || node.op === 'Where' ? node.inputs.slice(0, 1) : node.inputs, flat, makers, graph);
    for (const name of cone.inputs) inputs.set(name, new Set([...(inputs.get(name) ?? []), ...cone.constants]));
    if (isIf) for (const dim of cone.dims) sizes.set(dim, new Set([...(sizes.get(dim) ?? []), ...cone.constants]));
  }
  const ofInputs = graph.inputs.flatMap(({ name, type: { elementType, shape } }) => {
    const constants = inputs.get(name);
    const isOne = isStatic(shape) && shape.every((d) => d === 1);
    if (constants === undefined || elementType === 'string' || (isFloat(elementType) && !isOne)) return [];
    return [[name, valuesBeside(constants, (value) => holds(value, elementType))] as const];
  });
  const ofSizes = [...sizes].map(([name, constants]) => {
    return [
      name,
      valuesBeside(new Set([1, ...constants]), (size) => Number.isInteger(size) && size > 0 && size <= LARGEST_SIZE),
    ] as const;
  });
  const choices = { inputs: new Map(ofInputs), sizes: new Map(ofSizes) };
  known.set(graph, choices);
  return choices;
}

/** Constants, then what lies beside them, as far as a type has them. */
function valuesBeside(constants: ReadonlySet<number>, fits: (value: number) => boolean): number[] {
  const exact = [...constants].flatMap((value) => [value, Math.floor(value), Math.ceil(value)]);
  const beside = exact.flatMap((value) => [value + 1, value - 1]);
  return [...new Set([...exact, ...beside, 0, 1])].filter(fits);
}

function holds(value: number, type: ElementType): boolean {
  if (isFloat(type)) return true;
  if (!Number.isInteger(value)) return false;
  const [low, high] = RANGES[type] ?? [-(2 ** 31), 2 ** 31 - 1];
  return value >= low && value <= high;
}

const RANGES: Partial<Record<ElementType, readonly [number, number]>> = {
  bool: [0, 1],
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-(2 ** 15), 2 ** 15 - 1],
  uint16: [0, 2 ** 16 - 1],
  uint32: [0, 2 ** 32 - 1],
  uint64: [0, 2 ** 53],
  int64: [-(2 ** 53), 2 ** 53],
};

interface Cone {
  readonly inputs: ReadonlySet<string>;
  readonly constants: ReadonlySet<number>;
  /** Free dimensions whose sizes are looked at. */
  readonly dims: ReadonlySet<string>;
}

/** All that some values are computed from: inputs, small constants and sizes. */
function coneOf(names: readonly string[], flat: Flattened, makers: ReadonlyMap<string, Node>, graph: Graph): Cone {
  const types = knownTypes(graph);
  const isInput = new Set(graph.inputs.map((v) => v.name));
  const cone = { inputs: new Set<string>(), constants: new Set<number>(), dims: new Set<string>() };
  const seen = new Set<string>();
  const open = [...names];
  for (let name = open.shift(); name !== undefined; name = open.shift()) {
    if (name === '' || seen.has(name)) continue;
    seen.add(name);
    if (isInput.has(name)) cone.inputs.add(name);
    for (const value of smallNumbers(flat.tensors.get(name))) cone.constants.add(value);
    const alias = flat.aliases.get(name);
    if (alias !== undefined) open.push(alias);
    const maker = makers.get(name);
    if (maker === undefined) continue;
    if (maker.op === 'Shape' || maker.op === 'Size') {
      for (const dim of types.type(maker.inputs[0]!)?.shape ?? []) for (const part of namesIn(dim)) cone.dims.add(part);
    } else open.push(...maker.inputs);
  }
  return cone;
}

function smallNumbers(tensor: Tensor | undefined): number[] {
  if (tensor === undefined || tensor.data.length > MOST_ELEMENTS) return [];
  return [...(numbersOf(tensor) ?? (Array.isArray(tensor.data) ? [] : Array.from(tensor.data, Number)))].filter(
    Number.isFinite,
  );
}

/** So many turns at most try values. */
const MOST_TURNS = 256;
/** Values of an input that are tried with all of the others', where there are too many. */
const FEWEST = 3;

/** The values that the inputs of a graph take in turn: fewer of each where they make too many combinations. */
function digitsOf(graph: Graph): (readonly [input: string, values: readonly number[]])[] {
  const all = [...choicesOf(graph).inputs];
  const combinations = all.reduce((count, [, values]) => count * values.length, 1);
  if (combinations <= MOST_TURNS) return all;
  const each = Math.max(FEWEST, Math.floor(MOST_TURNS ** (1 / all.length)));
  return all.map(([name, values]) => [name, values.slice(0, each)]);
}

/** In how many turns the inputs of a graph take all their choices together. */
export function turnsOf(graph: Graph): number {
  const count = digitsOf(graph).reduce((product, [, values]) => product * values.length, 1);
  return Math.min(MOST_TURNS, count);
}

/** Which of its choices an input takes in a turn; from turn to turn the inputs take every combination. */
export function choiceAt(graph: Graph, input: string, turn: number): number | undefined {
  let rest = turn;
  for (const [name, values] of digitsOf(graph)) {
    if (name === input) return values[rest % values.length];
    rest = Math.floor(rest / values.length);
  }
  return undefined;
}
