import type { Engine } from './session.ts';
import { telemetryOff } from './telemetry.ts';

/** The native engine in Node with a GPU's provider, which messages call by `label`. */
export async function gpuEngine(provider: 'webgpu' | 'cuda', label: string): Promise<Engine> {
  const { env, InferenceSession, Tensor } = await import('./nodeEngine.ts');
  const name = `onnxruntime-node ${env.versions.node ?? ''} (${label})`.replace('  ', ' ');
  return { name, InferenceSession, Tensor, provider, writesInPlace: true, ready: telemetryOff };
}
