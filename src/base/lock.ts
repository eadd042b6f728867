import { readFileSync, rmSync } from 'node:fs';
import { open, readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SlimError } from './errors.ts';

/*
 * A lock is a file `lock.<pid>.<start>.<host>` in the directory that it is for. Everything is in the name, so that it
 * is there as a whole or not at all; a killed process leaves its file, which is void because nobody lives who has its
 * pid and start. Everyone first puts a file of their own and then looks for others: of two who come at once, at least
 * one sees the other and steps back.
 */

/** A lock that this process holds. */
export interface Lock {
  release(): void;
}

/** Who holds a lock. */
export interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly file: string;
}

/** The directory is in the hands of another process. */
export class LockedError extends SlimError {
  override readonly name: string = 'LockedError';
}

/** Whether a file in a directory is a lock, of a living process or a dead one. */
export function isLockFile(name: string): boolean {
  return NAME.test(name);
}

const NAME = /^lock\.(\d+)\.(\d+)\.(.+)$/;

/** Tries of someone who meets another one. */
const TRIES = 3;

/** Takes the lock of a directory; throws LockedError, saying who has it, when another process does. */
export async function acquireLock(directory: string): Promise<Lock> {
  const own = join(directory, `lock.${process.pid}.${startOf(process.pid) ?? 0}.${host}`);
  for (let attempt = 1; ; attempt++) {
    const file = await open(own, 'wx').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
      throw new LockedError(`${directory} is in use by this process already`);
    });
    await file.close();
    const other = await holderOf(directory, own);
    if (other === undefined) return { release: () => rmSync(own, { force: true }) };
    await rm(own, { force: true });
    if (attempt === TRIES) throw new LockedError(lockedBy(directory, other));
    await sleep(50 + Math.random() * 200);
  }
}

/** The living holder of a directory's lock, `own` apart; removes the files of dead ones. */
export async function holderOf(directory: string, own?: string): Promise<Holder | undefined> {
  let found: Holder | undefined;
  for (const name of await readdir(directory)) {
    const [, pid, start, host] = NAME.exec(name) ?? [];
    const file = join(directory, name);
    if (pid === undefined || host === undefined || file === own) continue;
    if (isAlive(Number(pid), Number(start), host)) found ??= { pid: Number(pid), host, file };
    else await rm(file, { force: true });
  }
  return found;
}

/** Waits until nobody holds the lock of a directory; throws LockedError when someone still does after `seconds`. */
export async function waitUntilFree(directory: string, seconds: number): Promise<void> {
  const end = performance.now() + seconds * 1e3;
  for (;;) {
    const holder = await holderOf(directory);
    if (holder === undefined) return;
    // Whoever runs on another machine does not end because of what happened on this one.
    if (holder.host !== host || performance.now() > end) throw new LockedError(lockedBy(directory, holder));
    await sleep(200);
  }
}

function lockedBy(directory: string, { pid, host: where, file }: Holder): string {
  const elsewhere = `process ${pid} on ${where}; if it is gone, delete ${file}`;
  return `${directory} is in use by ${where === host ? `process ${pid}; wait for it or end it` : elsewhere}`;
}

const host = hostname().replace(/[^\w.-]/g, '_') || 'localhost';

/** Whether a process lives cannot be seen from another machine, so there it counts as alive. */
function isAlive(pid: number, start: number, where: string): boolean {
  if (where !== host) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  if (process.platform !== 'linux') return true;
  const now = startOf(pid);
  return now !== undefined && (start === 0 || now === start);
}

/** When a process started, in ticks since the machine did (Linux); undefined for one that is gone or a zombie. */
function startOf(pid: number): number | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the command in parentheses, which may hold anything.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' || state === 'X' ? undefined : Number(fields[18]);
  } catch {
    return undefined;
  }
}
