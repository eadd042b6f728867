import { createRequire } from 'node:module';
import type * as Engine from 'onnxruntime-node';

/*
 * Loaded before the command line of a build (`node --import`): lets its training go on only when the parent gives it a
 * turn, and tells how long each update took. It needs nothing of the build but that it runs the engine once an update.
 */

/** What the parent sends: go on for so many updates. */
export interface Turn {
  readonly updates: number;
}

/** Milliseconds from the start of an update to that of the next one. */
export interface UpdateTime {
  readonly wall: number;
  /** CPU time of the whole process: other processes that want the core do not count. */
  readonly cpu: number;
}

/** What it gets back. */
export interface TurnDone {
  readonly updates: readonly UpdateTime[];
}

// As the builds do, which may be older than this.
process.env.ORT_DISABLE_TELEMETRY ??= '1';
const { InferenceSession }: typeof Engine = createRequire(process.argv[1]!)('onnxruntime-node');
const create = InferenceSession.create.bind(InferenceSession);

let left = 0;
let begun: UpdateTime | undefined;
let updates: UpdateTime[] = [];
let resume: (() => void) | undefined;

process.on('message', (turn: Turn) => {
  left = turn.updates;
  resume?.();
});
// A command that fails shall end, and not wait for the parent.
process.channel?.unref();

Object.assign(InferenceSession, {
  async create(model: Uint8Array, options: Engine.InferenceSession.SessionOptions) {
    const session = await create(model, options);
    const run = session.run.bind(session);
    return Object.assign(session, {
      async run(...call: Parameters<typeof run>) {
        await beforeUpdate();
        return run(...call);
      },
    });
  },
});

async function beforeUpdate(): Promise<void> {
  if (begun !== undefined) {
    const { wall, cpu } = clocks();
    updates.push({ wall: wall - begun.wall, cpu: cpu - begun.cpu });
  }
  if (left === 0) {
    process.send?.({ updates } satisfies TurnDone);
    updates = [];
    process.channel?.ref();
    await new Promise<void>((resolve) => {
      resume = resolve;
    });
    process.channel?.unref();
  }
  left--;
  begun = clocks();
}

function clocks(): UpdateTime {
  const { user, system } = process.cpuUsage();
  return { wall: performance.now(), cpu: (user + system) / 1e3 };
}
