import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { RunStore } from '../train/store.ts';
import { loadCheckpoint, saveCheckpoint } from './checkpoint.ts';
import { saveMetrics } from './metricsFile.ts';
import { runFiles } from './runDirectory.ts';

/** Checkpoints in a run directory, and beside each of them the epochs so far as metrics.jsonl. */
export function fileStore(directory: string): RunStore {
  const path = join(directory, runFiles.checkpoint);
  return {
    async load(digest) {
      if (!existsSync(path)) return undefined;
      const checkpoint = await loadCheckpoint(path, digest);
      // A process that was killed between the two files leaves metrics behind the checkpoint.
      await saveMetrics(directory, checkpoint.progress.history);
      return checkpoint;
    },
    async save(checkpoint) {
      await saveCheckpoint(path, checkpoint);
      await saveMetrics(directory, checkpoint.progress.history);
    },
    place: () => (existsSync(path) ? directory : undefined),
  };
}
