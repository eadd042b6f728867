import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { PARTS, type Part } from '../parts.ts';
import { contents, partNamed, pathKind, visibleFiles } from '../textFiles.ts';
import { classFolders } from './folderTexts.ts';
import { labelledEndings } from './readLabelled.ts';

/** A file of labelled texts, or a folder with a sub-folder for each class. */
export interface LabelledSource {
  readonly path: string;
  readonly isFolder: boolean;
}

/** What there is of training, validation and test texts. */
export type LabelledParts = { readonly train: LabelledSource } & Partial<Record<Part, LabelledSource>>;

const ENDINGS = labelledEndings.map((ending) => ending.slice(1)).join('|');
const PART_FILE = new RegExp(`^(?:.+[._-])?([a-z]+)\\.(?:${ENDINGS})(?:\\.gz)?$`, 'i');

/** What stands at a path; throws a UsageError when there is nothing. */
export async function labelledSource(path: string): Promise<LabelledSource> {
  return { path, isFolder: (await pathKind(path, 'a file of labelled texts, or a folder with them')) === 'folder' };
}

/**
 * Finds the parts behind a path. A file is the training texts. A folder has files (`train.csv`, `imdb-test.jsonl.gz`) or
 * sub-folders (`train/pos`, `test/neg`) called train, and maybe valid, validation, val or dev, and test; any other
 * folder with sub-folders holds a class in each. Throws a UsageError when it is none of these.
 */
export async function findLabelled(path: string): Promise<LabelledParts> {
  const source = await labelledSource(path);
  if (!source.isFolder) return { train: source };
  const entries = await readdir(path, { withFileTypes: true });
  const visible = visibleFiles(entries);
  const found: Partial<Record<Part, LabelledSource>> = {};
  for (const part of PARTS) {
    const folders = entries.filter((e) => e.isDirectory() && partNamed(e.name) === part).map((e) => e.name);
    const files = visible.filter((name) => partNamed(PART_FILE.exec(name)?.[1] ?? '') === part);
    const [first, second] = [...files, ...folders];
    if (second !== undefined) {
      throw new UsageError(`${path} has more than one ${part} part: ${first!}, ${second}; keep one of them`);
    }
    if (first) found[part] = { path: join(path, first), isFolder: folders.includes(first) };
  }
  const { train } = found;
  if (train !== undefined) return { ...found, train };
  if (Object.keys(found).length === 0 && (await classFolders(path)).length > 0) return { train: source };
  throw new UsageError(
    `${path} has no training texts: expected a file such as train.csv (or ${labelledEndings.slice(1).join(', ')}), a ` +
      `folder train, or a sub-folder for each class; ${contents(entries)}`,
  );
}
