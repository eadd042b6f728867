import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { requireBuild } from '../support/runCli.ts';

/*
 * What is loaded before anything is called: packages that take long to load come with the first call that needs them.
 */

const dist = fileURLToPath(new URL('../../dist', import.meta.url));

beforeAll(requireBuild);

/** What a built file imports of packages at once, itself or through other files. */
function importsOf(file: string, seen = new Set<string>()): Set<string> {
  const found = new Set<string>();
  if (seen.has(file)) return found;
  seen.add(file);
  for (const [, from, alone] of readFileSync(file, 'utf8').matchAll(/^(?:.*\bfrom "([^"]+)"|import "([^"]+)");$/gm)) {
    const name = from ?? alone!;
    if (name.startsWith('.')) for (const each of importsOf(join(dirname(file), name), seen)) found.add(each);
    else if (!name.startsWith('node:')) found.add(name);
  }
  return found;
}

it('the library loads no engine, server, renderer or encoder of pictures', () => {
  // Of protobuf the reader and writer of bytes alone, without what describes messages.
  expect([...importsOf(join(dist, 'index.js'))].sort()).toEqual([
    ...['@bufbuild/protobuf/wire', '@noble/hashes/sha2.js', '@noble/hashes/utils.js'],
    ...['fastest-levenshtein', 'munkres', 'zod'],
  ]);
});

it('the command line loads no package before it knows the command', () => {
  expect([...importsOf(join(dist, 'cli/main.js'))]).toEqual([]);
});
