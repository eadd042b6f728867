/*
 * slimrnn in a browser or a worker: what needs no Node. This file only re-exports.
 */

export { SlimError, UsageError } from './base/errors.ts';
export { benchLatency, type Contestant, type Latency, type LatencyOptions } from './bench/latency.ts';
export { type Corpus, type CorpusOptions, makeCorpus } from './data/makeCorpus.ts';
export { tokenizeProse } from './data/tokens.ts';
export { buildVocabulary, encode, type Vocabulary } from './data/vocabulary.ts';
export { modelOf } from './graph/model.ts';
export { statesOf } from './graph/states.ts';
export type * from './graph/types.ts';
export { describeModel, type LayerSummary, type ModelSummary } from './inspect/describe.ts';
export { type LanguageModelOptions, LOGITS, languageModel, TOKENS } from './models/languageModel.ts';
export { readModel } from './onnx/read.ts';
export { writeModel } from './onnx/write.ts';
export { withoutDropout } from './passes/withoutDropout.ts';
export type { Checkpoint, EpochMetrics } from './runs/checkpoint.ts';
export type { Runtime, Session, SessionOptions, Tensors } from './runtime/runtime.ts';
export { loadWebRuntime } from './runtime/web.ts';
export { type Shrunk, shrinkZeros } from './slim/shrink.ts';
export { freshModel } from './tasks/language-model/freshModel.ts';
export { textWindows } from './tasks/language-model/textWindows.ts';
export { checkConfig, type TrainConfig } from './train/config.ts';
export { createEvaluator, type Evaluator } from './train/evaluate.ts';
export { InterruptedError } from './train/interrupted.ts';
export { presets } from './train/presets.ts';
export type { RunStore } from './train/store.ts';
export {
  type TrainedModel,
  TrainingDivergedError,
  type TrainOptions,
  train,
  type WindowProgress,
} from './train/trainer.ts';
export { assertEqual, type Difference, type VerifyOptions, verifyEqual } from './verify/verify.ts';
