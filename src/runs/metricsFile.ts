import { join } from 'node:path';
import { writeAtomically } from '../base/files.ts';
import { runFiles } from './runDirectory.ts';

/** Writes all epochs so far as metrics.jsonl of a run directory, a line each; the file holds the old ones or the new. */
export async function saveMetrics(directory: string, history: readonly object[]): Promise<void> {
  await writeAtomically(join(directory, runFiles.metrics), history.map((m) => `${JSON.stringify(m)}\n`).join(''));
}
