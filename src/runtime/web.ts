import { UsageError } from '../base/errors.ts';
import type { Runtime } from './runtime.ts';
import { runtimeOf, SILENT } from './session.ts';

/**
 * ONNX Runtime's WebAssembly engine in browsers and their workers. Its package is loaded here and not before: the part
 * of it that has no GPU, 14 MB instead of 28. There is one thread unless the page is cross-origin isolated.
 */
export function loadWebRuntime(): Promise<Runtime> {
  return webRuntime(import('onnxruntime-web/wasm'));
}

/**
 * The engine that a package gives; throws a UsageError that says how to add the package when it is absent. All sessions
 * share the threads that the first one asks for.
 */
export async function webRuntime(engine: Promise<typeof import('onnxruntime-web')>): Promise<Runtime> {
  const ort = await engine.catch((error: unknown) => {
    throw new UsageError(
      'the device wasm needs the package onnxruntime-web, which cannot be loaded; add it with ' +
        `\`npm install onnxruntime-web\` (${error instanceof Error ? error.message.split('\n')[0] : String(error)})`,
      { cause: error },
    );
  });
  const { wasm } = ort.env;
  const { name, createSession } = runtimeOf({
    name: `onnxruntime-web ${ort.env.versions.web ?? ''} (wasm)`.replace('  ', ' '),
    InferenceSession: ort.InferenceSession,
    Tensor: ort.Tensor,
    provider: 'wasm',
    // It takes tensors for its outputs, but leaves them as they are (1.30).
    writesInPlace: false,
    runOptions: { logSeverityLevel: SILENT },
  });
  return {
    name,
    async createSession(model, options = {}) {
      const { threads, profile, ...others } = options;
      if (profile !== undefined) throw new UsageError(`${name} writes no profile; take onnxruntime-node`);
      if (asked === undefined) {
        asked = threads ?? 'default';
        if (threads !== undefined) wasm.numThreads = threads;
        // A worker that runs the engine would copy every input and output.
        wasm.proxy = false;
      } else if (threads !== undefined && threads !== asked && threads !== wasm.numThreads) {
        throw new UsageError(
          `${name} has ${wasm.numThreads} threads since its first session, and cannot run with ${threads} in the ` +
            'same process; use one number of threads, or a new process',
        );
      }
      const session = await createSession(model, others);
      return { ...session, threads: wasm.numThreads };
    },
  };
}

/** Threads that the first session asked for: one module, one memory, one set of threads in a process. */
let asked: number | 'default' | undefined;
