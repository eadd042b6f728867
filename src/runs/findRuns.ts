import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { UsageError } from '../errors.ts';
import { fileErrorReason } from '../files.ts';
import { runFiles } from '../train/runDirectory.ts';

/** How far below the root runs are looked for, and how many entries of folders are looked at. */
const MOST_LEVELS = 4;
const MOST_ENTRIES = 10_000;

/**
 * Ids of all run directories in a folder, itself included (its id is empty): paths below the root, segments joined by
 * '/', in the order of their names. A symbolic link counts only when it leads to a place inside the root. Looks at most
 * at four levels and 10 000 entries. Throws UsageError when the root is no folder.
 */
export async function findRuns(root: string): Promise<string[]> {
  const base = await realRoot(root);
  const found: string[] = [];
  let entries = 0;
  const visit = async (id: string, level: number): Promise<void> => {
    const folder = join(base, id);
    const names = await readdir(folder).catch((): string[] => []);
    if (names.includes(runFiles.config)) found.push(id);
    if (level === MOST_LEVELS) return;
    for (const name of names.sort()) {
      if (++entries > MOST_ENTRIES) return;
      const inside = id === '' ? name : `${id}/${name}`;
      if (!name.startsWith('.') && (await isFolderInside(base, inside))) await visit(inside, level + 1);
    }
  };
  await visit('', 0);
  return found;
}

/**
 * The real path of a run's folder, for an id that `findRuns` could give; undefined for every other id: one with empty
 * segments, '.', '..', hidden names or control characters, one that leads out of the root, one that is no run.
 */
export async function runFolder(root: string, id: string): Promise<string | undefined> {
  const segments = id === '' ? [] : id.split('/');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not pass.
  const isPlain = (s: string) => s !== '' && !s.startsWith('.') && !/[\u0000-\u001f\\]/.test(s);
  if (segments.length > MOST_LEVELS || !segments.every(isPlain)) return undefined;
  const base = await realRoot(root).catch(() => undefined);
  if (base === undefined) return undefined;
  const folder = await realpath(join(base, ...segments)).catch(() => undefined);
  if (folder === undefined || !isInside(base, folder)) return undefined;
  const config = await lstat(join(folder, runFiles.config)).catch(() => undefined);
  return config === undefined ? undefined : folder;
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

async function isFolderInside(base: string, id: string): Promise<boolean> {
  const path = join(base, id);
  const status = await lstat(path).catch(() => undefined);
  if (status?.isDirectory()) return true;
  if (!status?.isSymbolicLink()) return false;
  const target = await realpath(path).catch(() => undefined);
  // A link to a folder above it would be walked in circles until the levels end.
  if (target === undefined || !isInside(base, target) || isInside(target, path)) return false;
  return (await stat(target).catch(() => undefined))?.isDirectory() ?? false;
}
