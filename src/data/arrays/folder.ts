import { readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { concatTensors } from '../../graph/tensors.ts';
import type { Tensor } from '../../graph/types.ts';
import { visibleFiles } from '../textFiles.ts';
import { lengthsBeforePadding } from './padding.ts';

/** A file of a folder, with its arrays. */
interface Part {
  readonly path: string;
  readonly arrays: ReadonlyMap<string, Tensor>;
}

/**
 * The arrays of all files of a folder that `read` knows, in the order of their names. Arrays of the same name are parts
 * of one, laid one after another along their first axis. Throws a UsageError for a folder without such files, and for
 * parts that do not fit together.
 */
export async function readFolder(
  folder: string,
  extensions: readonly string[],
  read: (path: string) => Promise<ReadonlyMap<string, Tensor>>,
): Promise<Map<string, Tensor>> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = visibleFiles(entries).filter((name) => extensions.includes(extname(name).toLowerCase()));
  if (names.length === 0) {
    throw new UsageError(`${folder} is a folder without arrays: expected files that end in ${extensions.join(', ')}`);
  }
  const parts: Part[] = [];
  for (const name of names) parts.push({ path: join(folder, name), arrays: await read(join(folder, name)) });
  const all = new Set(parts.flatMap(({ arrays }) => [...arrays.keys()]));
  return new Map([...all].map((name) => [name, joined(name, parts)]));
}

function joined(name: string, parts: readonly Part[]): Tensor {
  const [first, ...others] = parts.filter(({ arrays }) => arrays.has(name)) as [Part, ...Part[]];
  const array = first.arrays.get(name)!;
  if (others.length === 0) return array;
  const each = [first, ...others].map((part) => {
    const own = part.arrays.get(name)!;
    const misfit = (why: string) => new UsageError(`${part.path}: array '${name}' ${why}`);
    if (lengthsBeforePadding(own)) {
      throw misfit(
        'has examples of different lengths, which several files cannot share; put all examples into one file',
      );
    }
    if (own.elementType !== array.elementType) {
      throw misfit(`is ${own.elementType}, in ${first.path} it is ${array.elementType}`);
    }
    if (own.dims.length === 0 || own.dims.slice(1).join() !== array.dims.slice(1).join()) {
      throw misfit(
        `is [${own.dims.join(', ')}], in ${first.path} it is [${array.dims.join(', ')}]: only the first may differ`,
      );
    }
    return own;
  });
  return concatTensors(each as [Tensor, ...Tensor[]], 0);
}
