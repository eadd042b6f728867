import type { Model, Tensor } from '../graph/types.ts';

/** Named tensors that go into or come out of a session. */
export type Tensors = Readonly<Record<string, Tensor>>;

/** A graph that is ready to run. */
export interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /**
   * Runs the graph. Outputs named in `fetches` are written into those tensors without a copy (their sizes must be
   * right, and none may share memory with an input); the others of `outputs` (all by default) are returned as new
   * tensors.
   */
  run(feeds: Tensors, options?: { fetches?: Tensors; outputs?: readonly string[] }): Promise<Record<string, Tensor>>;
  /** Gives the session's memory back. */
  release(): Promise<void>;
}

/** How a session runs. */
export interface SessionOptions {
  /** Threads inside one operator; the runtime's default is one per core. */
  readonly threads?: number | undefined;
  /** Writes a profile of every operator (Chrome trace format) with this file name prefix. */
  readonly profile?: string | undefined;
}

/** An engine that executes models: onnxruntime-node here, onnxruntime-web in a browser. */
export interface Runtime {
  readonly name: string;
  createSession(model: Model | Uint8Array, options?: SessionOptions): Promise<Session>;
}
