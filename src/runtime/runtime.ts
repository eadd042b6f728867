import type { Model, Tensor } from '../graph/types.ts';

/** Named tensors that go into or come out of a session. */
export type Tensors = Readonly<Record<string, Tensor>>;

/** A graph that is ready to run. */
export interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Threads inside one operator; undefined where the engine chose by itself and does not tell. */
  readonly threads: number | undefined;
  /**
   * Runs the graph. Outputs named in `fetches` are written into those tensors (their sizes must be right, and none may
   * share memory with an input); the others of `outputs` (all by default) are returned as new tensors. Throws an
   * EngineError that names the model and the operator that failed.
   */
  run(feeds: Tensors, options?: { fetches?: Tensors; outputs?: readonly string[] }): Promise<Record<string, Tensor>>;
  /** Gives the session's memory back. */
  release(): Promise<void>;
}

/** How a session runs. */
export interface SessionOptions {
  /** Threads inside one operator; the runtime's default is one per core. */
  readonly threads?: number | undefined;
  /**
   * Whether the engine, after a first run, lays out one block for all values of a run with inputs of these sizes, beside the
   * memory that the first run took and that it keeps. True by default.
   */
  readonly plansMemory?: boolean | undefined;
  /** What messages call the model; the name of its graph by default. */
  readonly name?: string | undefined;
  /** Writes a profile of every operator (Chrome trace format) with this file name prefix. */
  readonly profile?: string | undefined;
}

/** A tensor in a device's own memory: sessions of the runtime that made it take it as a feed. */
export interface DeviceTensor {
  readonly dims: readonly number[];
  /** Gives its memory back. */
  release(): void;
}

/** Tensors on a device, by name. */
export type DeviceTensors = Readonly<Record<string, DeviceTensor>>;

/** A graph some of whose outputs stay in the device's memory. */
export interface DeviceSession {
  /**
   * Runs the graph on what is on the device and what is brought there. `kept` are the outputs that stay, new ones at every
   * run and the caller's to release; `read` are the others. Throws an EngineError as a `Session` does.
   */
  run(
    feeds: Tensors,
    resident?: DeviceTensors,
  ): Promise<{ read: Record<string, Tensor>; kept: Record<string, DeviceTensor> }>;
  release(): Promise<void>;
}

/** An engine that executes models on a device (`devices.ts`). */
export interface Runtime {
  /** Name and version. */
  readonly name: string;
  /** Throws an EngineError that names the model, and the operator where the engine does, when it refuses the model. */
  createSession(model: Model | Uint8Array, options?: SessionOptions): Promise<Session>;
  /** Whether its memory is not the machine's: what goes into a session and comes out of it is moved. */
  readonly movesTensors?: boolean | undefined;
  /** Tensors that stay in that memory, where the engine can leave them there. */
  readonly deviceMemory?: DeviceMemory | undefined;
}

/** A device's own memory, in which tensors stay from run to run. */
export interface DeviceMemory {
  /** As `createSession`, for a graph whose outputs named in `keeps` stay on the device. */
  createSession(model: Model, keeps: readonly string[], options?: SessionOptions): Promise<DeviceSession>;
  /** Operators of a graph that run elsewhere, because the device has none of them: run once on these feeds to find out. */
  strangers(model: Model, feeds: Tensors): Promise<string[]>;
}
