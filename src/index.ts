/*
 * slimrnn as a library: everything the command line does, as functions on graphs. This file only re-exports.
 */

export { differentiableOperators, differentiate } from './autodiff/differentiate.ts';
export * from './browser.ts';
export { loadArrays, saveArrays } from './data/arrays.ts';
export { type Batches, batchWindows } from './data/batches.ts';
export { loadCorpus } from './data/corpus.ts';
export { getDataset, listDatasets } from './data/registry.ts';
export { loadSotu, type SotuOptions } from './data/sotu.ts';
export { bindDims } from './graph/bind.ts';
export { GraphBuilder, type Value } from './graph/builder.ts';
export { hoistLoops } from './graph/hoist.ts';
export { inferTypes } from './graph/infer/infer.ts';
export * as ops from './graph/ops.ts';
export { type StatePair, stateMetadata } from './graph/states.ts';
export { LockedError } from './lock.ts';
export { type RhnKeep, type RhnLanguageModelOptions, rhnLanguageModel } from './models/rhnLanguageModel.ts';
export { loadModel, saveModel } from './onnx/file.ts';
export { inlineFunctions } from './onnx/functions.ts';
export { lowerRecurrent } from './recurrent/lower.ts';
export { collectReport, type ReportRequest } from './report/collect.ts';
export type { ReportData } from './report/data.ts';
export { reportHtml } from './report/html.tsx';
export { findRuns } from './runs/findRuns.ts';
export { readRun } from './runs/readRun.ts';
export type { RunRecord, RunSummary } from './runs/record.ts';
export { EngineError } from './runtime/explain.ts';
export { nodeRuntime } from './runtime/node.ts';
export { loadRuntime, type RuntimeName, runtimeNames } from './runtime/runtimes.ts';
export { startServer } from './serve/server.ts';
export { writeSite } from './site/writeSite.ts';
export { assertStreams } from './slim/assertStreams.ts';
export { type Costs, costsOf } from './slim/costs.ts';
export { type CutPlan, type CutTarget, planCut } from './slim/cut.ts';
export { detectStates } from './slim/detectStates.ts';
export { givenInputs } from './slim/givenInputs.ts';
export { joinDirections } from './slim/joinDirections.ts';
export { type ParameterSplit, splitParameters } from './slim/parameterSplit.ts';
export { type PrepareOptions, prepareModel, type TracedModel, traceModel } from './slim/prepare.ts';
export { type ResizedValue, type ShrunkLayer, shrink, shrinkModel } from './slim/shrink.ts';
export { type Streaming, streamingModel } from './slim/streaming.ts';
export { type GroupPenaltyOptions, groupLasso } from './sparsity/groupLasso.ts';
export type { AxisComponents, GroupLayer, Groups, Role } from './sparsity/groups.ts';
export { l1 } from './sparsity/l1.ts';
export { type LogHistogram, logHistogram } from './sparsity/logHistogram.ts';
export { type MagnitudeOptions, magnitude } from './sparsity/magnitude.ts';
export { masked } from './sparsity/masked.ts';
export { groupNorms, groupSizes, liveComponents, removableByLayer } from './sparsity/measure.ts';
export type { Matrix, MethodState, SparsityMethod, UpdateDone, UpdateMoment, WeightPasses } from './sparsity/method.ts';
export { proximal } from './sparsity/proximal.ts';
export { type SteeringOptions, steered } from './sparsity/target.ts';
export { type TraceOptions, traceGroups } from './sparsity/trace.ts';
export { planSweep, type SweepPlan, type SweepRequest } from './sweep/plan.ts';
export type { SweepResult, SweepRow } from './sweep/result.ts';
export { type SweepEvent, type SweepOptions, sweep } from './sweep/sweep.ts';
export { updateTensorBoard } from './tensorboard/writer.ts';
export { type Calibration, calibrate } from './train/calibrate.ts';
export { learningRate, type PartialConfig } from './train/config.ts';
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
export { type LossName, losses } from './train/losses.ts';
export { type ModelResult, type RunOptions, type RunResult, type RunSources, run } from './train/run.ts';
export type { TargetOutcome } from './train/sparsity.ts';
export { type InitialModel, loadInitialModel, modelFrom } from './train/start.ts';
export { DivergedError, Stepper, type StepperOptions, type StepResult } from './train/stepper.ts';
export { type TrainingGraph, trainingGraph } from './train/trainingGraph.ts';
