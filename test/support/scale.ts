import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/*
 * For tests that need what not every machine has: each is skipped, by name, where it is missing.
 */

/** Whether only what takes little time is to run. */
export const isShort = process.env.SLIMRNN_SCALE === 'short';

/** Path of a command; undefined where the machine lacks it. */
export function commandOf(name: string, folders = (process.env.PATH ?? '').split(':')): string | undefined {
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** A way of starting processes that train together. */
export interface MpiLauncher {
  readonly name: string;
  /** Command and first arguments; undefined where it is not installed. */
  readonly command: readonly string[] | undefined;
}

/** Both families of MPI, by the launchers that Debian's packages give them. */
export const launchers: readonly MpiLauncher[] = [
  { name: 'MPICH', command: launcher('mpirun.mpich', []) },
  // As root it wants to be asked twice; on few cores it must not insist on one for each process.
  {
    name: 'Open MPI',
    command: launcher('mpirun.openmpi', ['--allow-run-as-root', '--oversubscribe', '--bind-to', 'none']),
  },
];

function launcher(name: string, args: readonly string[]): readonly string[] | undefined {
  const path = commandOf(name);
  return path === undefined ? undefined : [path, ...args];
}

/** Whether a command with these arguments ends well here. */
export function works(command: string, ...args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 20_000 }).status === 0;
}
