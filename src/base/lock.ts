import { closeSync, existsSync, futimesSync, openSync, rmSync, writeSync } from 'node:fs';
import { open, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { atExit } from './atExit.ts';
import { SlimError } from './errors.ts';
import { TEMPORARY } from './files.ts';
import { duration } from './format.ts';
import { isHere, livesThere, ownPlace, placeName, startOf } from './place.ts';

/*
 * A lock is a file `lock.<pid>.<start>.<place>` in the directory that it is for. Everything is in the name, so that it
 * is there as a whole or not at all; a killed process leaves its file, which is void because nobody lives who has its
 * pid and start. Who cannot see that, from another machine or container, goes by the file's time, which its owner keeps
 * fresh. Everyone first puts a file of their own and then looks for others: of two who come at once, one steps back.
 */

/** A lock that this process holds. */
export interface Lock {
  /** Whose lock was taken over because nothing was heard of them, in words. */
  readonly takenOver?: string | undefined;
  release(): void;
}

/** Who holds a lock. */
export interface Holder {
  readonly pid: number;
  readonly place: string;
  readonly file: string;
  /** Seconds since its last sign of life, where it gives any. */
  readonly silent?: number | undefined;
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
/** Milliseconds between two signs of life, and seconds of silence after which a holder elsewhere counts as dead. */
const SIGN_OF_LIFE = 10_000;
const SILENCE = 180;

/** Files of the locks that this process holds, by their directories. */
const held = new Map<string, string>();

/**
 * Takes the lock of a directory; throws LockedError, saying who has it, when another process does: after `patience` seconds
 * (0 by default) where that one is here, because it may be about to end.
 */
export async function acquireLock(
  directory: string,
  { patience = 0 }: { readonly patience?: number } = {},
): Promise<Lock> {
  const end = performance.now() + patience * 1e3;
  const own = join(directory, `lock.${process.pid}.${startOf('self') ?? 0}.${ownPlace}`);
  let takenOver: string | undefined;
  const onVoid = ({ pid, place, silent }: Holder) => {
    if (silent === undefined) return;
    takenOver = `nothing was heard of process ${pid} on ${placeName(place)} for ${duration(silent)}: it counts as dead`;
  };
  for (let attempt = 1; ; attempt++) {
    const file = await open(own, 'wx').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
      throw new LockedError(`${directory} is in use by this process already`);
    });
    await file.close();
    const other = await holderOf(directory, { own, onVoid });
    if (other === undefined) return { takenOver, release: hold(directory, own) };
    await rm(own, { force: true });
    const isLast = attempt >= TRIES && !(isHere(other.place) && performance.now() < end);
    if (isLast) throw new LockedError(lockedBy(directory, other));
    await sleep(50 + Math.random() * 200);
  }
}

/** Keeps a lock fresh until the function returned is called, or the process ends. */
function hold(directory: string, file: string): () => void {
  const key = resolve(directory);
  held.set(key, file);
  const signs = setInterval(() => refresh(file), SIGN_OF_LIFE);
  signs.unref();
  const drop = () => rmSync(file, { force: true });
  const forget = atExit(drop);
  return () => {
    clearInterval(signs);
    forget();
    held.delete(key);
    drop();
  };
}

/** Gives a lock the time of its file system, which everyone who looks compares with; never makes it anew. */
function refresh(file: string): void {
  try {
    const handle = openSync(file, 'r+');
    try {
      writeSync(handle, '.', 0);
    } catch {
      // On a full disk no byte can be added, but the time can be set.
      futimesSync(handle, new Date(), new Date());
    } finally {
      closeSync(handle);
    }
  } catch {
    // A sign that is missed is no reason to stop; the next one may come through.
  }
}

/** Throws LockedError where this process had a directory's lock and another one has taken it over meanwhile. */
export function requireHeld(directory: string): void {
  const file = held.get(resolve(directory));
  if (file === undefined || existsSync(file)) return;
  throw new LockedError(
    `${directory} was taken over by another process while this one was silent; nothing more is written`,
  );
}

/** How one looks for holders: not for `own`, and `onVoid` is told whose files are removed. */
interface Look {
  readonly own?: string;
  readonly onVoid?: (holder: Holder) => void;
}

/** The living holder of a directory's lock; removes the files of dead ones. */
export async function holderOf(directory: string, { own, onVoid }: Look = {}): Promise<Holder | undefined> {
  let found: Holder | undefined;
  for (const name of await readdir(directory)) {
    const [, pid, start, place] = NAME.exec(name) ?? [];
    const file = join(directory, name);
    if (pid === undefined || place === undefined || file === own) continue;
    const lives = livesThere(Number(pid), Number(start), place);
    const silent = lives === undefined && place.includes('~') ? await silenceOf(directory, file) : undefined;
    const holder = { pid: Number(pid), place, file, silent };
    if (lives ?? (silent === undefined || silent < SILENCE)) found ??= holder;
    else {
      onVoid?.(holder);
      await rm(file, { force: true });
    }
  }
  return found;
}

/** Seconds since a file was written to, by the clock of its file system. */
async function silenceOf(directory: string, file: string): Promise<number> {
  const probe = join(directory, `.lock.${process.pid}${TEMPORARY}`);
  const now = await writeFile(probe, '').then(
    async () => (await stat(probe)).mtimeMs,
    () => Date.now(),
  );
  await rm(probe, { force: true });
  const written = await stat(file).catch(() => undefined);
  return written === undefined ? SILENCE : Math.max(0, (now - written.mtimeMs) / 1e3);
}

/** Waits until nobody holds the lock of a directory; throws LockedError when someone still does after `seconds`. */
export async function waitUntilFree(directory: string, seconds: number): Promise<void> {
  const end = performance.now() + seconds * 1e3;
  for (;;) {
    const holder = await holderOf(directory);
    if (holder === undefined) return;
    // Whoever runs elsewhere does not end because of what happened here.
    if (!isHere(holder.place) || performance.now() > end) throw new LockedError(lockedBy(directory, holder));
    await sleep(200);
  }
}

function lockedBy(directory: string, { pid, place, file, silent }: Holder): string {
  const whom = `${directory} is in use by process ${pid}`;
  if (isHere(place)) return `${whom}; wait for it or end it`;
  const wait = silent === undefined ? '' : `, or wait: it counts as dead after ${SILENCE / 60} minutes of silence`;
  return `${whom} on ${placeName(place)}; if it is gone, delete ${file}${wait}`;
}
