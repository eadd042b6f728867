import type { Model, Tensor } from '../../src/graph/types.ts';
import type { DeviceMemory, DeviceTensor, Runtime, Tensors } from '../../src/runtime/runtime.ts';

/*
 * For tests: a device with a memory of its own on an engine that has none, which notices what real ones do not tell.
 */

class PlainTensor implements DeviceTensor {
  readonly tensor: Tensor;
  private readonly living: Set<PlainTensor>;
  constructor(tensor: Tensor, living: Set<PlainTensor>) {
    this.tensor = tensor;
    this.living = living;
    living.add(this);
  }
  get dims(): readonly number[] {
    return this.tensor.dims;
  }
  get isThere(): boolean {
    return this.living.has(this);
  }
  release(): void {
    if (!this.living.delete(this)) throw new Error('released twice');
  }
}

/** A runtime with a device's memory. */
export interface PlainDevice extends Runtime {
  /** Tensors that are on the device now. */
  readonly living: ReadonlySet<DeviceTensor>;
  /** Bytes that went there, and came back, since it was made. */
  readonly moved: { there: number; back: number };
}

/** A device on which the graphs of an engine run; `strangers` are what it says that it has no operators for. */
export function plainDevice(engine: Runtime, strangers: readonly string[] = []): PlainDevice {
  const living = new Set<PlainTensor>();
  const moved = { there: 0, back: 0 };
  const deviceMemory: DeviceMemory = {
    async createSession(model, keeps, options) {
      const session = await engine.createSession(model, options);
      return {
        async run(feeds, resident = {}) {
          const there = Object.entries(resident).map(([name, tensor]) => {
            if (!(tensor as PlainTensor).isThere) throw new Error(`'${name}' was released`);
            return [name, (tensor as PlainTensor).tensor] as const;
          });
          moved.there += bytesOf(feeds);
          const made = Object.entries(await session.run({ ...feeds, ...Object.fromEntries(there) }));
          const kept = made.filter(([name]) => keeps.includes(name));
          const read = Object.fromEntries(made.filter(([name]) => !keeps.includes(name)));
          moved.back += bytesOf(read);
          return { read, kept: Object.fromEntries(kept.map(([name, t]) => [name, new PlainTensor(t, living)])) };
        },
        release: () => session.release(),
      };
    },
    strangers: async (_model: Model, _feeds: Tensors) => [...strangers],
  };
  return { name: engine.name, createSession: engine.createSession, movesTensors: true, deviceMemory, living, moved };
}

function bytesOf(tensors: Tensors): number {
  return Object.values(tensors).reduce((sum, { data }) => sum + 4 * data.length, 0);
}
