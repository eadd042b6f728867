/**
 * Builds the documentation site into build/docs: the repository's pages, the reference of the library by TypeDoc, and the
 * files that pages link to. Any link that leads nowhere fails it.
 *   npm run docs
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '..', '..');
const out = join(root, 'build', 'docs');
const run = (script, ...args) =>
  execFileSync(process.execPath, [join(here, 'node_modules', script), ...args], { cwd: here, stdio: 'inherit' });

rmSync(out, { recursive: true, force: true });
run('vitepress/bin/vitepress.js', 'build', here);
run('typedoc/bin/typedoc', '--options', join(here, 'typedoc.json'));

const pages = readdirSync(out, { recursive: true })
  .filter((file) => file.endsWith('.html') && !file.startsWith('api'))
  .map((file) => join(out, file));
const texts = new Map(pages.map((page) => [page, readFileSync(page, 'utf8')]));
const dead = [];
for (const [page, text] of texts) {
  for (const [, link] of text.matchAll(/<a [^>]*href="([^"]+)"/g)) {
    if (/^[a-z]+:/.test(link)) continue;
    const [path, anchor] = decodeURI(link).split('#');
    const target = path === '' ? page : path.startsWith('/') ? join(out, path) : join(dirname(page), path);
    const file = [target, `${target}.html`, join(target, 'index.html')].find(
      (at) => existsSync(at) && statSync(at).isFile(),
    );
    if (file === undefined && !copied(target)) dead.push(`${relative(out, page)}: ${link}`);
    else if (anchor && texts.has(file) && !texts.get(file).includes(`id="${anchor}"`))
      dead.push(`${relative(out, page)}: ${link}`);
  }
}
if (dead.length > 0) {
  console.error(`links that lead nowhere:\n${[...new Set(dead)].join('\n')}`);
  process.exit(1);
}
console.log(`${pages.length} pages in build/docs, no dead link`);

/** Copies what a page links to and is no page, such as an example's code; false where there is no such file. */
function copied(target) {
  const source = join(root, relative(out, target));
  if (!existsSync(source) || relative(root, source).startsWith('..')) return false;
  mkdirSync(dirname(target), { recursive: true });
  cpSync(source, target, { recursive: true });
  return true;
}
