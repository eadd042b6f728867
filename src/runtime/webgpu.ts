import { SlimError, UsageError } from '../base/errors.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import type { Runtime } from './runtime.ts';
import { runtimeOf } from './session.ts';
import { telemetryOff } from './telemetry.ts';

/**
 * ONNX Runtime on a GPU in Node: Vulkan on Linux, Direct3D 12 on Windows, Metal on macOS. What the GPU has no operator
 * for runs on the CPU. An index that is out of range is no error there. Throws a UsageError where there is no GPU that it
 * can use.
 */
export async function loadWebGpuRuntime(): Promise<Runtime> {
  const ort = await import('./nodeEngine.ts');
  const runtime = runtimeOf({
    name: `onnxruntime-node ${ort.env.versions.node ?? ''} (WebGPU)`.replace('  ', ' '),
    InferenceSession: ort.InferenceSession,
    Tensor: ort.Tensor,
    provider: 'webgpu',
    writesInPlace: true,
    ready: telemetryOff,
  });
  const b = new GraphBuilder('trial');
  b.output(b.input('x', 'float32', [1]), 'y');
  try {
    // The engine looks for a GPU when it makes its first session.
    await (await runtime.createSession(modelOf(b.build()))).release();
    return runtime;
  } catch (error) {
    if (!(error instanceof SlimError)) throw error;
    // The engine quotes the condition that failed before it says what that means.
    const reason = error.message.split(' was false. ').at(-1)!;
    throw new UsageError(
      'the device webgpu needs a GPU and its driver for Vulkan (Linux), Direct3D 12 (Windows) or Metal (macOS): ' +
        `${runtime.name} says: ${reason}`,
      { cause: error },
    );
  }
}
