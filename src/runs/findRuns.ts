import type { Dirent } from 'node:fs';
import { lstat, opendir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { UsageError } from '../base/errors.ts';
import { fileErrorReason } from '../base/files.ts';
import { runFiles } from './runDirectory.ts';

/** How far below the root runs are looked for, and how many entries of folders are looked at. */
const MOST_LEVELS = 4;
const MOST_ENTRIES = 10_000;

/**
 * Ids of all run directories in a folder, itself included (its id is empty): paths below the root, segments joined by
 * '/', sorted. A symbolic link counts only when it leads to a place inside the root. Level by level, so that a folder
 * with much else in it does not hide the runs beside it. Throws UsageError when the root is no folder.
 */
export async function findRuns(root: string, mostEntries: number = MOST_ENTRIES): Promise<string[]> {
  const base = await realRoot(root);
  const found: string[] = [];
  let left = mostEntries;
  let folders = [''];
  for (let level = 0; level <= MOST_LEVELS; level++) {
    const below: string[] = [];
    for (const id of folders) {
      if (await isRun(join(base, id))) found.push(id);
      if (level === MOST_LEVELS) continue;
      const entries = await entriesOf(join(base, id), left);
      left -= entries.length;
      for (const entry of entries) {
        const inside = id === '' ? entry.name : `${id}/${entry.name}`;
        if (isPlain(entry.name) && (await isFolderInside(base, inside, entry))) below.push(inside);
      }
    }
    folders = below.sort();
  }
  return found.sort();
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
async function entriesOf(folder: string, most: number): Promise<Dirent[]> {
  const entries: Dirent[] = [];
  if (most <= 0) return entries;
  try {
    for await (const entry of await opendir(folder)) {
      entries.push(entry);
      if (entries.length >= most) break;
    }
  } catch {
    // Gone meanwhile, or not for this user to read.
  }
  return entries;
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
