import type { OptimizerName } from '../../../optimizers/registry.ts';
import type { ScheduleName } from '../../../optimizers/schedules/registry.ts';
import type { EpochMetrics } from '../../../train/metrics.ts';
import type { BatchProgress } from '../../../train/options.ts';
import type { TableModel } from '../../shared/modelTable.tsx';

/*
 * What the page and its workers say to each other. The page speaks in requests, a worker in events; both are plain data.
 */

/** A model as the page has it: bytes of an ONNX file, and its words, one a line. */
export interface GivenModel {
  readonly label: string;
  readonly model: Uint8Array;
  readonly vocabulary: string;
}

/** To the generation worker. */
export type GenerationRequest =
  | { readonly kind: 'load'; readonly models: readonly GivenModel[] }
  | {
      readonly kind: 'generate';
      readonly prompt: string;
      /** Words for each model. */
      readonly words: number;
      /** 0 always takes the likeliest word. */
      readonly temperature: number;
      readonly seed: number;
    }
  | { readonly kind: 'stop' };

/** A model that is ready. */
export interface LoadedInfo {
  readonly label: string;
  readonly words: number;
  readonly hidden: readonly number[];
  readonly parameters: number;
  readonly bytes: number;
}

/** From the generation worker. */
export type GenerationEvent =
  | { readonly kind: 'loaded'; readonly models: readonly LoadedInfo[] }
  /** How a model read the prompt; `unknown` are words that it does not know. */
  | {
      readonly kind: 'read';
      readonly model: number;
      readonly tokens: readonly string[];
      readonly unknown: readonly string[];
    }
  /** Further words of a model, and the median of its turns so far: milliseconds for a word. */
  | {
      readonly kind: 'words';
      readonly model: number;
      readonly tokens: readonly string[];
      readonly perWord: number;
    }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly message: string };

/** To the classification worker. */
export type ClassificationRequest =
  | { readonly kind: 'load'; readonly models: readonly GivenModel[] }
  | { readonly kind: 'classify'; readonly text: string };

/** What a model says of a text. */
export interface ClassifiedText {
  /** Classes with their probabilities, the most probable one first. */
  readonly classes: readonly { readonly name: string; readonly probability: number }[];
  /** Words of the text that the model does not know. */
  readonly unknown: number;
  /** Median milliseconds for the text. */
  readonly milliseconds: number;
}

/** From the classification worker. */
export type ClassificationEvent =
  | { readonly kind: 'loaded'; readonly models: readonly LoadedInfo[] }
  /** One of each model, in their order. */
  | { readonly kind: 'classified'; readonly texts: readonly ClassifiedText[] }
  | { readonly kind: 'failed'; readonly message: string };

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

/** What the text turned out to be. */
export interface TextInfo {
  readonly train: number;
  readonly valid: number;
  readonly test: number;
  readonly words: number;
}

/** A model that training ended with, ready to be saved. */
export interface TrainedFile {
  readonly name: 'trained' | 'slim';
  readonly content: Uint8Array;
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
  readonly verify: { readonly maxRelativeDifference: number; readonly batches: number };
  readonly stoppedEarly: boolean;
}

/** From the training worker. */
export type TrainingEvent =
  | { readonly kind: 'text'; readonly info: TextInfo; readonly threshold: number }
  | { readonly kind: 'progress'; readonly progress: BatchProgress }
  /** Epochs that have ended since the last time. */
  | { readonly kind: 'epochs'; readonly rows: readonly EpochMetrics[] }
  | { readonly kind: 'stage'; readonly text: string }
  | { readonly kind: 'finished'; readonly outcome: TrainingOutcome }
  | { readonly kind: 'failed'; readonly message: string };
