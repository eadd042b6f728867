/*
 * slimrnn as a library: everything the command line does, as functions on graphs. This file only re-exports.
 */

export { differentiableOperators, differentiate } from './autodiff/differentiate.ts';
export { LockedError } from './base/lock.ts';
export * from './browser.ts';
export { loadArrays, saveArrays } from './data/arrays.ts';
export { type Batches, batchWindows } from './data/batches.ts';
export { loadCorpus } from './data/corpus.ts';
export { getDataset, listDatasets } from './data/registry.ts';
export { loadSotu, type SotuOptions } from './data/sotu.ts';
export { GraphBuilder, type Value } from './graph/builder.ts';
export { inferTypes } from './graph/infer/infer.ts';
export * as ops from './graph/ops.ts';
export { type StatePair, stateMetadata } from './graph/states.ts';
export type { AxisComponents, GroupLayer, Groups, Role } from './groups/groups.ts';
export { type LogHistogram, logHistogram } from './groups/logHistogram.ts';
export { groupNorms, groupSizes, liveComponents, removableByLayer } from './groups/measure.ts';
export { type TracedGroups, type TraceOptions, traceGroups } from './groups/trace.ts';
export { type TracedModel, traceModel } from './groups/traceModel.ts';
export { type Costs, costsOf } from './inspect/costs.ts';
export { type ParameterSplit, splitParameters } from './inspect/parameterSplit.ts';
export { type GroupPenaltyOptions, groupLasso } from './methods/groupLasso.ts';
export { l1 } from './methods/l1.ts';
export { type MagnitudeOptions, magnitude } from './methods/magnitude.ts';
export { masked } from './methods/masked.ts';
export type { Matrix, MethodState, SparsityMethod, UpdateDone, UpdateMoment, WeightPasses } from './methods/method.ts';
export { proximal } from './methods/proximal.ts';
export { type SteeringOptions, steered } from './methods/target.ts';
export { type RhnKeep, type RhnLanguageModelOptions, rhnLanguageModel } from './models/rhnLanguageModel.ts';
export { loadModel, saveModel } from './onnx/file.ts';
export { bindDims } from './passes/bindDims.ts';
export { detectStates } from './passes/detectStates.ts';
export { type FoldOptions, foldConstants } from './passes/foldConstants.ts';
export { hoistLoops } from './passes/hoistLoops.ts';
export { inlineFunctions } from './passes/inlineFunctions.ts';
export { joinDirections } from './passes/joinDirections.ts';
export { lowerRecurrent } from './passes/lowerRecurrent.ts';
export { type PrepareOptions, prepareModel } from './passes/prepareModel.ts';
export { type Streaming, streamingModel } from './passes/streaming.ts';
export { collectReport, type ReportRequest } from './report/collect.ts';
export type { ReportData } from './report/data.ts';
export { reportHtml } from './report/html.tsx';
export { fileStore } from './runs/fileStore.ts';
export { findRuns } from './runs/findRuns.ts';
export { readRun } from './runs/readRun.ts';
export type { RunRecord, RunSummary } from './runs/record.ts';
export { type ModelResult, type RunOptions, type RunResult, type RunSources, run } from './runs/run.ts';
export { EngineError } from './runtime/explain.ts';
export { nodeRuntime } from './runtime/node.ts';
export { loadRuntime, type RuntimeName, runtimeNames } from './runtime/runtimes.ts';
export { startServer } from './serve/server.ts';
export { writeSite } from './site/writeSite.ts';
export { type CutPlan, type CutTarget, planCut } from './slim/cut.ts';
export { type ResizedValue, type ShrunkLayer, shrink, shrinkModel } from './slim/shrink.ts';
export { planSweep, type SweepPlan, type SweepRequest } from './sweep/plan.ts';
export type { SweepResult, SweepRow } from './sweep/result.ts';
export { type SweepEvent, type SweepOptions, sweep } from './sweep/sweep.ts';
export { type FinetuneConfig, type FinetuneSettings, finetuneConfig } from './tasks/arrays/config.ts';
export {
  type FinetuneData,
  type FinetunedModel,
  type FinetuneOptions,
  type FinetuneStart,
  finetune,
} from './tasks/arrays/finetune.ts';
export { type LossName, losses } from './tasks/arrays/losses.ts';
export type { FinetuneMetrics } from './tasks/arrays/progress.ts';
export { type FinetuneResult, finetuneRun } from './tasks/arrays/run.ts';
export { type InitialModel, loadInitialModel, modelFrom } from './tasks/language-model/start.ts';
export { updateTensorBoard } from './tensorboard/writer.ts';
export { type Calibration, calibrate } from './train/calibrate.ts';
export { learningRate, type PartialConfig } from './train/config.ts';
export type { TargetOutcome } from './train/sparsity.ts';
export { DivergedError, Stepper, type StepperOptions, type StepResult } from './train/stepper.ts';
export { type TrainingGraph, trainingGraph } from './train/trainingGraph.ts';
export { assertStreams } from './verify/assertStreams.ts';
export { givenInputs } from './verify/givenInputs.ts';
