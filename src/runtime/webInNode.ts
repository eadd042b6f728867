import type { Runtime } from './runtime.ts';
import { webRuntime } from './web.ts';

/**
 * ONNX Runtime's WebAssembly engine in Node, as browsers have it. It is the entry of onnxruntime-web that reads its
 * WebAssembly from the disk; throws a UsageError that says how to add the package when it is absent.
 */
export function loadWebRuntime(): Promise<Runtime> {
  return webRuntime(import('onnxruntime-web'));
}
