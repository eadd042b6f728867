import { cp, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SlimError } from '../base/errors.ts';
import { fileErrorReason, TEMPORARY } from '../base/files.ts';
import { findRuns, moreRuns, requireReadable } from '../runs/findRuns.ts';
import { openRunFile, readRun } from '../runs/readRun.ts';
import type { RunSummary } from '../runs/record.ts';
import { runFiles } from '../runs/runDirectory.ts';
import { builtApp, loadPages } from '../serve/pages.ts';

/** Folder in which a site is made, inside the one that it is for; what a killed process left of it is no content. */
export const HALF_WRITTEN = `.slimrnn-site${TEMPORARY}`;

/** What was written. */
export interface WrittenSite {
  /** Ids of the runs. */
  readonly runs: readonly string[];
  /** Bytes of their files. */
  readonly bytes: number;
  /** What is not in it, in words. */
  readonly problems: readonly string[];
}

/**
 * Writes the page of `slimrnn serve` with all finished runs as plain files, which any web server shows below any path:
 * what the page asks a server for lies there under the same addresses. Throws SlimError when the page is not built or
 * cannot be written; nothing is left then.
 */
export async function writeSite(root: string, out: string): Promise<WrittenSite> {
  await loadPages();
  await requireReadable(root);
  const making = join(out, HALF_WRITTEN);
  let first: string | undefined;
  try {
    await rm(making, { recursive: true, force: true });
    first = await mkdir(out, { recursive: true });
    await mkdir(making);
    const written = await writeInto(making, root);
    for (const name of await readdir(making)) await rename(join(making, name), join(out, name));
    await rm(making, { recursive: true });
    return written;
  } catch (cause) {
    await rm(first ?? making, { recursive: true, force: true }).catch(() => undefined);
    if (cause instanceof SlimError || !(cause instanceof Error && 'code' in cause)) throw cause;
    throw new SlimError(`cannot write ${out}: ${fileErrorReason(cause)}`, { cause });
  }
}

async function writeInto(out: string, root: string): Promise<WrittenSite> {
  await cp(builtApp, out, { recursive: true });
  const summaries: RunSummary[] = [];
  let bytes = 0;
  const { ids, more: isCut } = await findRuns(root);
  for (const id of ids) {
    const record = await readRun(root, id);
    const { summary } = record;
    if (summary.state !== 'finished') continue;
    summaries.push(summary);
    await writeInside(out, `api/runs/${placeOf(id)}.json`, JSON.stringify(record));
    for (const name of summary.files) bytes += await copyOut(root, id, name, out);
  }
  for (const folder of new Set(summaries.flatMap(({ folderReport }) => folderReport ?? []))) {
    bytes += await copyOut(root, folder, runFiles.report, out);
  }
  const more = moreRuns({ ids, more: isCut });
  await writeInside(out, 'api/runs.json', JSON.stringify({ runs: summaries, more, live: false }));
  return { runs: summaries.map(({ id }) => id), bytes, problems: more === undefined ? [] : [more] };
}

/** Copies a file of a run to where the page looks for it; gives its bytes. */
async function copyOut(root: string, id: string, name: string, out: string): Promise<number> {
  const file = await openRunFile(root, id, name);
  if (file === undefined) return 0;
  try {
    await writeInside(out, `files/${placeOf(id)}/${name}`, file.handle.createReadStream({ autoClose: false }));
  } finally {
    await file.handle.close();
  }
  return file.size;
}

/** An id as part of a path; the root itself has no name. */
function placeOf(id: string): string {
  return id === '' ? '~' : id;
}

async function writeInside(out: string, path: string, content: string | AsyncIterable<Uint8Array>): Promise<void> {
  const target = join(out, path);
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, content);
}
