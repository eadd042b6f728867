import { SlimError } from '../base/errors.ts';

/** An engine refuses a model, or fails while it runs one; the message names the model and, where known, the operator. */
export class EngineError extends SlimError {
  override readonly name: string = 'EngineError';
}

/** What an engine was asked to do. */
export interface EngineCall {
  /** The engine's name and version. */
  readonly engine: string;
  /** What messages call the model. */
  readonly model: string;
  readonly verb: 'load' | 'run';
  /** Finds the operator that does not fit, for engines that do not say which it is. */
  readonly suspect: () => string | undefined;
}

/**
 * How engines name the operator that fails, each with the groups `op`, `name` and `reason`: while it runs, while its
 * shapes are checked, and while the graph is resolved.
 */
const namings: readonly RegExp[] = [
  /while running (?<op>\S+) node\. Name:'(?<name>[^']*)' Status Message: (?<reason>.*)/s,
  /^Node \((?<name>[^)]*)\) Op \((?<op>\w+)\) (?<reason>.*)/s,
  /In Node, \("(?<name>[^"]*)", (?<op>\w+), .*?, Error (?<reason>.*)/s,
];

/** An engine's error as an EngineError: `lstm.onnx: onnxruntime-node 1.30.0 cannot run LSTM 'lstm_0': …`. */
export function explainEngine(error: unknown, { engine, model, verb, suspect }: EngineCall): EngineError {
  const message = error instanceof Error ? error.message : String(error);
  // What onnxruntime-web puts in front: `failed to call OrtRun(). ERROR_CODE: 2, ERROR_MESSAGE: `.
  const text = message.replace(/^.*?ERROR_CODE: \d+, ERROR_MESSAGE: /s, '');
  const found = namings.map((pattern) => pattern.exec(text)?.groups).find((groups) => groups !== undefined);
  const what = found ? `${found.op}${found.name ? ` '${found.name}'` : ''}` : 'the model';
  // Without the engine's own source line and function: `matmul_helper.h:59 Compute `, `void onnxruntime::Init(int) `.
  const reason = (found?.reason ?? text)
    .replace(/^\S+\.(?:cc|h):\d+ (?:[A-Z]\w* )?/, '')
    .replace(/^(?:[\w:<>&*]+ )*?onnxruntime::[^(]*\([^)]*\)(?: const)?(?: \[.*?\])? /, '')
    .replace(/\s+/g, ' ')
    .trim();
  const suspected = found ? undefined : suspect();
  return new EngineError(`${model}: ${engine} cannot ${verb} ${what}: ${reason}${suspected ? ` (${suspected})` : ''}`, {
    cause: error,
  });
}
