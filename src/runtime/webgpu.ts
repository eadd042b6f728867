import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SlimError, UsageError } from '../base/errors.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import type { Model } from '../graph/types.ts';
import type { Runtime, Tensors } from './runtime.ts';
import { createDeviceSession, type Engine, runtimeOf } from './session.ts';
import { telemetryOff } from './telemetry.ts';

/**
 * ONNX Runtime on a GPU in Node: Vulkan on Linux, Direct3D 12 on Windows, Metal on macOS. What the GPU has no operator
 * for runs on the CPU. An index that is out of range is no error there. Throws a UsageError where there is no GPU that it
 * can use.
 */
export async function loadWebGpuRuntime(): Promise<Runtime> {
  const ort = await import('./nodeEngine.ts');
  const engine: Engine = {
    name: `onnxruntime-node ${ort.env.versions.node ?? ''} (WebGPU)`.replace('  ', ' '),
    InferenceSession: ort.InferenceSession,
    Tensor: ort.Tensor,
    provider: 'webgpu',
    writesInPlace: true,
    ready: telemetryOff,
  };
  const plain = runtimeOf(engine);
  const runtime: Runtime = {
    ...plain,
    deviceMemory: {
      createSession: (model, keeps, options) => createDeviceSession(engine, model, keeps, options),
      strangers: (model, feeds) => strangers(plain, model, feeds),
    },
  };
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

/** What an engine writes of an operator that it ran. */
interface ProfiledNode {
  readonly cat: string;
  readonly name: string;
  readonly args: { readonly op_name?: string; readonly provider?: string };
}

/** Operators that a run of a graph leaves to the CPU, as the engine's own profile says. */
async function strangers(runtime: Runtime, model: Model, feeds: Tensors): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'slimrnn-profile-'));
  try {
    const session = await runtime.createSession(model, { profile: join(folder, 'run') });
    try {
      await session.run(feeds);
    } finally {
      await session.release();
    }
    const names = new Set<string>();
    for (const file of await readdir(folder)) {
      const events = JSON.parse(await readFile(join(folder, file), 'utf8')) as readonly ProfiledNode[];
      for (const { cat, args } of events) {
        if (cat === 'Node' && args.provider === 'CPUExecutionProvider') names.add(args.op_name ?? '?');
      }
    }
    return [...names].sort();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
