/*
 * slimrnn as a library: everything the command line does, as functions on graphs. This file only re-exports.
 */

export { differentiableOperators, differentiate } from './autodiff/differentiate.ts';
export { benchLatency, type Contestant, type Latency, type LatencyOptions } from './bench/latency.ts';
export { loadArrays, saveArrays } from './data/arrays.ts';
export { type Batches, batchWindows } from './data/batches.ts';
export { loadCorpus } from './data/corpus.ts';
export { type Corpus, type CorpusOptions, makeCorpus } from './data/makeCorpus.ts';
export { getDataset, listDatasets } from './data/registry.ts';
export { loadSotu, type SotuOptions } from './data/sotu.ts';
export { buildVocabulary, encode, type Vocabulary } from './data/vocabulary.ts';
export { SlimError, UsageError } from './errors.ts';
export { bindDims } from './graph/bind.ts';
export { GraphBuilder, type Value } from './graph/builder.ts';
export { withoutDropout } from './graph/dropout.ts';
export { hoistLoops } from './graph/hoist.ts';
export { inferTypes } from './graph/infer/infer.ts';
export * as ops from './graph/ops.ts';
export { type StatePair, stateMetadata, statesOf } from './graph/states.ts';
export type * from './graph/types.ts';
export { type LanguageModelOptions, languageModel } from './models/languageModel.ts';
export { type RhnKeep, type RhnLanguageModelOptions, rhnLanguageModel } from './models/rhnLanguageModel.ts';
export { loadModel, saveModel } from './onnx/file.ts';
export { inlineFunctions } from './onnx/functions.ts';
export { modelOf } from './onnx/model.ts';
export { readModel } from './onnx/read.ts';
export { writeModel } from './onnx/write.ts';
export { lowerRecurrent } from './recurrent/lower.ts';
export { collectReport, type ReportRequest } from './report/collect.ts';
export { reportHtml } from './report/html.tsx';
export { findRuns } from './runs/findRuns.ts';
export { readRun } from './runs/readRun.ts';
export type { RunRecord, RunSummary } from './runs/record.ts';
export { EngineError } from './runtime/explain.ts';
export { nodeRuntime } from './runtime/node.ts';
export type { Runtime, Session, SessionOptions, Tensors } from './runtime/runtime.ts';
export { loadRuntime, type RuntimeName, runtimeNames } from './runtime/runtimes.ts';
export { loadWebRuntime } from './runtime/web.ts';
export { startServer } from './serve/server.ts';
export { writeSite } from './site/writeSite.ts';
export { assertStreams } from './slim/assertStreams.ts';
export { type Costs, costsOf } from './slim/costs.ts';
export { type CutPlan, type CutTarget, planCut } from './slim/cut.ts';
export { describeModel, type LayerSummary, type ModelSummary } from './slim/describe.ts';
export { detectStates } from './slim/detectStates.ts';
export { givenInputs } from './slim/givenInputs.ts';
export { joinDirections } from './slim/joinDirections.ts';
export { type ParameterSplit, splitParameters } from './slim/parameterSplit.ts';
export { type PrepareOptions, prepareModel, type TracedModel, traceModel } from './slim/prepare.ts';
export { type ResizedValue, type Shrunk, type ShrunkLayer, shrink, shrinkModel, shrinkZeros } from './slim/shrink.ts';
export { type Streaming, streamingModel } from './slim/streaming.ts';
export { assertEqual, type Difference, type VerifyOptions, verifyEqual } from './slim/verify.ts';
export { type GroupPenaltyOptions, groupLasso } from './sparsity/groupLasso.ts';
export type { AxisComponents, GroupLayer, Groups, Role } from './sparsity/groups.ts';
export { l1 } from './sparsity/l1.ts';
export { type LogHistogram, logHistogram } from './sparsity/logHistogram.ts';
export { type MagnitudeOptions, magnitude } from './sparsity/magnitude.ts';
export { groupNorms, groupSizes, liveComponents, removableByLayer } from './sparsity/measure.ts';
export type { Matrix, MethodState, SparsityMethod } from './sparsity/method.ts';
export { proximal } from './sparsity/proximal.ts';
export { type SteeringOptions, steered } from './sparsity/target.ts';
export { type TraceOptions, traceGroups } from './sparsity/trace.ts';
export { planSweep, type SweepPlan, type SweepRequest } from './sweep/plan.ts';
export type { SweepResult, SweepRow } from './sweep/result.ts';
export { type SweepEvent, type SweepOptions, sweep } from './sweep/sweep.ts';
export { type Calibration, calibrate } from './train/calibrate.ts';
export { learningRate, type TrainConfig } from './train/config.ts';
export { createEvaluator, type Evaluator } from './train/evaluate.ts';
export { fileStore } from './train/fileStore.ts';
export { type FinetuneConfig, type FinetuneSettings, finetuneConfig } from './train/finetune/config.ts';
export {
  type FinetuneData,
  type FinetunedModel,
  type FinetuneOptions,
  type FinetuneStart,
  finetune,
} from './train/finetune/finetune.ts';
export type { FinetuneMetrics } from './train/finetune/progress.ts';
export { type FinetuneResult, finetuneRun } from './train/finetune/run.ts';
export { freshModel } from './train/freshModel.ts';
export { InterruptedError } from './train/interrupted.ts';
export { type LossName, losses } from './train/losses.ts';
export { presets } from './train/presets.ts';
export { type ModelResult, type RunOptions, type RunResult, run } from './train/run.ts';
export { DivergedError, Stepper, type StepperOptions, type StepResult } from './train/stepper.ts';
export type { RunStore } from './train/store.ts';
export { type TrainedModel, type TrainOptions, train, type WindowProgress } from './train/trainer.ts';
export { type TrainingGraph, trainingGraph } from './train/trainingGraph.ts';
