import { resolve } from 'node:path';

/** The last segments of paths, with as many before them as it takes to tell them apart. */
export function shortestNames(paths: readonly string[]): string[] {
  const parts = paths.map((path) => resolve(path).split(/[\\/]/));
  return parts.map((own, i) => {
    for (let n = 1; n < own.length; n++) {
      const name = own.slice(-n).join('/');
      if (parts.every((other, j) => j === i || other.slice(-n).join('/') !== name)) return name;
    }
    return own.join('/');
  });
}
