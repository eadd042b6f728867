import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeRuntime } from '../../src/runtime/node.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { type TrainConfig, trainingSteps } from './trainingStep.ts';

/** Where the time of a step goes. */
export interface StepProfile {
  /** Milliseconds of a step with the engine's profiler at work, and of what is done outside the graph. */
  readonly whole: number;
  readonly update: number;
  /** Milliseconds of a step in each operator, those inside loops included, the slowest first. */
  readonly operators: readonly { readonly op: string; readonly milliseconds: number; readonly calls: number }[];
  /** What loops take beside the operators in them. */
  readonly loops: number;
}

/** One entry of the engine's profile, as far as it counts here; times are in microseconds. */
interface ProfileEvent {
  readonly cat: string;
  readonly name: string;
  readonly ts: number;
  readonly dur: number;
  readonly args?: { readonly op_name?: string };
}

/** Steps that are not counted: the first ones lay out memory. */
const WARM = 3;

/** Profiles steps of a language model of so many words by operator. */
export async function profileStep(
  config: TrainConfig,
  { words, threads, steps }: { readonly words: number; readonly threads: number | undefined; readonly steps: number },
): Promise<StepProfile> {
  const folder = mkdtempSync(join(tmpdir(), 'slimrnn-profile-'));
  const runtime: Runtime = {
    name: nodeRuntime.name,
    createSession: (model, options) => nodeRuntime.createSession(model, { ...options, profile: join(folder, 'step') }),
  };
  try {
    const training = await trainingSteps(config, words, { runtime, threads });
    for (let i = 0; i < WARM; i++) await training.step();
    let [whole, update] = [0, 0];
    for (let i = 0; i < steps; i++) {
      const step = await training.step();
      whole += step.whole / steps;
      update += step.update / steps;
    }
    await training.release();
    const [file] = readdirSync(folder);
    const events = JSON.parse(readFileSync(join(folder, file!), 'utf8')) as ProfileEvent[];
    return { whole, update, ...byOperator(events, steps) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Sums up the last steps of a profile. */
function byOperator(events: readonly ProfileEvent[], steps: number) {
  const runs = events.filter(({ name }) => name === 'model_run').sort((a, b) => a.ts - b.ts);
  const from = runs.at(-steps)!.ts;
  const kernels = events.filter(({ cat, name, ts }) => cat === 'Node' && name.endsWith('_kernel_time') && ts >= from);
  const sums = new Map<string, { milliseconds: number; calls: number }>();
  let loops = 0;
  for (const { op_name: op, dur } of kernels.map(({ args, dur }) => ({ ...args, dur }))) {
    if (op === undefined) continue;
    const sum = sums.get(op) ?? { milliseconds: 0, calls: 0 };
    sums.set(op, { milliseconds: sum.milliseconds + dur / 1000 / steps, calls: sum.calls + 1 / steps });
  }
  // A loop's time has that of its operators, which stand in the profile, too.
  for (const loop of kernels.filter(({ args }) => args?.op_name === 'Scan')) {
    const isInside = (event: ProfileEvent) =>
      event !== loop && event.ts >= loop.ts && event.ts + event.dur <= loop.ts + loop.dur;
    loops += (loop.dur - kernels.reduce((sum, event) => sum + (isInside(event) ? event.dur : 0), 0)) / 1000 / steps;
  }
  sums.delete('Scan');
  const operators = [...sums].map(([op, sum]) => ({ op, ...sum }));
  return { loops, operators: operators.sort((a, b) => b.milliseconds - a.milliseconds) };
}
