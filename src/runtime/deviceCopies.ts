import { GraphBuilder } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { identity } from '../graph/ops.ts';
import type { Tensor } from '../graph/types.ts';
import type { DeviceMemory, DeviceSession, DeviceTensors, Tensors } from './runtime.ts';

/** Brings float32 tensors to a device and back. */
export interface DeviceCopies {
  upload(tensors: Tensors): Promise<DeviceTensors>;
  download(tensors: DeviceTensors): Promise<Tensors>;
  /** Gives the sessions back; what was brought stays. */
  release(): Promise<void>;
}

/**
 * Copies to and from a device by graphs that hand on what they get: engines offer no other way for all devices. One graph
 * serves all sets of tensors of the same names and sizes.
 */
export function deviceCopies(device: DeviceMemory): DeviceCopies {
  const sessions = new Map<string, Promise<DeviceSession>>();
  const sessionFor = (tensors: Readonly<Record<string, Pick<Tensor, 'dims'>>>, stays: boolean) => {
    const entries = Object.entries(tensors);
    const key = `${stays} ${entries.map(([name, { dims }]) => `${name} [${dims}]`).join(' ')}`;
    const known = sessions.get(key);
    if (known) return known;
    const b = new GraphBuilder('copy');
    const names = entries.map(([name, { dims }], i) => {
      const value = identity(b.input(name, 'float32', dims));
      b.output(value, `copy/${i}`);
      return `copy/${i}`;
    });
    const made = device.createSession(modelOf(b.build()), stays ? names : []);
    sessions.set(key, made);
    return made;
  };
  /** The results under the names of what was copied. */
  const named = <T>(tensors: Readonly<Record<string, unknown>>, results: Readonly<Record<string, T>>) =>
    Object.fromEntries(Object.keys(tensors).map((name, i) => [name, results[`copy/${i}`]!]));
  return {
    upload: async (tensors) => named(tensors, (await (await sessionFor(tensors, true)).run(tensors)).kept),
    download: async (tensors) => named(tensors, (await (await sessionFor(tensors, false)).run({}, tensors)).read),
    async release() {
      for (const session of sessions.values()) await (await session).release();
      sessions.clear();
    },
  };
}
