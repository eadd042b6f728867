import { createHash } from 'node:crypto';
import { writeModel } from '../../src/onnx/write.ts';
import type { Runtime, Session } from '../../src/runtime/runtime.ts';

/** A session with those who have it. */
interface Shared {
  readonly session: Promise<Session>;
  users: number;
}

/**
 * A runtime whose sessions serve all that ask for the same model, byte for byte, in the same way: a session remembers
 * nothing of its runs, and tests that train the same graph again and again spend most of their time making them. Keeps
 * as many as `most` that nobody has.
 */
export function sharedSessions(runtime: Runtime, most = 64): Runtime {
  const known = new Map<string, Shared>();

  async function makeRoom(): Promise<void> {
    const idle = [...known].filter(([, { users }]) => users === 0);
    for (const [key, { session }] of idle.slice(0, Math.max(0, idle.length - most))) {
      known.delete(key);
      await (await session).release();
    }
  }

  return {
    name: runtime.name,
    async createSession(model, options = {}) {
      if (options.profile !== undefined) return runtime.createSession(model, options);
      const hash = createHash('sha256').update(JSON.stringify([options, model instanceof Uint8Array]));
      const key = hash.update(model instanceof Uint8Array ? model : writeModel(model)).digest('hex');
      const shared = known.get(key) ?? { session: runtime.createSession(model, options), users: 0 };
      // A map lists its keys in the order in which they were set.
      known.delete(key);
      known.set(key, shared);
      shared.users++;
      const session = await shared.session.catch((error) => {
        known.delete(key);
        throw error;
      });
      let isReleased = false;
      return {
        ...session,
        async release() {
          if (isReleased) return;
          isReleased = true;
          shared.users--;
          await makeRoom();
        },
      };
    },
  };
}
