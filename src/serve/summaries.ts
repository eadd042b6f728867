import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createRunFinder, moreRuns, runFolder } from '../runs/findRuns.ts';
import { readRun } from '../runs/readRun.ts';
import type { RunSummary } from '../runs/record.ts';
import { runFiles } from '../runs/runDirectory.ts';
import { recordFiles } from '../sweep/runRecord.ts';

/** The runs of a folder, and what to say where there are more. */
export interface ListedRuns {
  readonly runs: readonly RunSummary[];
  readonly more?: string | undefined;
}

/** Lists the runs of a folder, again and again; the same object while nothing has changed. */
export type ListRuns = () => Promise<ListedRuns>;

/** Files whose change means that a run has changed. */
const { metrics, live, result, config, report } = runFiles;
const TELLING = [metrics, live, result, config, report, recordFiles.failure];

/** What was read of a run, and of what. */
interface KnownRun {
  readonly stamp: string | undefined;
  readonly signature: string;
  readonly summary: RunSummary;
}

/**
 * Reads a run again only when its folder and then a file of it have changed, or while it seems to run: silence tells
 * that it stopped. A run replaces its files, which shows in the time of its folder: one look at each is enough.
 */
export function createSummaries(root: string): ListRuns {
  const find = createRunFinder(root);
  let known = new Map<string, KnownRun>();
  let last: ListedRuns = { runs: [] };
  let reading: Promise<ListedRuns> | undefined;
  const look = async (id: string, stamp: string | undefined): Promise<KnownRun | undefined> => {
    const before = known.get(id);
    const isIdle = before !== undefined && before.summary.state !== 'running';
    if (isIdle && stamp !== undefined && before.stamp === stamp) return before;
    const signature = await signatureOf(root, id);
    if (isIdle && before.signature === signature) return { ...before, stamp };
    const summary = (await readRun(root, id).catch(() => undefined))?.summary;
    return summary && { stamp, signature, summary };
  };
  const list = async () => {
    const found: typeof known = new Map();
    const { ids, more, stamps } = await find();
    for (const id of ids) {
      const run = await look(id, stamps.get(id));
      if (run) found.set(id, run);
    }
    const isSame =
      found.size === known.size && [...found].every(([id, { summary }]) => known.get(id)?.summary === summary);
    known = found;
    const told = moreRuns({ ids, more });
    if (!isSame || told !== last.more) last = { runs: [...found.values()].map(({ summary }) => summary), more: told };
    return last;
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
