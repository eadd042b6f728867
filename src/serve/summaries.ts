import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { findRuns, runFolder } from '../runs/findRuns.ts';
import { readRun } from '../runs/readRun.ts';
import type { RunSummary } from '../runs/record.ts';
import { runFiles } from '../runs/runDirectory.ts';
import { recordFiles } from '../sweep/runRecord.ts';

/** Lists the runs of a folder, again and again. */
export type ListRuns = () => Promise<readonly RunSummary[]>;

/** Files whose change means that a run has changed. */
const { metrics, live, result, config, report } = runFiles;
const TELLING = [metrics, live, result, config, report, recordFiles.failure];

/** Reads a run again only when a file of it has changed, or while it seems to run: silence tells that it stopped. */
export function createSummaries(root: string): ListRuns {
  let known = new Map<string, { signature: string; summary: RunSummary }>();
  let reading: Promise<readonly RunSummary[]> | undefined;
  const list = async () => {
    const found: typeof known = new Map();
    for (const id of await findRuns(root)) {
      const signature = await signatureOf(root, id);
      const before = known.get(id);
      const isSame = before?.signature === signature && before.summary.state !== 'running';
      const summary = isSame ? before.summary : (await readRun(root, id).catch(() => undefined))?.summary;
      if (summary) found.set(id, { signature, summary });
    }
    known = found;
    return [...found.values()].map(({ summary }) => summary);
  };
  return () => {
    // However many ask at once, the folder is read once.
    reading ??= list().finally(() => {
      reading = undefined;
    });
    return reading;
  };
}

/** Sizes and times of the files that tell of a change; empty when the run is not there. */
export async function signatureOf(root: string, id: string): Promise<string> {
  const folder = await runFolder(root, id);
  if (folder === undefined) return '';
  const parts = await Promise.all(
    TELLING.map(async (name) => {
      const status = await stat(join(folder, name)).catch(() => undefined);
      return status ? `${status.ino} ${status.size} ${status.mtimeMs}` : '';
    }),
  );
  return parts.join('|');
}
