import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Model } from '../graph/types.ts';
import { gpuEngine } from './gpuEngine.ts';
import type { Runtime, Tensors } from './runtime.ts';
import { createDeviceSession, runtimeOf } from './session.ts';
import { requireSession } from './trialSession.ts';

/**
 * ONNX Runtime on a GPU in Node: Vulkan on Linux, Direct3D 12 on Windows, Metal on macOS. What the GPU has no operator
 * for runs on the CPU. An index that is out of range is no error there. Throws a UsageError where there is no GPU that it
 * can use.
 */
export async function loadWebGpuRuntime(): Promise<Runtime> {
  const engine = await gpuEngine('webgpu', 'WebGPU');
  const plain = runtimeOf(engine);
  const runtime: Runtime = {
    ...plain,
    movesTensors: true,
    deviceMemory: {
      createSession: (model, keeps, options) => createDeviceSession(engine, model, keeps, options),
      strangers: (model, feeds) => strangers(plain, model, feeds),
    },
  };
  await requireSession(
    runtime,
    'the device webgpu needs a GPU and its driver for Vulkan (Linux), Direct3D 12 (Windows) or Metal (macOS)',
  );
  return runtime;
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
