import type * as ort from 'onnxruntime-node';
import { SlimError } from '../base/errors.ts';
import { inferTypes } from '../graph/infer/infer.ts';
import type { ElementType, Model, Tensor } from '../graph/types.ts';
import { writeModel } from '../onnx/write.ts';
import { hasFloat16, hasFloat16Nodes } from '../passes/float32.ts';
import { type EngineCall, explainEngine } from './explain.ts';
import type { DeviceSession, DeviceTensor, Runtime, Session, SessionOptions, Tensors } from './runtime.ts';

/*
 * onnxruntime-node and onnxruntime-web have one interface (onnxruntime-common); what this file makes of it serves both.
 */

/** What tells the engines apart. */
export interface Engine {
  /** Name and version. */
  readonly name: string;
  /** The engine's own classes; each takes tensors of its own class only. */
  readonly InferenceSession: ort.InferenceSessionFactory;
  readonly Tensor: ort.TensorConstructor;
  readonly provider: 'cpu' | 'wasm' | 'webgpu' | 'cuda';
  /** Whether outputs that are given to `run` are written in place. */
  readonly writesInPlace: boolean;
  readonly runOptions?: ort.InferenceSession.RunOptions;
  /** What must have happened before the first session. */
  ready?(): Promise<void>;
}

/** An engine as a runtime. */
export function runtimeOf(engine: Engine): Runtime {
  return { name: engine.name, createSession: (model, options = {}) => createSession(engine, model, options) };
}

/** A session of the engine, and how its errors are told. */
async function openSession(
  engine: Engine,
  model: Model | Uint8Array,
  { threads, plansMemory = true, profile, name }: SessionOptions,
  keeps: readonly string[] = [],
) {
  const [bytes, named] = model instanceof Uint8Array ? [model, ''] : [writeModel(model), model.graph.name];
  const call = { engine: engine.name, model: name ?? (named || 'the model') };
  await engine.ready?.();
  const session = await explained({ ...call, verb: 'load', suspect: () => misfit(model) }, () =>
    engine.InferenceSession.create(bytes, {
      executionProviders: [engine.provider],
      graphOptimizationLevel: optimizationFor(model),
      // Errors are thrown: on stderr they would stand twice.
      logSeverityLevel: SILENT,
      enableMemPattern: plansMemory,
      ...(threads !== undefined && { intraOpNumThreads: threads }),
      ...(profile !== undefined && { enableProfiling: true, profileFilePrefix: profile }),
      ...(keeps.length > 0 && { preferredOutputLocation: Object.fromEntries(keeps.map((key) => [key, 'gpu-buffer'])) }),
    }),
  );
  // For messages only; a session must not keep the weights in memory a second time.
  const source = new WeakRef(model);
  const running = <T>(feeds: Tensors, work: () => Promise<T>) =>
    explained({ ...call, verb: 'run', suspect: () => misfit(source.deref(), feeds) }, work);
  return { session, running };
}

/** A session whose outputs named in `keeps` stay on the device. */
export async function createDeviceSession(
  engine: Engine,
  model: Model,
  keeps: readonly string[],
  options: SessionOptions = {},
): Promise<DeviceSession> {
  const { session, running } = await openSession(engine, model, options, keeps);
  const { toOrt, fromOrt } = tensorsOf(engine);
  const stays = new Set(keeps);
  return {
    run: (feeds, resident = {}) =>
      running(feeds, async () => {
        const given: Record<string, ort.OnnxValue> = {};
        for (const [key, tensor] of Object.entries(feeds)) given[key] = toOrt(tensor);
        for (const [key, tensor] of Object.entries(resident)) given[key] = (tensor as OrtDeviceTensor).value;
        const results = await session.run(given, session.outputNames, engine.runOptions);
        const read: Record<string, Tensor> = {};
        const kept: Record<string, DeviceTensor> = {};
        for (const [key, value] of Object.entries(results)) {
          if (stays.has(key)) kept[key] = new OrtDeviceTensor(value as ort.Tensor);
          else read[key] = fromOrt(key, value);
        }
        return { read, kept };
      }),
    release: () => session.release(),
  };
}

class OrtDeviceTensor implements DeviceTensor {
  readonly value: ort.Tensor;
  constructor(value: ort.Tensor) {
    this.value = value;
  }
  get dims(): readonly number[] {
    return this.value.dims;
  }
  release(): void {
    this.value.dispose();
  }
}

async function createSession(engine: Engine, model: Model | Uint8Array, options: SessionOptions): Promise<Session> {
  const { threads, profile } = options;
  const { session, running } = await openSession(engine, model, options);
  const { toOrt, fromOrt } = tensorsOf(engine);
  return {
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    threads,
    run(feeds, { fetches = {}, outputs = session.outputNames } = {}) {
      return running(feeds, async () => {
        const wanted: Record<string, ort.OnnxValue | null> = {};
        for (const key of outputs) wanted[key] = null;
        for (const [key, tensor] of Object.entries(fetches)) wanted[key] = engine.writesInPlace ? toOrt(tensor) : null;
        const given = Object.fromEntries(Object.entries(feeds).map(([key, tensor]) => [key, toOrt(tensor)]));
        const results = await session.run(given, wanted, engine.runOptions);
        const made: Record<string, Tensor> = {};
        for (const [key, value] of Object.entries(results)) {
          const into = fetches[key];
          if (into !== undefined && !engine.writesInPlace) copyInto(key, into, fromOrt(key, value));
          made[key] = into ?? fromOrt(key, value);
        }
        return made;
      });
    },
    async release() {
      if (profile !== undefined) session.endProfiling();
      await session.release();
    },
  };
}

/**
 * How far the engine may rewrite a graph. At the level "all" onnxruntime 1.30 dies of Transpose → MatMul in float16 on the
 * CPU. Bytes are not looked into.
 */
function optimizationFor(model: Model | Uint8Array): 'extended' | 'all' {
  if (model instanceof Uint8Array || hasFloat16(model.graph)) return 'extended';
  return model.functions?.some(({ nodes }) => hasFloat16Nodes(nodes)) ? 'extended' : 'all';
}

/** `logSeverityLevel` that leaves out errors. */
export const SILENT = 4;

/** The operator of a model whose inputs have shapes that it cannot take, given those of the feeds. */
function misfit(model: Model | Uint8Array | undefined, feeds: Tensors = {}): string | undefined {
  if (model === undefined || model instanceof Uint8Array) return undefined;
  const { graph } = model;
  const inputs = graph.inputs.map(({ name, type }) => {
    const shape = feeds[name]?.dims ?? type.shape;
    return { name, type: { ...type, shape } };
  });
  try {
    inferTypes({ ...graph, inputs });
    return undefined;
  } catch (error) {
    if (error instanceof SlimError) return error.message;
    throw error;
  }
}

async function explained<T>(call: EngineCall, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof SlimError ? error : explainEngine(error, call);
  }
}

/** Conversions between our tensors and an engine's. */
function tensorsOf({ Tensor: OrtTensor }: Engine) {
  /** Wrapped once per tensor: a training step feeds the same buffers thousands of times. */
  const wrapped = new WeakMap<Tensor, ort.Tensor>();
  const toOrt = (tensor: Tensor): ort.Tensor => {
    const known = wrapped.get(tensor);
    if (known) return known;
    const { elementType, data, dims } = tensor;
    const made = new OrtTensor(elementType as ort.Tensor.Type, data as ort.Tensor.DataType, dims);
    wrapped.set(tensor, made);
    return made;
  };
  const fromOrt = (key: string, value: ort.OnnxValue): Tensor => {
    if (!(value instanceof OrtTensor)) throw new SlimError(`output '${key}' is not a tensor`);
    const { type, dims } = value;
    return { elementType: type as ElementType, dims, data: rawHalves(value.data as Tensor['data'], type) };
  };
  return { toOrt, fromOrt };
}

/** Newer JavaScript engines have a Float16Array, which ONNX Runtime then returns; our tensors keep the 16 bits. */
function rawHalves(data: Tensor['data'], type: string): Tensor['data'] {
  if (type !== 'float16' || data instanceof Uint16Array || Array.isArray(data)) return data;
  return new Uint16Array(data.buffer, data.byteOffset, data.length);
}

function copyInto(name: string, into: Tensor, made: Tensor): void {
  if (into.elementType !== made.elementType || into.dims.join() !== made.dims.join()) {
    throw new SlimError(
      `output '${name}' is ${made.elementType} [${made.dims}], the tensor to write it into ${into.elementType} [${into.dims}]`,
    );
  }
  if (Array.isArray(into.data)) into.data.splice(0, into.data.length, ...(made.data as string[]));
  else (into.data as Float32Array).set(made.data as Float32Array);
}
