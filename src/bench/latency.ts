import { UsageError } from '../errors.ts';
import type { Dim, Model, Tensor } from '../graph/types.ts';
import { randomStream } from '../random.ts';
import type { Runtime, Session, Tensors } from '../runtime/runtime.ts';
import { randomTensor } from '../slim/randomInputs.ts';
import { interleave, type Spread, spread } from './statistics.ts';

/** A model to time, with the name that a table shows. */
export interface Contestant {
  readonly name: string;
  readonly model: Model;
}

/** What one run of a model is. */
export interface LatencyOptions {
  readonly runtime: Runtime;
  /** Sequences side by side. */
  readonly batch: number;
  /** Time steps in one run. */
  readonly steps: number;
  readonly threads?: number | undefined;
  readonly rounds: number;
  /** Sizes of free dimensions whose names tell neither batch nor time. */
  readonly sizes?: Readonly<Record<string, number>>;
}

/** Latency of one model. */
export interface Latency {
  readonly name: string;
  readonly milliseconds: Spread;
  /** Median of the first model / median of this one. */
  readonly speedup: number;
}

/**
 * Times models side by side, in turn, on random inputs of the same sizes; the first is what the others compare with.
 * Outputs are written into the same buffers at every run, as a server does that knows its sizes; each turn is several
 * runs, after some that do not count.
 */
export async function benchLatency(contestants: readonly Contestant[], options: LatencyOptions): Promise<Latency[]> {
  const { runtime, threads, rounds } = options;
  refuseUnknownSizes(contestants, options.sizes ?? {});
  const feeds = contestants.map(({ model, name }) => randomFeeds(model, options, name));
  const sessions: Session[] = [];
  try {
    for (const { model } of contestants) sessions.push(await runtime.createSession(model, { threads }));
    const runs: (() => Promise<unknown>)[] = [];
    for (const [i, session] of sessions.entries()) {
      const fetches = await session.run(feeds[i]!);
      runs.push(() => session.run(feeds[i]!, { fetches, outputs: [] }));
    }
    const spreads = (await interleave(runs, { rounds, burst: BURST, leadIn: LEAD_IN })).map(spread);
    return contestants.map(({ name }, i) => ({
      name,
      milliseconds: spreads[i]!,
      speedup: spreads[0]!.median / spreads[i]!.median,
    }));
  } finally {
    for (const session of sessions) await session.release();
  }
}

/** Timed runs of a model in each turn. */
const BURST = 5;
/** Milliseconds of untimed runs before them: a model that serves finds its weights in the caches. */
const LEAD_IN = 200;

/** A size for a dimension that no model has is a mistake, not a wish. */
function refuseUnknownSizes(contestants: readonly Contestant[], sizes: Readonly<Record<string, number>>): void {
  const free = new Set(
    contestants
      .flatMap(({ model }) => model.graph.inputs.flatMap((v) => v.type.shape ?? []))
      .filter((d) => typeof d === 'string'),
  );
  for (const name of Object.keys(sizes)) {
    if (!free.has(name))
      throw new UsageError(`no model has a free dimension '${name}'; there are: ${[...free].join(', ') || 'none'}`);
  }
}

/** Random inputs of the asked sizes. */
function randomFeeds(model: Model, options: LatencyOptions, name: string): Tensors {
  const random = randomStream(1);
  const feeds: Record<string, Tensor> = {};
  for (const input of model.graph.inputs) {
    const dims = (input.type.shape ?? []).map((d) => sizeOfDim(d, options, `${name}, input '${input.name}'`));
    feeds[input.name] = randomTensor(input, model.graph, dims, random);
  }
  return feeds;
}

function sizeOfDim(dim: Dim, { batch, steps, sizes = {} }: LatencyOptions, where: string): number {
  if (typeof dim === 'number') return dim;
  const given = sizes[dim];
  if (given !== undefined) return given;
  if (/batch|^n$|^b$/i.test(dim)) return batch;
  if (/time|seq|step|len|^t$/i.test(dim)) return steps;
  throw new UsageError(`${where}: how large is the free dimension '${dim}'? Say --size ${dim}=NUMBER`);
}
