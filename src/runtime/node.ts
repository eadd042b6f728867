import * as ort from './nodeEngine.ts';
import { runtimeOf } from './session.ts';
import { telemetryOff } from './telemetry.ts';

/** ONNX Runtime's native CPU engine in Node. */
export const nodeRuntime = runtimeOf({
  name: `onnxruntime-node ${ort.env.versions.node ?? ''}`.trim(),
  InferenceSession: ort.InferenceSession,
  Tensor: ort.Tensor,
  provider: 'cpu',
  writesInPlace: true,
  ready: telemetryOff,
});
