import { sha256Hex } from '../../base/digest.ts';
import { type RandomStream, randomStream, uniform } from '../../base/random.ts';
import { sizeOf } from '../../graph/dims.ts';
import type { Graph } from '../../graph/types.ts';
import { type Matrix, noPenalty, type SparsityMethod, type UpdateDone, type WholeGradient } from '../method.ts';
import type { SparseParts } from './blocks.ts';
import { type Connections, maskedConnections, tableConnections } from './connections.ts';
import { factorFor, firstConnections, sparseTable, spreadOf } from './firstWeights.ts';
import { type PlaceGradient, placesToGrow, tableGradient } from './growth.ts';
import { connectionsToRemove, type RemovalRule } from './removal.ts';

/** How connections are drawn and move. */
export interface SetOptions {
  readonly parts: SparseParts;
  /** Number of connections that each block of a parameter begins with. */
  readonly counts: ReadonlyMap<string, readonly number[]>;
  /** Gates whose rows lie one behind the other in a matrix. */
  readonly gatesOf: (matrix: string) => number;
  /** Blocks into which the rows of a matrix are parted, each with connections of its own number. */
  readonly blocksOf: (matrix: string) => number;
  readonly rule: RemovalRule;
  /** ζ at an update: the share of the connections that goes. */
  readonly share: (update: number) => number;
  readonly growth: 'random' | 'gradient';
  /** Whether new weights are zero, or drawn like the first ones. */
  readonly newWeights: 'zero' | 'initial';
  /** Whether first weights are larger by √(1 / density), so that sums of inputs vary as in the dense model. */
  readonly isScaled: boolean;
  readonly savesSparse: boolean;
  /** Updates between two moves, and in all: after the last one connections only go. */
  readonly every: number;
  readonly updates: number;
  readonly seed: number;
  /** The first model, for the spread of its weights. */
  readonly first: Graph;
}

/** A method that acts on the weights as well. */
export interface Inner {
  readonly method?: SparsityMethod | undefined;
  /** All that it ever acts on, also when the units of a layer have lost their groups. */
  readonly pressed?: Iterable<string>;
  /** Whether it needs tables as matrices. */
  readonly keepsTables?: boolean;
}

/**
 * Sparse evolutionary training (SET: Mocanu et al. 2018): a model begins with few connections, drawn by lot; now and then
 * the weakest go and as many come up elsewhere, so that their number stays. Everything that is drawn follows from the
 * seed, the update and the block. With `inner`, another method presses the weights on top of it.
 */
export function set(
  options: SetOptions,
  { method: inner, pressed = [], keepsTables = false }: Inner = {},
): SparsityMethod {
  const { parts, every, updates } = options;
  const own = (matrices: readonly Matrix[]) =>
    matrices.filter(({ name }) => parts.matrices.has(name) || parts.tables.has(name));
  const ofInner = (matrices: readonly Matrix[]) => matrices.filter(({ name }) => inner?.parameters.has(name));
  const moves = (update: number) => (update + 1) % every === 0 || update + 1 === updates;
  const grows = (update: number) => update + 1 < updates;
  let gradients = new Map<string, PlaceGradient>();
  return {
    ...inner,
    nodes: undefined,
    name: 'set',
    threshold: inner?.threshold ?? 0,
    parameters: new Set([...parts.tables, ...parts.matrices, ...pressed]),
    usesMask: true,
    savesSparse: options.savesSparse,
    begin(matrices) {
      for (const matrix of own(matrices)) beginMatrix(matrix, options);
      inner?.begin?.(ofInner(matrices));
    },
    ...(!keepsTables && {
      connect: (name, table) =>
        sparseTable(table, options.counts.get(name)![0]!, streamFor(options, 'start', name), options.isScaled),
    }),
    beforeMask(matrices, whole) {
      const isWanted = options.growth === 'gradient' && moves(whole.update) && grows(whole.update);
      gradients = isWanted ? gradientsOf(own(matrices), whole, options) : new Map();
    },
    beforeUpdate(matrices, moment) {
      noPenalty(matrices);
      return inner?.beforeUpdate(ofInner(matrices), moment) ?? 0;
    },
    afterUpdate(matrices, done) {
      inner?.afterUpdate?.(ofInner(matrices), done);
      if (!moves(done.update)) return;
      const mine = own(matrices);
      for (const block of connectionsIn(mine, done, options)) {
        rewire(block, done.update, grows(done.update), gradients.get(block.name), options);
      }
      for (const { passes } of mine) passes.refresh();
      gradients = new Map();
    },
    densities: (matrices, tables) =>
      Object.fromEntries([
        ...own(matrices).map((matrix) => [matrix.name, gateDensities(matrix, options.gatesOf(matrix.name))]),
        ...tables.map(({ name, dims, weights }) => [name, [weights.length / sizeOf(dims)]]),
      ]),
  };
}

/** The share of the weights of each gate that exist. */
function gateDensities({ mask }: Matrix, gates: number): number[] {
  const size = mask!.length / gates;
  return Array.from({ length: gates }, (_, gate) => {
    const own = mask!.subarray(gate * size, (gate + 1) * size);
    return own.reduce((sum, there) => sum + there, 0) / size;
  });
}

/** Draws the connections of a masked matrix. */
function beginMatrix(matrix: Matrix, options: SetOptions): void {
  const counts = options.counts.get(matrix.name)!;
  const { mask, weights } = matrix;
  for (const [i, [from, to]] of blockRanges(matrix, options).entries()) {
    const own = weights.subarray(from, to);
    const random = streamFor(options, 'start', `${matrix.name} ${from}`);
    const first = firstConnections(own, counts[i]!, random, options.isScaled);
    mask!.fill(0, from, to);
    own.fill(0);
    for (const [n, place] of first.places.entries()) {
      mask![from + place] = 1;
      own[place] = first.weights[n]!;
    }
  }
  matrix.passes.refresh();
}

/** From which flat place to which each block of a matrix lies. */
function blockRanges({ name, rows, cols }: Matrix, { blocksOf }: SetOptions): (readonly [number, number])[] {
  const blocks = blocksOf(name);
  const size = (rows / blocks) * cols;
  return Array.from({ length: blocks }, (_, i) => [i * size, (i + 1) * size] as const);
}

function connectionsIn(
  matrices: readonly Matrix[],
  { tables, reset }: Pick<UpdateDone, 'tables' | 'reset'>,
  options: SetOptions,
): Connections[] {
  return [
    ...matrices.flatMap((m) => blockRanges(m, options).map((range) => maskedConnections(m, range, reset))),
    ...tables.map((table) => tableConnections(table, reset)),
  ];
}

/** Takes the weakest connections of a block away and, unless it was the last time, makes as many new ones. */
function rewire(
  block: Connections,
  update: number,
  grows: boolean,
  gradient: PlaceGradient | undefined,
  options: SetOptions,
): void {
  const { places, weights } = block.read();
  const gone = connectionsToRemove(options.rule, weights, options.share(update));
  const kept = placesKept(places, gone);
  const random = streamFor(options, update, block.name);
  const count = grows ? places.length - kept.length : 0;
  const grown = placesToGrow(count, block.size, kept, random, gradient);
  block.replace(gone, grown, newWeights(block, grown.length, places.length, random, options));
}

/** The places of connections that stay; `filter` would take many times their memory. */
function placesKept(places: Uint32Array, gone: Uint8Array): Uint32Array {
  const kept = new Uint32Array(places.length);
  let count = 0;
  for (let i = 0; i < places.length; i++) if (gone[i] === 0) kept[count++] = places[i]!;
  return kept.subarray(0, count);
}

function newWeights(
  { name, size }: Connections,
  count: number,
  connections: number,
  random: RandomStream,
  options: SetOptions,
): Float32Array {
  if (options.newWeights === 'zero') return new Float32Array(count);
  const tensor = options.first.initializers.get(name.replace(/ \d+$/, ''))!;
  const range = [0, size] as const;
  return uniform(count, spreadOf(tensor, range) * factorFor(options.isScaled, size, connections), random);
}

/** The numbers for a block at a moment: the same in every process, and wherever a run goes on. */
function streamFor({ seed }: SetOptions, moment: number | 'start', block: string): RandomStream {
  return randomStream(Number.parseInt(sha256Hex(`${seed} ${moment} ${block}`).slice(0, 8), 16));
}

/** Copies of the gradients of all blocks, which the update is about to mask. */
function gradientsOf(
  matrices: readonly Matrix[],
  { rows }: WholeGradient,
  options: SetOptions,
): Map<string, PlaceGradient> {
  const found = new Map<string, PlaceGradient>();
  for (const matrix of matrices) {
    for (const [from, to] of blockRanges(matrix, options)) {
      found.set(`${matrix.name} ${from}`, { values: matrix.gradient.slice(from, to) });
    }
  }
  for (const { table, indices, gradient } of rows) {
    if (options.parts.tables.has(table)) {
      found.set(table, tableGradient({ indices, gradient }, gradient.length / indices.length));
    }
  }
  return found;
}
