import { SlimError } from '../base/errors.ts';
import { benchLatency, randomFeeds } from '../bench/latency.ts';
import type { Model } from '../graph/types.ts';
import { type DeviceName, devices } from '../runtime/devices.ts';
import { fixedBatch } from '../slim/batchAxes.ts';
import { dimRoles } from '../slim/dimRoles.ts';
import { smallSizes } from '../verify/randomInputs.ts';

/** Time steps in one run, and turns of each model. */
const STEPS = 30;
const ROUNDS = 3;
/** Milliseconds that all turns together may take on a device, roughly. */
const BUDGET = 15_000;

/** How fast two models are on a device, measured in turn. */
export interface LatencyPair {
  readonly device: DeviceName;
  /** Sequences side by side: 1, unless the model fixes another number. */
  readonly batch: number;
  readonly steps: number;
  /** Medians in milliseconds. */
  readonly before: number;
  readonly after: number;
  /** before / after */
  readonly speedup: number;
}

/** A device on which nothing could be measured, and why. */
export interface Unmeasured {
  readonly device: DeviceName;
  readonly problem: string;
}

/**
 * Times a model and another form of it in turn on a device, on inputs of the same sizes, but for states: 30 time steps of one sequence; free
 * dimensions that are neither batch nor time are small. What cannot run there is no error, but an answer.
 */
export async function latencyPair(
  device: DeviceName,
  before: Model,
  after: Model,
  budget = BUDGET,
): Promise<LatencyPair | Unmeasured> {
  const batch = fixedBatch(before.graph) ?? 1;
  const roles = dimRoles(before.graph);
  const sizes = Object.fromEntries(Object.entries(smallSizes(before.graph)).filter(([name]) => !roles.has(name)));
  try {
    const runtime = await devices[device].load();
    const feeds = randomFeeds({ name: 'the model', model: before }, { batch, steps: STEPS, sizes });
    const contestants = [
      { name: 'the model', model: before, feeds },
      { name: 'the other model', model: after, ...(haveSameInputs(before, after) && { feeds }) },
    ];
    const { threads } = devices[device];
    const options = { runtime, batch, steps: STEPS, rounds: ROUNDS, budget, threads, sizes };
    const [first, second] = await benchLatency(contestants, options);
    const [a, b] = [first!.milliseconds.median, second!.milliseconds.median];
    return { device, batch, steps: STEPS, before: a, after: b, speedup: second!.speedup };
  } catch (error) {
    if (!(error instanceof SlimError)) throw error;
    return { device, problem: error.message };
  }
}

/** Whether what one model runs on is what another does: the states of a smaller one are smaller. */
function haveSameInputs(a: Model, b: Model): boolean {
  const textOf = ({ graph }: Model) => graph.inputs.map(({ name, type }) => `${name} ${type.shape}`).join();
  return textOf(a) === textOf(b);
}
