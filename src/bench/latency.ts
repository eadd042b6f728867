import { UsageError } from '../base/errors.ts';
import { randomStream } from '../base/random.ts';
import { FreeSizes } from '../graph/infer/sizes.ts';
import type { Graph, Model, Tensor } from '../graph/types.ts';
import type { Runtime, Session, Tensors } from '../runtime/runtime.ts';
import { type DimRole, dimRoles, freeDims } from '../slim/dimRoles.ts';
import { boundDims, fits, randomTensor } from '../verify/randomInputs.ts';
import { interleave, milliseconds, type Spread, spread, type Turns } from './statistics.ts';

/** A model to time, with the name that a table shows. */
export interface Contestant {
  readonly name: string;
  readonly model: Model;
  /** What it runs on, for one whose operators do not tell what its inputs are; absent: random inputs. */
  readonly feeds?: Tensors;
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
  /** Milliseconds that all timed runs together may take, roughly: turns get shorter, down to one run of each model. */
  readonly budget?: number | undefined;
  /** Sizes of free dimensions, by name; needed for those that are neither batch nor time. */
  readonly sizes?: Readonly<Record<string, number>>;
}

/** Latency of one model. */
export interface Latency {
  readonly name: string;
  /** Threads that it ran with; undefined where the engine chose by itself and does not tell. */
  readonly threads: number | undefined;
  readonly milliseconds: Spread;
  /** Median of the first model / median of this one. */
  readonly speedup: number;
}

/**
 * Times models side by side, in turn, on random inputs of the same sizes; the first is what the others compare with.
 * Outputs are written into the same buffers at every run, as a server does that knows its sizes; each turn is several
 * runs, after some that do not count. Throws a UsageError for a free dimension whose size is not known.
 */
export async function benchLatency(contestants: readonly Contestant[], options: LatencyOptions): Promise<Latency[]> {
  const { runtime, threads, rounds } = options;
  refuseUnknownSizes(contestants, options.sizes ?? {});
  const feeds = contestants.map((contestant) => contestant.feeds ?? randomFeeds(contestant, options));
  const sessions: Session[] = [];
  try {
    for (const { model, name } of contestants) sessions.push(await runtime.createSession(model, { threads, name }));
    const runs: (() => Promise<unknown>)[] = [];
    for (const [i, session] of sessions.entries()) runs.push(await timedRun(session, feeds[i]!));
    const spreads = (await interleave(runs, await turnsOf(runs, rounds, options.budget))).map(spread);
    return contestants.map(({ name }, i) => ({
      name,
      threads: sessions[i]!.threads,
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

/** So many turns where they fit into a budget, else as many as do of one run each. */
async function turnsOf(runs: readonly (() => Promise<unknown>)[], rounds: number, budget?: number): Promise<Turns> {
  const turns = { rounds, burst: BURST, leadIn: LEAD_IN };
  if (budget === undefined) return turns;
  let once = 0;
  for (const run of runs) once += await milliseconds(run);
  if ((rounds + 1) * (BURST * once + LEAD_IN * runs.length) <= budget) return turns;
  // The runs just now were the warm-up.
  return { rounds: Math.min(rounds * BURST, Math.max(1, Math.floor(budget / once) - 1)), warmup: 0 };
}

/** A run whose outputs go into buffers that are there already, but for text, which has none; the first one makes them. */
export async function timedRun(session: Session, feeds: Tensors): Promise<() => Promise<unknown>> {
  const made = Object.entries(await session.run(feeds));
  const fetches = Object.fromEntries(made.filter(([, { elementType }]) => elementType !== 'string'));
  const outputs = session.outputNames.filter((name) => !(name in fetches));
  return () => session.run(feeds, { fetches, outputs });
}

/** A size for a dimension that no model has is a mistake, not a wish. */
function refuseUnknownSizes(contestants: readonly Contestant[], sizes: Readonly<Record<string, number>>): void {
  const free = new Set(contestants.flatMap(({ model }) => freeDims(model.graph)));
  for (const name of Object.keys(sizes)) {
    if (!free.has(name))
      throw new UsageError(`no model has a free dimension '${name}'; there are: ${[...free].join(', ') || 'none'}`);
  }
}

/** What says how large inputs are. */
type InputSizes = Pick<LatencyOptions, 'batch' | 'steps' | 'sizes'>;

/**
 * Random inputs of the asked sizes, with the same numbers for models whose inputs are the same. Throws a UsageError for
 * an input or a free dimension whose size is not known.
 */
export function randomFeeds({ name, model: { graph } }: Contestant, options: InputSizes): Tensors {
  const random = randomStream(1);
  const sizes = sizesOf(graph, name, options);
  const feeds: Record<string, Tensor> = {};
  for (const input of graph.inputs) {
    if (input.type.shape === undefined) {
      throw new UsageError(`${name}, input '${input.name}': the model does not say how many dimensions it has`);
    }
    feeds[input.name] = randomTensor(input, graph, boundDims(input, sizes, ''), random, sizes);
  }
  return feeds;
}

/** Sizes of all free dimensions: given ones, else batch and steps, else what the operators imply. */
function sizesOf(graph: Graph, model: string, { batch, steps, sizes = {} }: InputSizes): Record<string, number> {
  const roles = dimRoles(graph);
  const ofRole: Readonly<Record<DimRole, number>> = { batch, time: steps };
  const implied = new FreeSizes(graph);
  const asked = Object.fromEntries(
    freeDims(graph).map((dim) => {
      const role = roles.get(dim);
      const size = sizes[dim] ?? (role && ofRole[role]) ?? implied.size(dim);
      if (size !== undefined) return [dim, size];
      const input = graph.inputs.find((i) => i.type.shape?.some((d) => typeof d === 'string' && d.includes(dim)));
      throw new UsageError(
        `${model}, input '${input?.name}': how large is the free dimension '${dim}'? Say ${flagFor(dim, undefined, 'NUMBER')}`,
      );
    }),
  );
  const misfit = Object.keys(asked).find((dim) => (implied.size(dim) ?? asked[dim]) !== asked[dim]);
  if (misfit === undefined || fits(graph, asked)) return asked;
  const size = implied.size(misfit)!;
  const role = sizes[misfit] === undefined ? roles.get(misfit) : undefined;
  throw new UsageError(
    `${model}: the free dimension '${misfit}' cannot be ${asked[misfit]}: the sizes of the model's other inputs and ` +
      `weights leave only ${size}; say ${flagFor(misfit, role, size)}`,
  );
}

/** The flag that says how large a free dimension is. A shell takes ? and * for patterns. */
function flagFor(dim: string, role: DimRole | undefined, size: number | string): string {
  if (role !== undefined) return `${{ batch: '--batch', time: '--steps' }[role]} ${size}`;
  return /^[\w.-]+$/.test(dim) ? `--size ${dim}=${size}` : `--size '${dim}=${size}'`;
}
