import { SparseTensor } from '../graph/sparseTensor.ts';
import type { Model } from '../graph/types.ts';

/** Which words of a sparse embedding have connections. */
export interface WordConnections {
  /** Bands of words by how frequent they are, the first word being the most frequent, and their mean connections. */
  readonly bands: readonly { readonly from: number; readonly to: number; readonly mean: number }[];
  /** Connections of a word on average over all words. */
  readonly mean: number;
  /** Words without any. */
  readonly without: number;
  /** The words with most connections. */
  readonly most: readonly { readonly word: string; readonly count: number }[];
}

/** Bands for each factor of ten in frequency rank. */
const BANDS_PER_DECADE = 4;
const LISTED = 30;

/**
 * Counts the connections of each word in the embedding of a model, whose rows are `words`, most frequent first. Undefined
 * for a model without a sparse embedding of so many words.
 */
export function wordConnections({ graph }: Model, words: readonly string[]): WordConnections | undefined {
  const table = [...graph.initializers.values()].find(
    (tensor): tensor is SparseTensor =>
      tensor instanceof SparseTensor && tensor.dims.length === 2 && tensor.dims[0] === words.length,
  );
  if (table === undefined) return undefined;
  const { rowStarts } = table.rows;
  const counts = words.map((_, row) => rowStarts[row + 1]! - rowStarts[row]!);
  const ranked = words.map((word, row) => ({ word, count: counts[row]! })).sort((a, b) => b.count - a.count);
  return {
    bands: bandsOf(words.length).map(([from, to]) => ({ from, to, mean: mean(counts.slice(from, to)) })),
    mean: mean(counts),
    without: counts.filter((count) => count === 0).length,
    most: ranked.slice(0, LISTED),
  };
}

/** Ranges of ranks from 0 that are equally wide on a logarithmic axis. */
function bandsOf(count: number): [from: number, to: number][] {
  const steps = Math.ceil(Math.log10(count) * BANDS_PER_DECADE);
  const ends = Array.from({ length: steps }, (_, i) => Math.round(10 ** ((i + 1) / BANDS_PER_DECADE)));
  const edges = [...new Set([0, ...ends.map((end) => Math.min(end, count)), count])];
  return edges.slice(1).map((to, i) => [edges[i]!, to]);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
