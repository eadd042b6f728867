import { readdir, readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { SlimError } from '../base/errors.ts';
import { packageFile } from '../base/packageFile.ts';

/** A file of the page. */
export interface PageFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Its media type. */
  readonly type: string;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
};

/** What `npm run build:pages` makes of src/pages/app. */
export function builtApp(): URL {
  return packageFile('dist/web/app/');
}

/** All files of the page by their paths; only what is listed here can be asked for. Throws SlimError when it is not built. */
export async function loadPages(): Promise<ReadonlyMap<string, PageFile>> {
  try {
    const folder = builtApp();
    const files = await readdir(folder, { recursive: true, withFileTypes: true });
    const pages = new Map<string, PageFile>();
    for (const file of files) {
      if (!file.isFile()) continue;
      const path = relativePath(file.parentPath, file.name);
      const type = TYPES[extname(file.name)] ?? 'application/octet-stream';
      pages.set(path, { bytes: new Uint8Array(await readFile(new URL(path, folder))), type });
    }
    if (pages.has('index.html')) return pages;
  } catch (cause) {
    throw new SlimError('the page of this installation is not built; run npm run build', { cause });
  }
  throw new SlimError('the page of this installation is not built; run npm run build');
}

function relativePath(parent: string, name: string): string {
  const inside = parent.replaceAll('\\', '/').split('/web/app').at(-1)!.replace(/^\//, '').replace(/\/$/, '');
  return inside === '' ? name : `${inside}/${name}`;
}
