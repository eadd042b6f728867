import { constants, type Dirent } from 'node:fs';
import { access, lstat, opendir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { UsageError } from '../base/errors.ts';
import { fileErrorReason } from '../base/files.ts';
import { grouped } from '../base/format.ts';
import { runFiles } from './runDirectory.ts';

/** How far below the root runs are looked for, in how many folders, and at how many entries of folders. */
const MOST_LEVELS = 4;
const MOST_FOLDERS = 10_000;
const ENTRIES_PER_FOLDER = 10;
/** A folder that was changed less than so many milliseconds ago may change again without another time. */
const SETTLED = 2000;
/** Folders that are looked at together. */
const TOGETHER = 64;

/** The runs of a folder. */
export interface FoundRuns {
  /** Their ids, sorted. */
  readonly ids: readonly string[];
  /** Whether there are folders that were not looked at, because there are too many. */
  readonly more: boolean;
  /**
   * What changes when a file of a run's folder is made, replaced or removed, by its id; undefined where that cannot be
   * told from the last change.
   */
  readonly stamps: ReadonlyMap<string, string | undefined>;
}

/** A folder as it was seen last. */
interface SeenFolder {
  readonly stamp: string;
  readonly isRun: boolean;
  /** Ids of the folders in it, and how many entries were looked at for them. */
  readonly below: readonly string[];
  readonly entries: number;
  readonly more: boolean;
}

/**
 * Ids of all run directories in a folder, itself included (its id is empty): paths below the root, segments joined by
 * '/', sorted. A symbolic link counts only when it leads to a place inside the root. Level by level, so that a folder
 * with much else in it does not hide the runs beside it. Throws UsageError when the root is no folder or cannot be read.
 */
export async function findRuns(root: string, mostFolders?: number): Promise<FoundRuns> {
  return createRunFinder(root, mostFolders)();
}

/** `findRuns`, again and again: a folder that has not changed since is not read again. */
export function createRunFinder(root: string, mostFolders: number = MOST_FOLDERS): () => Promise<FoundRuns> {
  let known = new Map<string, SeenFolder>();
  return async () => {
    const base = await requireReadable(root);
    const seen: typeof known = new Map();
    const stamps = new Map<string, string | undefined>();
    const left = { folders: mostFolders, entries: ENTRIES_PER_FOLDER * mostFolders };
    const settled = Date.now() - SETTLED;
    let more = false;
    let folders = [''];
    for (let level = 0; level <= MOST_LEVELS; level++) {
      const below: string[] = [];
      const states = await inTurns(folders, (id) => stat(join(base, id)).catch(() => undefined));
      for (const [i, id] of folders.entries()) {
        const state = states[i];
        if (state === undefined) continue;
        const stamp = `${state.ino} ${state.mtimeMs}`;
        const isSettled = state.mtimeMs < settled;
        const before = known.get(id);
        const folder = before?.stamp === stamp ? before : await lookInto(base, id, stamp, level, left);
        left.folders -= folder.below.length;
        left.entries -= folder.entries;
        more ||= folder.more;
        if (isSettled && !folder.more) seen.set(id, folder);
        if (folder.isRun) stamps.set(id, isSettled ? stamp : undefined);
        below.push(...folder.below);
      }
      folders = below.sort();
    }
    known = seen;
    return { ids: [...stamps.keys()].sort(), more, stamps };
  };
}

/** What is in a folder, as far as there is room. */
async function lookInto(
  base: string,
  id: string,
  stamp: string,
  level: number,
  left: { readonly folders: number; readonly entries: number },
): Promise<SeenFolder> {
  const isARun = await isRun(join(base, id));
  const nothing = { stamp, isRun: isARun, below: [], entries: 0, more: false };
  if (level === MOST_LEVELS) return nothing;
  const { entries, more } = await entriesOf(join(base, id), Math.max(0, left.entries));
  const below: string[] = [];
  for (const entry of entries) {
    const inside = id === '' ? entry.name : `${id}/${entry.name}`;
    if (!isPlain(entry.name) || !(await isFolderInside(base, inside, entry))) continue;
    if (below.length >= left.folders) return { ...nothing, below, entries: entries.length, more: true };
    below.push(inside);
  }
  return { ...nothing, below, entries: entries.length, more };
}

/** The results of some work on each, not on all at once. */
async function inTurns<T, U>(all: readonly T[], work: (each: T) => Promise<U>): Promise<U[]> {
  const done: U[] = [];
  for (let i = 0; i < all.length; i += TOGETHER)
    done.push(...(await Promise.all(all.slice(i, i + TOGETHER).map(work))));
  return done;
}

/** The real path of a folder with runs; throws UsageError when it is none or cannot be read. */
export async function requireReadable(root: string): Promise<string> {
  const base = await realRoot(root);
  try {
    await access(base, constants.R_OK | constants.X_OK);
  } catch (cause) {
    throw new UsageError(`cannot read ${root}: ${fileErrorReason(cause)}`, { cause });
  }
  return base;
}

/** What a person is told where there are more runs than are shown; undefined where all are. */
export function moreRuns({ ids, more }: Pick<FoundRuns, 'ids' | 'more'>): string | undefined {
  if (!more) return undefined;
  return `${grouped(ids.length)} of more runs are shown: this folder holds more folders than are looked at`;
}

/** The real path of a run's folder; undefined for an id that `findRuns` could not give, such as one that leads out. */
export async function runFolder(root: string, id: string): Promise<string | undefined> {
  const folder = await folderInside(root, id);
  return folder !== undefined && (await isRun(folder)) ? folder : undefined;
}

/** As `runFolder`, for folders that need not be runs. */
export async function folderInside(root: string, id: string): Promise<string | undefined> {
  const segments = id === '' ? [] : id.split('/');
  if (segments.length > MOST_LEVELS || !segments.every(isPlain)) return undefined;
  const base = await realRoot(root).catch(() => undefined);
  if (base === undefined) return undefined;
  const folder = await realpath(join(base, ...segments)).catch(() => undefined);
  return folder !== undefined && isInside(base, folder) ? folder : undefined;
}

async function isRun(folder: string): Promise<boolean> {
  return (await lstat(join(folder, runFiles.config)).catch(() => undefined)) !== undefined;
}

/** True when a real path is the root's or below it. */
export function isInside(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
}

async function realRoot(root: string): Promise<string> {
  try {
    const base = await realpath(root);
    if ((await stat(base)).isDirectory()) return base;
  } catch (cause) {
    throw new UsageError(`cannot read ${root}: ${fileErrorReason(cause)}`, { cause });
  }
  throw new UsageError(`${root} is no folder`);
}

/** A segment of an id: neither empty nor hidden, no '.' or '..', without control characters and backslashes. */
function isPlain(name: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not pass.
  return name !== '' && !name.startsWith('.') && !/[\u0000-\u001f\\]/.test(name);
}

/** The first entries of a folder; none when it cannot be read. */
async function entriesOf(folder: string, most: number): Promise<{ entries: Dirent[]; more: boolean }> {
  const entries: Dirent[] = [];
  try {
    for await (const entry of await opendir(folder)) {
      if (entries.length >= most) return { entries, more: true };
      entries.push(entry);
    }
  } catch {
    // Gone meanwhile, or not for this user to read.
  }
  return { entries, more: false };
}

async function isFolderInside(base: string, id: string, entry: Dirent): Promise<boolean> {
  if (entry.isDirectory()) return true;
  if (!entry.isSymbolicLink()) return false;
  const path = join(base, id);
  const target = await realpath(path).catch(() => undefined);
  // A link to a folder above it would be walked in circles until the levels end.
  if (target === undefined || !isInside(base, target) || isInside(target, path)) return false;
  return (await stat(target).catch(() => undefined))?.isDirectory() ?? false;
}
