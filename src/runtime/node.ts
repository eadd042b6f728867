import * as ort from 'onnxruntime-node';
import type { Runtime } from './runtime.ts';
import { createSession, type Engine } from './session.ts';

const engine: Engine = {
  name: `onnxruntime-node ${ort.env.versions.node ?? ''}`.trim(),
  InferenceSession: ort.InferenceSession,
  Tensor: ort.Tensor,
  provider: 'cpu',
  writesInPlace: true,
  runOptions: {},
};

/** ONNX Runtime's native CPU engine in Node. */
export const nodeRuntime: Runtime = {
  name: engine.name,
  createSession: (model, options = {}) => createSession(engine, model, options),
};
