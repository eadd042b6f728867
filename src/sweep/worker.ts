import { SlimError, UsageError } from '../base/errors.ts';
import { LockedError } from '../base/lock.ts';
import { runtimeFor } from '../runtime/devices.ts';
import { InterruptedError } from '../train/errors.ts';
import { advance } from './advance.ts';
import type { Blame, WorkerMessage } from './childProcess.ts';
import { readPlan } from './planFile.ts';

/*
 * The process of one worker: node worker.js <directory of the sweep> <run> <epoch>. It ends with its parent: when the
 * channel to it closes the run is stopped with a checkpoint.
 */

/** Milliseconds that a run has for its last checkpoint once the parent is gone. */
const FAREWELL = 10_000;

const stop = new AbortController();
const leave = () => {
  stop.abort();
  setTimeout(() => process.exit(130), FAREWELL).unref();
};
process.on('disconnect', leave);
process.on('SIGTERM', leave);
// Ctrl-C and the loss of the terminal reach the whole group of processes; the parent decides what they mean.
process.on('SIGINT', () => undefined);
process.on('SIGHUP', () => undefined);
process.stderr.on('error', () => undefined);
if (!process.connected) leave();

function tell(message: WorkerMessage): void {
  // A parent that is gone needs no news; its end is noticed by the channel.
  if (process.connected) process.send?.(message, () => undefined);
}

/** Errors of the file system come as the cause of what is said of them. */
function blameFor(error: unknown): Blame {
  if (error instanceof UsageError) return 'user';
  if (error instanceof LockedError) return 'surroundings';
  return error instanceof SlimError && error.cause instanceof Error && 'code' in error.cause
    ? 'surroundings'
    : 'process';
}

const [directory = '', run = '', until = ''] = process.argv.slice(2);
try {
  const plan = await readPlan(directory);
  await advance({
    plan,
    run: Number(run),
    directory,
    until: Number(until),
    runtime: await runtimeFor(plan.runs[Number(run)]?.config.device),
    signal: stop.signal,
    onEpoch: (metrics) => tell({ kind: 'epoch', metrics }),
  });
  process.exitCode = 0;
} catch (error) {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  tell({ kind: 'error', error: error instanceof SlimError ? error.message : stack, blame: blameFor(error) });
  process.exitCode = error instanceof InterruptedError ? 130 : 1;
}
// The channel keeps the process alive.
process.removeListener('disconnect', leave);
if (process.connected) process.disconnect();
