import * as ort from 'onnxruntime-node';
import { SlimError } from '../errors.ts';
import type { ElementType, Model, Tensor } from '../graph/types.ts';
import { writeModel } from '../onnx/write.ts';
import type { Runtime, Session, SessionOptions, Tensors } from './runtime.ts';

/** ONNX Runtime's native CPU engine in Node. */
export const nodeRuntime: Runtime = { name: `onnxruntime-node ${ort.env.versions.node ?? ''}`.trim(), createSession };

async function createSession(model: Model | Uint8Array, options: SessionOptions = {}): Promise<Session> {
  const bytes = model instanceof Uint8Array ? model : writeModel(model);
  const session = await createOrExplain(bytes, {
    executionProviders: ['cpu'],
    logSeverityLevel: 3,
    ...(options.threads !== undefined && { intraOpNumThreads: options.threads }),
    ...(options.profile !== undefined && { enableProfiling: true, profileFilePrefix: options.profile }),
  });
  return {
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    async run(feeds, { fetches = {}, outputs = session.outputNames } = {}) {
      const wanted: Record<string, ort.OnnxValue | null> = {};
      for (const name of outputs) wanted[name] = null;
      for (const [name, tensor] of Object.entries(fetches)) wanted[name] = toOrt(tensor);
      const results = await session.run(toOrtAll(feeds), wanted);
      const made: Record<string, Tensor> = {};
      for (const [name, value] of Object.entries(results)) made[name] = fetches[name] ?? fromOrt(name, value);
      return made;
    },
    async release() {
      if (options.profile !== undefined) session.endProfiling();
      await session.release();
    },
  };
}

async function createOrExplain(bytes: Uint8Array, options: ort.InferenceSession.SessionOptions) {
  try {
    return await ort.InferenceSession.create(bytes, options);
  } catch (error) {
    throw new SlimError(`ONNX Runtime refuses the model: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Wrapped once per tensor: a training step feeds the same buffers thousands of times. */
const wrapped = new WeakMap<Tensor, ort.Tensor>();

function toOrt(tensor: Tensor): ort.Tensor {
  const known = wrapped.get(tensor);
  if (known) return known;
  const made = new ort.Tensor(tensor.elementType as ort.Tensor.Type, tensor.data as ort.Tensor.DataType, tensor.dims);
  wrapped.set(tensor, made);
  return made;
}

function toOrtAll(tensors: Tensors): Record<string, ort.Tensor> {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, toOrt(tensor)]));
}

function fromOrt(name: string, value: ort.OnnxValue): Tensor {
  if (!(value instanceof ort.Tensor)) throw new SlimError(`output '${name}' is not a tensor`);
  return { elementType: value.type as ElementType, dims: value.dims, data: value.data as Tensor['data'] };
}
