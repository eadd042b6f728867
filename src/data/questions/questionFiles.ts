import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { PARTS, type Part } from '../parts.ts';
import { contents, partNamed, pathKind, readTextFile, visibleFiles } from '../textFiles.ts';
import { type Passage, readSquad } from './squad.ts';

const EXPECTED = 'a file in the form of SQuAD 1.1, or a folder with train and dev files';
const PART_FILE = /^(?:.*[._-])?(train|valid|validation|val|dev|test)(?:[._-].*)?\.json(?:\.gz)?$/i;

/**
 * The files of the parts behind a path: a file is the training questions, a folder has files such as `train-v1.1.json`
 * and `dev-v1.1.json.gz`. Throws a UsageError when there is no training file, or two of a part.
 */
export async function findQuestionFiles(
  path: string,
): Promise<{ readonly train: string } & Partial<Record<Part, string>>> {
  if ((await pathKind(path, EXPECTED)) === 'file') return { train: path };
  const entries = await readdir(path, { withFileTypes: true });
  const visible = visibleFiles(entries);
  const found: Partial<Record<Part, string>> = {};
  for (const part of PARTS) {
    const [first, second] = visible.filter((name) => partNamed(PART_FILE.exec(name)?.[1] ?? '') === part);
    if (second !== undefined)
      throw new UsageError(`${path} has more than one ${part} file: ${first}, ${second}; keep one`);
    if (first) found[part] = join(path, first);
  }
  const { train } = found;
  if (train === undefined) {
    throw new UsageError(
      `${path} has no training questions: expected a file such as train-v1.1.json; ${contents(entries)}`,
    );
  }
  return { ...found, train };
}

/**
 * Reads a file in the form of SQuAD 1.1, gzipped or not. Throws a UsageError when it cannot be read, is not UTF-8, or as
 * `readSquad`.
 */
export async function readQuestionFile(path: string): Promise<Passage[]> {
  if ((await pathKind(path, EXPECTED)) === 'folder') {
    throw new UsageError(`${path} is a folder: name a file in it, in the form of SQuAD 1.1`);
  }
  return readSquad(await readTextFile(path), basename(path));
}
