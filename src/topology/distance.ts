import { munkres } from 'munkres';
import { UsageError } from '../base/errors.ts';
import type { Incoming, Topology, UnitLayer } from './topology.ts';

/** How far two topologies are apart. */
export interface TopologyDistance {
  /** Mean over the layers: 0 where the same units have the same connections, 1 where they share none. */
  readonly distance: number;
  readonly layers: readonly LayerDistance[];
}

/** How far two layers are apart. */
export interface LayerDistance {
  readonly name: string;
  /** Mean over the pairs of units of |a △ b| / |a ∪ b|, with a and b the connections that come into the two. */
  readonly distance: number;
  /** The same with each unit beside the one of its own number. */
  readonly unpaired: number;
  /** What about topologies of these densities have that were drawn by lot, each unit beside the one of its number. */
  readonly byChance: number;
}

/** Says which input of the first tensor each input of the second one is, −1 for none; undefined for the same numbers. */
export type InputNames = (a: Incoming, b: Incoming) => Int32Array | undefined;

/** Rounds in which pairs are corrected, at most. */
const ROUNDS = 5;

/** The slot in `b` of each slot of a layer in `a`, layer by layer; undefined for a layer that is not paired yet. */
type Pairs = readonly (readonly number[] | undefined)[];

/**
 * Distance of sparse topologies (NNSTD: Liu et al. 2020, "Topological insights into sparse neural networks"): layer by
 * layer from the input each unit of one model is paired with one of the other, so that the mean of the normalised edit
 * distances of their connections is least, and the inputs of later layers are renamed by the pairs. Here a unit of a
 * recurrent layer is one with all its gates, and its own recurrent inputs are renamed by the same pairs. Finding the best
 * pairs of all layers at once is hard, so they are corrected round by round from two starts, layer by layer without the
 * recurrent inputs, and each unit beside the one of its number. A unit that only one model has stands beside one without
 * connections. Time grows as connections · units of an input + units³ of a layer. Throws a
 * UsageError when the models have other layers or tensors, or no sparse ones.
 */
export function topologyDistance(a: Topology, b: Topology, inputNames: InputNames = () => undefined): TopologyDistance {
  requireSameNames(a, b);
  const tensors = a.tensors.flatMap((incoming): TensorPair[] => {
    const other = b.tensors.find(({ tensor }) => tensor === incoming.tensor)!;
    if (incoming.isDense && other.isDense) return [];
    return [{ a: incoming, b: other, named: inputNames(incoming, other) }];
  });
  if (tensors.length === 0) {
    throw new UsageError('both models are dense: all their weights are there, so there is no topology to compare');
  }
  const layers = a.layers
    .map((layer) => layerPair(layer, b.layers.find(({ name }) => name === layer.name)!))
    .filter(hasConnections(tensors));
  const sides = { layers, tensors };
  const sameNumbers = layers.map(({ size }) => [...Array(size).keys()]);
  const unpaired = distances(sides, sameNumbers);
  const best = [allPaired(sides, []), sameNumbers].map((start) => corrected(sides, start)).reduce(nearer);
  return {
    distance: mean(best),
    layers: layers.map((layer, i) => ({
      name: layer.name,
      distance: best[i]!,
      unpaired: unpaired[i]!,
      byChance: byChance(layer, tensors),
    })),
  };
}

/** The distances of the layers after pairs were found again and again, as long as that brings the topologies nearer. */
function corrected(sides: Sides, start: Pairs): readonly number[] {
  let [pairs, best] = [start, distances(sides, start)];
  for (let round = 0; round < ROUNDS; round++) {
    pairs = allPaired(sides, pairs);
    const now = distances(sides, pairs);
    if (mean(now) >= mean(best)) break;
    best = now;
  }
  return best;
}

function nearer(a: readonly number[], b: readonly number[]): readonly number[] {
  return mean(b) < mean(a) ? b : a;
}

/** A tensor of both models; `named` as `InputNames` says. */
interface TensorPair {
  readonly a: Incoming;
  readonly b: Incoming;
  readonly named: Int32Array | undefined;
}

/** A layer of both models. A slot is a unit by its number in the layer; the smaller layer has empty ones at its end. */
interface LayerPair {
  readonly name: string;
  readonly size: number;
  /** The slot of each component. */
  readonly a: ReadonlyMap<number, number>;
  readonly b: ReadonlyMap<number, number>;
}

interface Sides {
  readonly layers: readonly LayerPair[];
  readonly tensors: readonly TensorPair[];
}

function requireSameNames(a: Topology, b: Topology): void {
  const namesOf = ({ layers, tensors }: Topology) =>
    [...layers.map((l) => l.name), ...tensors.map((t) => t.tensor)].sort();
  const [one, other] = [namesOf(a), namesOf(b)];
  if (one.join() === other.join()) return;
  throw new UsageError(`these are models of different kinds: one has ${one.join(', ')}, another ${other.join(', ')}`);
}

function layerPair(a: UnitLayer, b: UnitLayer): LayerPair {
  const slotsOf = ({ units }: UnitLayer) => new Map([...units].map((k, slot) => [k, slot] as const));
  return { name: a.name, size: Math.max(a.units.length, b.units.length), a: slotsOf(a), b: slotsOf(b) };
}

/** Whether sparse tensors bring connections to a layer. */
function hasConnections(tensors: readonly TensorPair[]) {
  return ({ a }: LayerPair) => tensors.some(({ a: { unit } }) => unit.some((k) => a.has(k)));
}

/** Pairs of all layers in their order, each found by the pairs that its inputs have by then. */
function allPaired(sides: Sides, known: Pairs): Pairs {
  const pairs = [...known];
  for (const [i, layer] of sides.layers.entries()) {
    const slots = new Array<number>(layer.size);
    for (const [a, b] of munkres(editDistances(layer, sides, pairs))) slots[a] = b;
    pairs[i] = slots;
  }
  return pairs;
}

/** The mean distance of the pairs of each layer. */
function distances(sides: Sides, pairs: Pairs): number[] {
  return sides.layers.map((layer, i) =>
    mean(editDistances(layer, sides, pairs).map((row, slot) => row[pairs[i]![slot]!]!)),
  );
}

/** |a △ b| / |a ∪ b| of the connections of each slot in `a` and each in `b`; 0 where both have none. */
function editDistances(layer: LayerPair, sides: Sides, pairs: Pairs): number[][] {
  const { size } = layer;
  const [countsA, countsB] = [new Float64Array(size), new Float64Array(size)];
  const common = Array.from({ length: size }, () => new Float64Array(size));
  for (const pair of sides.tensors) {
    const names = inputNumbers(pair, sides, pairs);
    const there = new Map<number, number[]>();
    for (const [slot, feature] of features(pair.a, layer.a, names.a)) {
      countsA[slot]!++;
      const known = there.get(feature);
      if (known) known.push(slot);
      else there.set(feature, [slot]);
    }
    for (const [slot, feature] of features(pair.b, layer.b, names.b)) {
      countsB[slot]!++;
      for (const other of there.get(feature) ?? []) common[other]![slot]!++;
    }
  }
  return common.map((row, i) =>
    Array.from(row, (both, j) => {
      const union = countsA[i]! + countsB[j]! - both;
      return union === 0 ? 0 : 1 - both / union;
    }),
  );
}

/** The slot and the input, with the place by which it comes, of each connection of a tensor to a layer. */
function* features(
  { input, place, unit, places }: Incoming,
  slots: ReadonlyMap<number, number>,
  numbers: Int32Array,
): Generator<[slot: number, feature: number]> {
  for (let i = 0; i < unit.length; i++) {
    const slot = slots.get(unit[i]!);
    const number = numbers[input[i]!]!;
    if (slot !== undefined && number >= 0) yield [slot, number * places + place[i]!];
  }
}

/**
 * Numbers for the inputs of a tensor in both models, equal for what is the same: a unit and its partner, or an input of
 * the same name. −1 leaves an input out: units that are not paired yet, and names that only one model knows.
 */
function inputNumbers({ a, b, named }: TensorPair, sides: Sides, pairs: Pairs): { a: Int32Array; b: Int32Array } {
  const partners = partnersOf(sides.layers, pairs);
  const places = new Map<number, number[]>();
  for (const [i, k] of a.sources.entries()) places.set(k, [...(places.get(k) ?? []), i]);
  const seen = new Map<number, number>();
  const numberOf = (k: number, i: number): number => {
    if (k < 0) return named?.[i] ?? i;
    const partner = partners.get(k);
    if (partner === undefined) return -1;
    const occurrence = seen.get(k) ?? 0;
    seen.set(k, occurrence + 1);
    // A unit without a partner is like no input of the other model.
    return places.get(partner)?.[occurrence] ?? a.inputs + i;
  };
  const numbersB = b.sources.map(numberOf);
  const known = named && new Set(named);
  const isPaired = new Set(sides.layers.flatMap((layer, i) => (pairs[i] ? [...layer.a.keys()] : [])));
  const numbersA = a.sources.map((k, i) => {
    const isLeftOut = k < 0 ? known?.has(i) === false : !isPaired.has(k);
    return isLeftOut ? -1 : i;
  });
  return { a: numbersA, b: numbersB };
}

/** The component in `a` of each component in `b` whose layer is paired, −1 where its partner is an empty slot. */
function partnersOf(layers: readonly LayerPair[], pairs: Pairs): Map<number, number> {
  const partners = new Map<number, number>();
  for (const [i, { a, b }] of layers.entries()) {
    const slots = pairs[i];
    if (slots === undefined) continue;
    const components = [...a.keys()];
    const slotInA = new Map(slots.map((slotB, slotA) => [slotB, slotA]));
    for (const [k, slot] of b) partners.set(k, components[slotInA.get(slot)!] ?? -1);
  }
  return partners;
}

/** The distance that units have which take their connections by lot, as many as these have on average. */
function byChance(layer: LayerPair, tensors: readonly TensorPair[]): number {
  let [both, all] = [0, 0];
  for (const { a, b } of tensors) {
    const size = a.inputs * a.places;
    const [inA, inB] = [meanDegree(a, layer.a), meanDegree(b, layer.b)];
    both += (inA * inB) / size;
    all += inA + inB;
  }
  return 1 - both / (all - both);
}

function meanDegree({ unit }: Incoming, slots: ReadonlyMap<number, number>): number {
  return unit.reduce((sum, k) => sum + (slots.has(k) ? 1 : 0), 0) / slots.size;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
