import type { OptimizerName } from '../../../optimizers/registry.ts';
import type { ScheduleName } from '../../../optimizers/schedules/registry.ts';
import type { FoundAnswer } from '../../../tasks/question-answering/answer.ts';
import type { EpochMetrics } from '../../../train/metrics.ts';
import type { BatchProgress } from '../../../train/options.ts';
import type { Difference } from '../../../verify/verify.ts';
import type { TableModel } from '../../shared/modelTable.tsx';

// What the page and its workers say to each other: the page speaks in requests, a worker in events, both plain data.

/** A model as the page has it: bytes of an ONNX file, and its words, one a line. */
export interface GivenModel {
  readonly label: string;
  readonly model: Uint8Array;
  readonly vocabulary: string;
}

/** Takes models that were trained on the page. */
export type TakeModels = (models: readonly GivenModel[]) => void;

/** A model that is ready in a worker. */
export interface LoadedInfo {
  readonly label: string;
  readonly hidden: readonly number[];
  readonly parameters: number;
  readonly bytes: number;
}

/** To a worker with models side by side. Whatever comes ends what it is at. */
export type ModelRequest<Task> =
  | { readonly kind: 'load'; readonly models: readonly GivenModel[] }
  | { readonly kind: 'work'; readonly task: Task }
  | { readonly kind: 'stop' };

/** From a worker with models side by side. */
export type ModelEvent<Result> =
  | { readonly kind: 'loaded'; readonly models: readonly LoadedInfo[] }
  /** What the model with this number has come to so far. */
  | { readonly kind: 'result'; readonly model: number; readonly result: Result }
  | { readonly kind: 'done' }
  | Failed;

/** From any worker. */
export interface Failed {
  readonly kind: 'failed';
  readonly message: string;
}

/** How a text is to be continued. */
export interface WritingTask {
  readonly prompt: string;
  /** Words for each model. */
  readonly words: number;
  /** 0 always takes the likeliest word. */
  readonly temperature: number;
  readonly seed: number;
}

/** What a model has written so far. */
export interface Written {
  /** The beginning as the model reads it, and words of it that the model does not know. */
  readonly prompt: readonly string[];
  readonly unknown: readonly string[];
  readonly tokens: readonly string[];
  /** Median milliseconds for a word; undefined before the first one. */
  readonly perWord?: number;
}

/** What a model says of a text. */
export interface ClassifiedText {
  /** Classes with their probabilities, the most probable one first. */
  readonly classes: readonly { readonly name: string; readonly probability: number }[];
  /** Words of the text that the model does not know. */
  readonly unknown: number;
  /** Median milliseconds for the text. */
  readonly milliseconds: number;
}

/** A question about a passage. */
export interface AskedQuestion {
  readonly passage: string;
  readonly question: string;
}

/** What a model answered. */
export interface AnsweredQuestion {
  /** The passage. */
  readonly text: string;
  readonly answer: FoundAnswer;
  /** Median milliseconds for the question. */
  readonly milliseconds: number;
}

/** What a person chooses for a training. */
export interface TrainingChoice {
  readonly text: string;
  readonly hidden: readonly number[];
  /** λ. */
  readonly iss: number;
  readonly epochs: number;
  readonly optimizer: OptimizerName;
  readonly learningRate: number;
  readonly schedule: ScheduleName;
  readonly seed: number;
  /** Slices dead units away while training, which then goes faster; else they stay until the end. */
  readonly shrink: boolean;
}

/** To the training worker: one training, which may be asked to end early. */
export type TrainingRequest =
  | { readonly kind: 'train'; readonly choice: TrainingChoice }
  /** The last report of progress is drawn; none comes before. */
  | { readonly kind: 'drawn' }
  | { readonly kind: 'stop' };

/** Where a training is; what is not there is not known yet. */
export interface TrainingState {
  /** Tokens of the parts of the text, and how many words are different. */
  readonly sizes?: { readonly train: number; readonly valid: number; readonly test: number; readonly words: number };
  /** τ. */
  readonly threshold?: number;
  readonly progress?: BatchProgress;
  /** What the trainer had to say last: that λ takes (nearly) all units of a layer. */
  readonly note?: string;
  /** What is done after the last epoch. */
  readonly stage?: string;
  readonly outcome?: TrainingOutcome;
}

/** A model that training ended with, ready to be saved. */
export interface TrainedFile {
  readonly name: 'trained' | 'slim';
  readonly content: Uint8Array<ArrayBuffer>;
  /** Sizes, scores on the validation text, and how long a run takes. */
  readonly figures: TableModel;
}

/** What training came to. */
export interface TrainingOutcome {
  /** Units of each layer before training. */
  readonly began: readonly number[];
  /** As trained, and the same without its dead units. */
  readonly models: readonly [TrainedFile, TrainedFile];
  readonly vocabulary: string;
  readonly verify: Pick<Difference, 'maxRelativeDifference' | 'batches'>;
  readonly stoppedEarly: boolean;
}

/** From the training worker, whose last word is the outcome. */
export type TrainingEvent =
  | { readonly kind: 'news'; readonly news: TrainingState }
  /** Epochs that have ended since the last time. */
  | { readonly kind: 'epochs'; readonly rows: readonly EpochMetrics[] }
  | Failed;
