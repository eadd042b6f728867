import { SlimError } from '../../../base/errors.ts';
import type { Runtime } from '../../../runtime/runtime.ts';
import { loadWebRuntime } from '../../../runtime/web.ts';
import { messageOf } from '../../shared/problem.tsx';

/** Milliseconds that a worker may be deaf to the page. */
const DEAF = 100;

/** The engine, its WebAssembly beside the script; one thread where the page is not cross-origin isolated. */
export async function workerRuntime(): Promise<Runtime> {
  const { env } = await import('onnxruntime-web/wasm');
  env.wasm.wasmPaths = { wasm: new URL('ort-wasm-simd-threaded.wasm', import.meta.url).href };
  return listening(await loadWebRuntime());
}

/** With pauses in which messages arrive: the engine works synchronously, and many runs would be a single task. */
function listening(runtime: Runtime): Runtime {
  let heard = performance.now();
  return {
    ...runtime,
    async createSession(model, options) {
      const session = await runtime.createSession(model, options);
      return {
        ...session,
        async run(feeds, how) {
          const made = await session.run(feeds, how);
          if (performance.now() - heard > DEAF) {
            await nextTask();
            heard = performance.now();
          }
          return made;
        },
      };
    },
  };
}

/** Resolves in a task of its own, at once; timers would wait for milliseconds. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/** An error as a sentence for the person at the page. */
export function inWords(error: unknown): string {
  if (error instanceof SlimError) return error.message;
  const message = messageOf(error);
  // JavaScript's arrays, the memory of WebAssembly, and the engine's C++ each say it in their own way.
  if (error instanceof RangeError || /out of memory|bad_alloc|failed to allocate|\bOOM\b/i.test(message)) {
    return `there is not enough memory in this tab: choose smaller sizes (${message})`;
  }
  return `unexpected error: ${message}`;
}
