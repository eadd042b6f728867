import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { isAbsolute, join, relative, sep, win32 } from 'node:path';
import { fileErrorReason } from '../base/files.ts';
import type { ExternalData } from './reading.ts';

/** A data file that is open, and what was read of it. */
interface DataFile {
  /** Its own path, whatever links lead to it. */
  readonly path: string;
  readonly descriptor: number;
  readonly size: number;
  readonly regions: Map<string, Uint8Array>;
  /** Bytes read so far. */
  read: number;
}

/**
 * The data files of a model in a folder. They are opened when first wanted, and must lie in that folder. Never is more
 * read of a file than it holds: what two tensors share is read once, and tensors that overlap otherwise are refused.
 * `close` them when the model is read; before that, `bytes` is the size of all that were opened, each as a whole.
 */
export function externalFiles(folder: string): ExternalData & { bytes(): number; close(): void } {
  const files = new Map<string, DataFile | string>();
  return {
    read(location, offset, length) {
      let file = files.get(location);
      if (file === undefined) {
        file = openDataFile(folder, location);
        files.set(location, file);
      }
      return typeof file === 'string' ? file : readRegion(file, offset, length ?? file.size - offset);
    },
    bytes() {
      const sizes = new Map<string, number>();
      for (const file of files.values()) if (typeof file !== 'string') sizes.set(file.path, file.size);
      return [...sizes.values()].reduce((a, b) => a + b, 0);
    },
    close() {
      for (const file of files.values()) if (typeof file !== 'string') closeSync(file.descriptor);
      files.clear();
    },
  };
}

/** A data file, or why it is refused. */
function openDataFile(folder: string, location: string): DataFile | string {
  const refusal = refuseLocation(location);
  if (refusal !== undefined) return refusal;
  try {
    const real = realpathSync(join(folder, location));
    const inside = relative(realpathSync(folder), real);
    if (inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) {
      return "it is a link that leads out of the model's folder; put the data file itself there";
    }
    // Without waiting, for a pipe would never open.
    const descriptor = openSync(real, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stat = fstatSync(descriptor);
    if (stat.isFile()) return { path: real, descriptor, size: stat.size, regions: new Map(), read: 0 };
    closeSync(descriptor);
    return 'it is no file';
  } catch (error) {
    return fileErrorReason(error);
  }
}

/** Why a location cannot lie in the model's folder, whatever is there. */
function refuseLocation(location: string): string | undefined {
  if (location === '') return 'no file is named';
  if (location.includes('\0')) return 'the name of a file cannot hold a zero byte';
  // Written on one system, read on another: a path of any of them counts.
  if (isAbsolute(location) || win32.isAbsolute(location) || /^[a-z]:/i.test(location)) {
    return "the path is absolute; data files must lie in the model's folder";
  }
  return location.split(/[/\\]/).includes('..') ? "the path leads out of the model's folder" : undefined;
}

function readRegion(file: DataFile, offset: number, length: number): Uint8Array | string {
  const key = `${offset} ${length}`;
  const known = file.regions.get(key);
  if (known) return known;
  if (!(offset >= 0 && length >= 0 && offset + length <= file.size)) {
    return `it has ${file.size} bytes, but the tensor's are ${length} from offset ${offset} on`;
  }
  if (file.read + length > file.size)
    return `the tensors in it overlap: together they take more than its ${file.size} bytes`;
  try {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      // One call reads less than 2 GiB.
      const got = readSync(file.descriptor, bytes, done, Math.min(length - done, 2 ** 30), offset + done);
      if (got === 0) return 'it became shorter while it was read';
      done += got;
    }
    file.read += length;
    file.regions.set(key, bytes);
    return bytes;
  } catch (error) {
    return error instanceof RangeError ? `${length} bytes do not fit into memory` : fileErrorReason(error);
  }
}
