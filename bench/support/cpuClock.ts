import type { Runtime } from '../../src/runtime/runtime.ts';

/** A runtime whose runs are timed by the processor's clock. */
export interface CpuClock {
  readonly runtime: Runtime;
  /** Milliseconds of processor time of every run so far, of all threads together, by the name of the session. */
  readonly times: ReadonlyMap<string, readonly number[]>;
}

/**
 * Times runs by the time that this process had a processor, which other processes do not lengthen as they do the
 * time on the wall. It takes sessions that run one at a time, each with a name of its own.
 */
export function cpuClock(runtime: Runtime): CpuClock {
  const times = new Map<string, number[]>();
  const createSession: Runtime['createSession'] = async (model, options = {}) => {
    const session = await runtime.createSession(model, options);
    const own: number[] = [];
    times.set(options.name ?? '', own);
    return {
      ...session,
      async run(feeds, rest) {
        const start = process.cpuUsage();
        const outputs = await session.run(feeds, rest);
        const { user, system } = process.cpuUsage(start);
        own.push((user + system) / 1000);
        return outputs;
      },
    };
  };
  return { runtime: { name: runtime.name, createSession }, times };
}
