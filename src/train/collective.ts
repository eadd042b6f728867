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

/** Whether any process was asked to stop: the same answer in each, so that all leave at the same update. */
export async function anyStopped(signal: AbortSignal | undefined, collective: Collective): Promise<boolean> {
  const isAsked = signal?.aborted ?? false;
  if (collective.ranks === 1) return isAsked;
  const votes = Float64Array.of(isAsked ? 1 : 0);
  await collective.sum(votes);
  return votes[0]! > 0;
}

/** The values of every process, in the order of the ranks; each brings as many. */
export async function gather<Values extends Float32Array | Float64Array>(
  own: Values,
  collective: Collective,
): Promise<Values[]> {
  const { rank, ranks } = collective;
  // Others bring zeros for what is not theirs: the sums are the values.
  const all = own instanceof Float32Array ? new Float32Array(ranks * own.length) : new Float64Array(ranks * own.length);
  all.set(own, rank * own.length);
  await collective.sum(all);
  return Array.from({ length: ranks }, (_, i) => all.slice(i * own.length, (i + 1) * own.length) as Values);
}

/** The texts of every process, in the order of the ranks. */
export async function gatherTexts(own: string, collective: Collective): Promise<string[]> {
  const bytes = new TextEncoder().encode(own);
  const lengths = await gather(Float64Array.of(bytes.length), collective);
  const values = new Float64Array(Math.max(...lengths.map(([length]) => length!)));
  values.set(bytes);
  const all = await gather(values, collective);
  return all.map((text, i) => new TextDecoder().decode(Uint8Array.from(text.subarray(0, lengths[i]![0]))));
}
