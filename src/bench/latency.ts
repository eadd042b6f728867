import { UsageError } from '../errors.ts';
import type { Dim, Model, Tensor } from '../graph/types.ts';
import { randomStream } from '../random.ts';
import type { Runtime, Tensors } from '../runtime/runtime.ts';
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

/** Times models side by side, in turn, on random inputs of the same sizes; the first is what the others compare with. */
export async function benchLatency(contestants: readonly Contestant[], options: LatencyOptions): Promise<Latency[]> {
  const prepared = await Promise.all(
    contestants.map(async ({ model, name }) => {
      const feeds = randomFeeds(model, options, name);
      return { session: await options.runtime.createSession(model, { threads: options.threads }), feeds };
    }),
  );
  const times = await interleave(
    prepared.map(
      ({ session, feeds }) =>
        () =>
          session.run(feeds),
    ),
    options.rounds,
    3,
  );
  for (const { session } of prepared) await session.release();
  const spreads = times.map(spread);
  return contestants.map(({ name }, i) => ({
    name,
    milliseconds: spreads[i]!,
    speedup: spreads[0]!.median / spreads[i]!.median,
  }));
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
