import { existsSync, readdirSync } from 'node:fs';
import type { Started } from './runCli.ts';

/** The folders of all runs in a folder that some process has in its hands, with that process. */
export function lockedRuns(folder: string): { readonly run: string; readonly pid: number }[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).flatMap((path) => {
    const [, run, pid] = /^(.+)\/lock\.(\d+)\./.exec(path) ?? [];
    return run === undefined ? [] : [{ run, pid: Number(pid) }];
  });
}

/** Waits until something is there while a sweep is under way; its end comes as an error. */
export async function until(run: Started, isThere: () => boolean): Promise<void> {
  let isOver = false;
  void run.finished.then(() => {
    isOver = true;
  });
  while (!isThere()) {
    if (isOver) throw new Error(`the sweep ended before:\n${run.stderr()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
