/** Processes that train one model together; one by default. */
export interface Collective {
  /** This process, from 0, among `ranks`. */
  readonly rank: number;
  readonly ranks: number;
  /** Replaces values by their sums over all processes, the same in each to the last bit. */
  sum(values: Float32Array | Float64Array): Promise<void>;
}

/** One process. */
export const single: Collective = { rank: 0, ranks: 1, sum: async () => undefined };
