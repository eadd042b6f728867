import { cp, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { findRuns } from '../runs/findRuns.ts';
import { openRunFile, readRun } from '../runs/readRun.ts';
import type { RunSummary } from '../runs/record.ts';
import { runFiles } from '../runs/runDirectory.ts';
import { builtApp, loadPages } from '../serve/pages.ts';

/**
 * Writes the page of `slimrnn serve` with all finished runs as plain files, which any web server shows below any path:
 * what the page asks a server for lies there under the same addresses. Returns the ids of the runs and the bytes of
 * their files. Throws SlimError when the page is not built.
 */
export async function writeSite(root: string, out: string): Promise<{ runs: string[]; bytes: number }> {
  await loadPages();
  await cp(builtApp(), out, { recursive: true });
  const summaries: RunSummary[] = [];
  let bytes = 0;
  for (const id of await findRuns(root)) {
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
  await writeInside(out, 'api/runs.json', JSON.stringify({ runs: summaries, live: false }));
  return { runs: summaries.map(({ id }) => id), bytes };
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
