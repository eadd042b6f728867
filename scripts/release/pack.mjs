/**
 * Lays what is published into build/package and packs it: build/slimrnn-VERSION.tgz. Its package.json says only what
 * those need who install it: no scripts, which could not run there, and nothing of the development.
 *   npm run pack
 */
import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const out = join(root, 'build', 'package');
/** Fields that only a clone needs. */
const ofClones = ['private', 'scripts', 'devDependencies', 'allowScripts', 'files'];

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
rmSync(out, { recursive: true, force: true });
const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
const files = manifest.files.flatMap((entry) =>
  entry === 'docs/*.md' ? pages.map((name) => `docs/${name}`) : [entry],
);
for (const file of [...files, 'LICENSE']) cpSync(join(root, file), join(out, file), { recursive: true });
const published = Object.fromEntries(Object.entries(manifest).filter(([field]) => !ofClones.includes(field)));
writeFileSync(join(out, 'package.json'), `${JSON.stringify(published, null, 2)}\n`);
// A shell, because npm is a script of the shell on Windows.
execFileSync('npm pack --silent --pack-destination ..', { cwd: out, stdio: 'inherit', shell: true });
