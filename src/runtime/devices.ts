import { availableParallelism } from 'node:os';
import { UsageError } from '../base/errors.ts';
import { didYouMean } from '../base/suggest.ts';
import { loadCudaRuntime } from './cuda.ts';
import { type DeviceName, deviceNames } from './deviceNames.ts';
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
  cuda: {
    aliases: [],
    about: 'an NVIDIA GPU',
    label: 'CUDA',
    threads: undefined,
    load: loadCudaRuntime,
  },
} as const satisfies Readonly<Record<DeviceName, Device>>;

/** All devices: whoever needs to know one asks here. */
export const devices: Readonly<Record<DeviceName, Device>> = table;

export { type DeviceName, deviceNames };

/** The engine of a device; that of the CPU when none is named. Throws a UsageError that says what it lacks. */
export function runtimeFor(device: DeviceName = 'cpu'): Promise<Runtime> {
  return devices[device].load();
}

/** The device of a name or alias; throws a UsageError that lists the devices, or names the one that is probably meant. */
export function parseDevice(text: string): DeviceName {
  const found = deviceNames.find((name) => name === text || devices[name].aliases.includes(text));
  if (found !== undefined) return found;
  throw new UsageError(`no device '${text}'${didYouMean(text, deviceNames)}; there are: ${deviceNames.join(', ')}`);
}

/** Devices of a list with commas, each once; throws as `parseDevice` does. */
export function parseDevices(text: string): DeviceName[] {
  return [...new Set(text.split(',').map((name) => parseDevice(name.trim())))];
}
