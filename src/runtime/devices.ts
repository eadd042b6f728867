import { availableParallelism } from 'node:os';
import { UsageError } from '../base/errors.ts';
import { didYouMean } from '../base/suggest.ts';
import { nodeRuntime } from './node.ts';
import type { Runtime } from './runtime.ts';
import { loadWebGpuRuntime } from './webgpu.ts';
import { loadWebRuntime } from './webInNode.ts';

/** What can execute models. */
export interface Device {
  /** Other names that the command line takes. */
  readonly aliases: readonly string[];
  /** A few words for the help. */
  readonly about: string;
  /** What a report calls it. */
  readonly label: string;
  /** Threads to time models with when nobody says; undefined where the engine chooses, and tells, or has none. */
  readonly threads: number | undefined;
  /** Its engine. Throws a UsageError that says what is missing: a package, a driver. */
  load(): Promise<Runtime>;
}

const table = {
  cpu: {
    aliases: ['node'],
    about: 'native code',
    label: 'native',
    threads: availableParallelism(),
    load: async () => nodeRuntime,
  },
  wasm: {
    aliases: ['web'],
    about: 'WebAssembly, as in browsers',
    label: 'WebAssembly',
    threads: undefined,
    load: loadWebRuntime,
  },
  webgpu: {
    aliases: [],
    about: 'a GPU by Vulkan, Direct3D or Metal',
    label: 'WebGPU',
    threads: undefined,
    load: loadWebGpuRuntime,
  },
} as const satisfies Readonly<Record<string, Device>>;

/** Short name of a device, as the command line takes it. */
export type DeviceName = keyof typeof table;

/** All devices: whoever needs to know one asks here. */
export const devices: Readonly<Record<DeviceName, Device>> = table;

/** Names of the devices. */
export const deviceNames = Object.keys(table) as DeviceName[];

/** The device of a name or alias; throws a UsageError that lists the devices, or names the one that is probably meant. */
export function parseDevice(text: string): DeviceName {
  const found = deviceNames.find((name) => name === text || devices[name].aliases.includes(text));
  if (found !== undefined) return found;
  throw new UsageError(`no device '${text}'${didYouMean(text, deviceNames)}; there are: ${deviceNames.join(', ')}`);
}
