/*
 * slimrnn as a library: everything the command line does, as functions on graphs. This file only re-exports.
 */

export { differentiableOperators, differentiate } from './autodiff/differentiate.ts';
export { LockedError } from './base/lock.ts';
export * from './browser.ts';
export { compress } from './compress/compress.ts';
export { type CutModel, type CutRequest, cutTo } from './compress/cutTo.ts';
export { type CompressGoal, readLossBudget, readSizeGoal, type SizeName } from './compress/goal.ts';
export type { CompressResult, StageRecord } from './compress/record.ts';
export type { CompressOptions } from './compress/work.ts';
export { type NamedSettings, namedSettings, readSettings } from './config/readSettings.ts';
export { loadArrays, saveArrays } from './data/arrays.ts';
export { batchWindows } from './data/batches.ts';
export { loadCorpus } from './data/corpus.ts';
export type { LabelledText, TextColumns } from './data/labelled/labelledText.ts';
export { readLabelled } from './data/labelled/readLabelled.ts';
export { getDataset, listDatasets } from './data/registry.ts';
export { loadSotu, type SotuOptions } from './data/sotu.ts';
export { readWordVectors, type WordVectors } from './data/wordVectors.ts';
export { GraphBuilder, type Value } from './graph/builder.ts';
export { inferTypes } from './graph/infer/infer.ts';
export * as ops from './graph/ops.ts';
export { stateMetadata } from './graph/states.ts';
export { type AxisComponents, type GroupLayer, type Groups, groupedTensors, type Role } from './groups/groups.ts';
export { type LogHistogram, logHistogram } from './groups/logHistogram.ts';
export { groupNorms, groupSizes, liveComponents, removableByLayer } from './groups/measure.ts';
export { type TracedGroups, type TraceOptions, traceGroups } from './groups/trace.ts';
export { type TracedModel, traceModel } from './groups/traceModel.ts';
export { type Costs, costsOf, type ParameterSplit, splitParameters } from './inspect/costs.ts';
export { kerasModule } from './keras/kerasModule.ts';
export type { GroupPenaltyOptions } from './methods/groupFields.ts';
export { groupLasso } from './methods/groupLasso.ts';
export { keptZeros } from './methods/keptZeros.ts';
export { l1 } from './methods/l1.ts';
export { type MagnitudeOptions, magnitude } from './methods/magnitude.ts';
export { proximal } from './methods/proximal.ts';
export { type SteeringOptions, steered } from './methods/steered.ts';
export { type RhnKeep, type RhnLanguageModelOptions, rhnLanguageModel } from './models/rhnLanguageModel.ts';
export * as nn from './nn/layers.ts';
export { uniformInitializer } from './nn/layers.ts';
export { collectReport, reportHtml, startServer, updateTensorBoard, writeSite } from './onDemand.ts';
export { loadModel, saveModel } from './onnx/file.ts';
export { bindDims } from './passes/bindDims.ts';
export { detectStates } from './passes/detectStates.ts';
export { foldConstants } from './passes/foldConstants.ts';
export type { Given } from './passes/given.ts';
export { hoistLoops } from './passes/hoistLoops.ts';
export { inlineFunctions } from './passes/inlineFunctions.ts';
export { joinDirections } from './passes/joinDirections.ts';
export { lowerRecurrent } from './passes/lowerRecurrent.ts';
export { type PrepareOptions, prepareModel } from './passes/prepareModel.ts';
export { type SimplifyOptions, simplify } from './passes/simplify.ts';
export { type Specialized, specialize } from './passes/specialize.ts';
export { type Streaming, streamingModel } from './passes/streaming.ts';
export type { PythonSource } from './python/pythonModule.ts';
export { torchModule } from './pytorch/torchModule.ts';
export {
  calibrationRanges,
  type QuantizedForm,
  type QuantizedModel,
  type QuantizedWeight,
  type QuantizeOptions,
  quantizedForms,
  quantizeModel,
} from './quantize/quantize.ts';
export type { CalibrationData, Range, Ranges } from './quantize/ranges.ts';
export { refuseWorse, type ScoreChange, scoreChanges } from './quantize/scores.ts';
export type { ActivationType } from './quantize/staticLayers.ts';
export type { KeptWeight } from './quantize/whyKept.ts';
export type { ReportRequest } from './report/collect.ts';
export type { ReportData } from './report/data.ts';
export { fileStore } from './runs/checkpoint.ts';
export { findRuns } from './runs/findRuns.ts';
export { readRun } from './runs/readRun.ts';
export type { ResultModel, RunRecord, RunSummary } from './runs/record.ts';
export type { RunResult } from './runs/result.ts';
export { type RunOptions, type RunStart, run } from './runs/run.ts';
export { type Device, type DeviceName, deviceNames, devices } from './runtime/devices.ts';
export { EngineError } from './runtime/explain.ts';
export { nodeRuntime } from './runtime/node.ts';
export { loadWebRuntime } from './runtime/webInNode.ts';
export { type Activity, type Moments, measureActivity } from './slim/activity.ts';
export { type CompensationChoice, chooseCompensation } from './slim/chooseCompensation.ts';
export { type CompensatedModel, type CompensationKind, compensate } from './slim/compensate.ts';
export { type CutPlan, type CutTarget, planCut, type RankingOptions } from './slim/cut.ts';
export { type RankingName, rankings, type UnitRanking, type UnitScores } from './slim/ranking.ts';
export { type ResizedValue, type ShrunkLayer, shrink, shrinkModel } from './slim/shrink.ts';
export { withoutSmallWeights } from './slim/smallWeights.ts';
export { measureTaylor, type TaylorOptions } from './slim/taylor.ts';
export { planSweep, type SweepPlan, type SweepRequest } from './sweep/plan.ts';
export type { SweepResult, SweepRow } from './sweep/result.ts';
export { type SweepEvent, type SweepOptions, sweep } from './sweep/sweep.ts';
export { arraysTask } from './tasks/arrays/task.ts';
export { distillationTask } from './tasks/distillation/task.ts';
export { languageModelTask } from './tasks/language-model/task.ts';
export { questionAnsweringTask } from './tasks/question-answering/task.ts';
export { presets, taskNamed, tasks } from './tasks/registry.ts';
export { textClassificationTask } from './tasks/text-classification/task.ts';
export { compareTopologies, type NamedModel, type TopologyComparison } from './topology/compare.ts';
export { type LayerDistance, type TopologyDistance, topologyDistance } from './topology/distance.ts';
export { type Topology, topologyOf } from './topology/topology.ts';
export { type WordConnections, wordConnections } from './topology/words.ts';
export { type Calibration, calibrate } from './train/calibrate.ts';
export { type ScoringGraph, scoringGraph, type TrainingGraph, trainingGraph } from './train/compile.ts';
export { DivergedError } from './train/errors.ts';
export { type LossTaylorOptions, measureLossTaylor } from './train/taylor.ts';
export { type TrainSetup, TrainState } from './train/trainState.ts';
export { assertStreams } from './verify/assertStreams.ts';
export { givenInputs } from './verify/givenInputs.ts';
export { givenWindows } from './verify/givenWindows.ts';
export { type SplitInputs, splitInputs } from './verify/splitInputs.ts';
