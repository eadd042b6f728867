import { rmSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { atExit } from '../base/atExit.ts';
import { TEMPORARY } from '../base/files.ts';
import type { RunLive } from './record.ts';
import { runFiles } from './runDirectory.ts';

/** Where a running training is, without the time. */
export type LiveProgress = Omit<RunLive, 'updatedAt'>;

/** Milliseconds between two writings, and after which the last one is written again although nothing was told. */
const INTERVAL = 1000;
const SIGN_OF_LIFE = 10_000;

/**
 * Keeps live.json of a run up to date while it goes on. It is a courtesy to onlookers, so nothing that goes wrong with it stops the run, and it is not
 * flushed to disk: renamed in place, it always holds one whole document.
 */
export function liveFile(directory: string) {
  const path = join(directory, runFiles.live);
  const temporary = join(directory, `.${runFiles.live}${TEMPORARY}`);
  let written = Number.NEGATIVE_INFINITY;
  let writing: Promise<void> = Promise.resolve();
  let isWriting = false;
  let last: LiveProgress | undefined;
  const begin = (progress: LiveProgress) => {
    written = performance.now();
    isWriting = true;
    writing = writeFile(temporary, `${JSON.stringify({ ...progress, updatedAt: Date.now() })}\n`)
      .then(() => rename(temporary, path))
      .catch(() => undefined)
      .finally(() => {
        isWriting = false;
      });
  };
  const forget = atExit(() => rmSync(path, { force: true }));
  // Scoring a long text tells nothing for minutes, and a run that is silent counts as stopped.
  const signs = setInterval(() => {
    if (last && !isWriting && performance.now() - written >= SIGN_OF_LIFE) begin(last);
  }, SIGN_OF_LIFE / 2);
  signs.unref();
  return {
    /** Tells where the run is; written at most once a second. */
    report(progress: LiveProgress): void {
      last = progress;
      if (!isWriting && performance.now() - written >= INTERVAL) begin(progress);
    },
    /** The run has ended in whatever way: removes the file. */
    async end(): Promise<void> {
      clearInterval(signs);
      forget();
      await writing;
      await rm(temporary, { force: true }).catch(() => undefined);
      await rm(path, { force: true }).catch(() => undefined);
    },
  };
}
