import { existsSync } from 'node:fs';

/**
 * A file or folder of this package, from the folder of its package.json on. That folder is found by looking upwards,
 * because this code runs from src, from dist and from the build of the benchmarks.
 */
export function packageFile(path: string): URL {
  let folder = new URL('.', import.meta.url);
  while (!existsSync(new URL('package.json', folder))) {
    const above = new URL('..', folder);
    if (above.href === folder.href) throw new Error(`no package.json above ${import.meta.url}`);
    folder = above;
  }
  return new URL(path, folder);
}
