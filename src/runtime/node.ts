import { createRequire } from 'node:module';
import type { Runtime } from './runtime.ts';
// At once, and not only when the engine is loaded: a worker thread may be the first that needs it.
import './telemetry.ts';

let engine: Promise<Runtime> | undefined;

/** The engine itself takes as long to load as all the rest: it comes with the first session. */
async function load(): Promise<Runtime> {
  const [ort, { runtimeOf }, { telemetryOff }] = await Promise.all([
    import('./nodeEngine.ts'),
    import('./session.ts'),
    import('./telemetry.ts'),
  ]);
  const { InferenceSession, Tensor } = ort;
  const { name } = nodeRuntime;
  return runtimeOf({ name, InferenceSession, Tensor, provider: 'cpu', writesInPlace: true, ready: telemetryOff });
}

/** ONNX Runtime's native CPU engine in Node, which is loaded with the first session. */
export const nodeRuntime: Runtime = {
  get name() {
    return `onnxruntime-node ${engineVersion()}`.trim();
  },
  async createSession(model, options) {
    engine ??= load();
    return (await engine).createSession(model, options);
  },
};

/** Version of the engine as it is installed; empty in an application that it was put into. */
function engineVersion(): string {
  try {
    return (createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }).version;
  } catch {
    return '';
  }
}
