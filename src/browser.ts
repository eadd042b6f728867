/*
 * slimrnn in a browser or a worker: what needs no Node. This file only re-exports.
 */

export { SlimError, UsageError } from './base/errors.ts';
export { type Section, type Settings, sectionReader } from './base/fields.ts';
export { benchLatency, type Contestant, type Latency, type LatencyOptions } from './bench/latency.ts';
export { type ResolveOptions, resolveConfig, settingsOf } from './config/resolve.ts';
export type { RunConfig } from './config/runConfig.ts';
export type { RunSettings } from './config/runSettings.generated.ts';
export { taskParts, trainParts } from './config/trainParts.ts';
export { type Corpus, type CorpusOptions, makeCorpus } from './data/makeCorpus.ts';
export { tokenizeProse, tokenizeWords } from './data/tokens.ts';
export { buildVocabulary, encode, type Vocabulary, vocabularyOf } from './data/vocabulary.ts';
export { modelOf } from './graph/model.ts';
export { type StatePair, statesOf } from './graph/states.ts';
export type * from './graph/types.ts';
export { describeModel, type LayerSummary, type ModelSummary } from './inspect/describe.ts';
export {
  defineMethod,
  type FirstModel,
  type MethodContext,
  type MethodKind,
  type TargetOutcome,
} from './methods/kind.ts';
export type {
  EpochDone,
  Matrix,
  MethodState,
  SparsityMethod,
  UpdateDone,
  UpdateMoment,
  WeightPasses,
} from './methods/method.ts';
export { describeMethod, methodOf, methods } from './methods/registry.ts';
export { type LanguageModelOptions, LOGITS, languageModel, TOKENS } from './models/languageModel.ts';
export { LENGTHS, type Pool, type TextClassifierOptions, textClassifier } from './models/textClassifier.ts';
export { readModel } from './onnx/read.ts';
export { writeModel } from './onnx/write.ts';
export { type OptimizerKind, optimizerKind } from './optimizers/kind.ts';
export type { OptimizedParameter, Optimizer, OptimizerState, SlotKind, StepMoment } from './optimizers/optimizer.ts';
export { type OptimizerName, optimizers } from './optimizers/registry.ts';
export { type ScheduleKind, scheduleKind } from './optimizers/schedules/kind.ts';
export { type ScheduleName, schedules } from './optimizers/schedules/registry.ts';
export type { Schedule, ScheduleMoment } from './optimizers/schedules/schedule.ts';
export { withoutDropout } from './passes/withoutDropout.ts';
export { type DistillData, type DistillSettings, distill } from './runs/distill.ts';
export {
  type FinetuneData,
  type FinetunedModel,
  type FinetuneOptions,
  type FinetuneSettings,
  type FinetuneStart,
  finetune,
} from './runs/finetune.ts';
export type { Runtime, Session, SessionOptions, Tensors } from './runtime/runtime.ts';
export { loadWebRuntime } from './runtime/web.ts';
export { type Shrunk, shrinkZeros } from './slim/shrink.ts';
export { arraysDefinition } from './tasks/arrays/definition.ts';
export type { NamedArrays } from './tasks/arrays/examples.ts';
export { loadedArrays } from './tasks/arrays/loadedArrays.ts';
export { type LossName, losses } from './tasks/arrays/losses.ts';
export { type ArrayData, arraysProblem } from './tasks/arrays/problem.ts';
export { distillationDefinition } from './tasks/distillation/definition.ts';
export type { DistillationData } from './tasks/distillation/lessons.ts';
export { loadedDistillation } from './tasks/distillation/loadedDistillation.ts';
export { languageModelDefinition } from './tasks/language-model/definition.ts';
export { freshModel, modelFrom } from './tasks/language-model/model.ts';
export { languageModelProblem, loadedText, textWindows } from './tasks/language-model/problem.ts';
export {
  type AnswerOptions,
  type AnswerSession,
  answerSession,
  type FoundAnswer,
} from './tasks/question-answering/answer.ts';
export { questionAnsweringDefinition } from './tasks/question-answering/definition.ts';
export { withoutVectorTable, withVectorTable } from './tasks/question-answering/fedVectors.ts';
export {
  formatScore,
  isBetter,
  meanLoss,
  perplexity,
  type Score,
  type ScoreKind,
  type ScoreValues,
  type Sums,
  scoresOf,
} from './tasks/score.ts';
export {
  type Batches,
  type BatchOrder,
  type BatchShape,
  type DataSummary,
  LOSS,
  type LoadedTask,
  type LossGraph,
  type ModelKind,
  type Problem,
  type ScoreDetails,
  type Sources,
  type Split,
  TARGETS,
  type Task,
  type TaskConfig,
  type TaskDefinition,
} from './tasks/task.ts';
export { type Classified, classify, type TextSession, textSession } from './tasks/text-classification/classify.ts';
export { textClassificationDefinition } from './tasks/text-classification/definition.ts';
export { type TextMetadata, textMetadata } from './tasks/text-classification/metadata.ts';
export type { Collective } from './train/collective.ts';
export { InterruptedError, TrainingDivergedError } from './train/errors.ts';
export { type FinishedModels, finishModels, type SlimModel } from './train/finish.ts';
export type { EpochMetrics } from './train/metrics.ts';
export type {
  BatchProgress,
  TrainedModel,
  TrainOptions,
  TrainParts,
  TrainSettings,
  TrainStart,
} from './train/options.ts';
export {
  createScorer,
  type ScoredModel,
  type ScoreOptions,
  type Scorer,
  type ScorerOptions,
  scoreModel,
} from './train/scorer.ts';
export { type Checkpoint, memoryStore, type RunStore } from './train/store.ts';
export { train } from './train/trainer.ts';
export { assertEqual, type Difference, type VerifyOptions, verifyEqual } from './verify/verify.ts';
