import type { EpochMetrics } from '../train/metrics.ts';

/**
 * Where an error comes from: what the user gave, the surroundings (the disk, another process), or the process itself,
 * which may do better when it is started again.
 */
export type Blame = 'user' | 'surroundings' | 'process';

/** The last words of a worker that could not do its job. */
export interface ErrorMessage {
  readonly kind: 'error';
  readonly message: string;
  readonly blame: Blame;
}

/** What a worker tells its parent; what it has achieved stands in files. */
export type WorkerMessage = { readonly kind: 'epoch'; readonly metrics: EpochMetrics } | ErrorMessage;
