import { readFileSync } from 'node:fs';
import { SlimError } from './errors.ts';

/**
 * A file or folder of this package, from the folder of its package.json on. That folder is found by looking upwards,
 * because this code runs from src, from dist and from the build of the benchmarks. Throws a SlimError where there is none,
 * in an application into which this code was bundled.
 */
export function packageFile(path: string): URL {
  let folder = new URL('.', import.meta.url);
  while (!isOwn(new URL('package.json', folder))) {
    const above = new URL('..', folder);
    if (above.href === folder.href) {
      throw new SlimError(
        `${path} of the package slimrnn is not beside its code (${import.meta.url}): leave it out of bundles`,
      );
    }
    folder = above;
  }
  return new URL(path, folder);
}

/** True for the package.json of this package, and not of an application that it is bundled into. */
function isOwn(file: URL): boolean {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { name?: unknown }).name === 'slimrnn';
  } catch {
    return false;
  }
}
