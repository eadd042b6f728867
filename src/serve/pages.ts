import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { getMimeType } from 'hono/utils/mime';
import { SlimError } from '../base/errors.ts';
import { packageFile } from '../base/packageFile.ts';

/** A file of the page, and its media type. */
type PageFile = { readonly bytes: Uint8Array<ArrayBuffer>; readonly type: string };

/** The folder that `npm run build:pages` makes of src/pages/app. */
export function builtApp(): string {
  return fileURLToPath(packageFile('dist/web/app/'));
}

/** All files of the page by their paths; only what is listed here can be asked for. Throws SlimError when it is not built. */
export async function loadPages(): Promise<ReadonlyMap<string, PageFile>> {
  const pages = new Map<string, PageFile>();
  try {
    const folder = builtApp();
    for (const file of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue;
      const path = join(file.parentPath, file.name);
      const type = getMimeType(file.name) ?? 'application/octet-stream';
      const name = relative(folder, path).replaceAll(sep, '/');
      pages.set(name, { bytes: new Uint8Array(await readFile(path)), type });
    }
    if (!pages.has('index.html')) throw new Error('index.html is missing');
  } catch (cause) {
    throw new SlimError('the page of this installation is not built; run npm run build', { cause });
  }
  return pages;
}
