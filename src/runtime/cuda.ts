import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { UsageError } from '../base/errors.ts';
import { gpuEngine } from './gpuEngine.ts';
import type { Runtime } from './runtime.ts';
import { runtimeOf } from './session.ts';
import { requireSession } from './trialSession.ts';

/**
 * ONNX Runtime on an NVIDIA GPU in Node (Linux, x64). What goes in and out of a session lies in the machine's memory: the
 * engine's binding for Node keeps nothing on this device. Throws a UsageError where its libraries or a GPU are missing.
 */
export async function loadCudaRuntime(): Promise<Runtime> {
  const engine = await gpuEngine('cuda', 'CUDA');
  const { listSupportedBackends } = await import('./nodeEngine.ts');
  if (!listSupportedBackends().some(({ name }) => name === 'cuda')) {
    throw new UsageError('the device cuda is there on Linux (x64) only, as far as onnxruntime-node goes; see webgpu');
  }
  const needs =
    'the device cuda needs an NVIDIA GPU with its driver, CUDA 12 and cuDNN 9, and ' +
    "onnxruntime-node's libraries for them, which its own install script fetches " +
    '(node node_modules/onnxruntime-node/script/install.js --onnxruntime-node-install=cuda12)';
  // Asked for a library that it lacks, the engine writes of it on stderr, too.
  if (!hasLibraries()) throw new UsageError(`${needs}; these are not there`);
  const runtime: Runtime = { ...runtimeOf(engine), movesTensors: true };
  await requireSession(runtime, needs);
  return runtime;
}

/** Whether the engine's package has the libraries for CUDA; taken for granted where nobody can tell. */
function hasLibraries(): boolean {
  try {
    const root = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
    const found = readdirSync(join(root, 'bin'), { recursive: true, encoding: 'utf8' });
    return found.some((path) => path.endsWith('onnxruntime_providers_cuda.so'));
  } catch {
    return true;
  }
}
