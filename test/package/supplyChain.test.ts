import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };

/*
 * What an installation brings along: the lock file leaves nothing open, and SECURITY.md says what is in it.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));
const text = (name: string) => readFileSync(join(root, name), 'utf8');

interface Locked {
  readonly integrity?: string;
  readonly resolved?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly peer?: boolean;
  readonly hasInstallScript?: boolean;
  readonly license?: string;
}

const { packages } = JSON.parse(text('package-lock.json')) as { packages: Record<string, Locked> };
const all = Object.entries(packages).filter(([path]) => path !== '');
/** What is installed with the library: neither for development nor an optional peer. */
const ofUsers = all.filter(([, p]) => !p.dev && !p.devOptional && !p.peer);
const nameOf = (path: string) => path.replace(/^.*node_modules\//, '');
const count = (list: typeof all, isMeant: (p: Locked) => boolean) => list.filter(([, p]) => isMeant(p)).length;

/** The cells of the rows of the tables of SECURITY.md, by their first cell. */
const rows = new Map(
  text('SECURITY.md')
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
    .map(([first = '', ...rest]) => [first.replaceAll('`', ''), rest] as const),
);

describe('the lock file', () => {
  it('has a digest for every package on every platform, and names no registry', () => {
    expect(all.filter(([, p]) => !/^sha512-/.test(p.integrity ?? '')).map(([path]) => path)).toEqual([]);
    expect(all.filter(([, p]) => p.resolved !== undefined).map(([path]) => path)).toEqual([]);
  });

  it('is that of package.json', () => {
    const { dependencies, devDependencies, peerDependencies, peerDependenciesMeta } = packageJson;
    expect(packages['']).toMatchObject({ dependencies, devDependencies, peerDependencies, peerDependenciesMeta });
  });
});

describe('SECURITY.md', () => {
  it.each<[string, (p: Locked) => boolean]>([
    ['packages beside slimrnn', () => true],
    ['with a digest (integrity) in the lock file', (p) => p.integrity !== undefined],
    ['from a fixed registry host', (p) => p.resolved !== undefined],
    ['with an install script', (p) => p.hasInstallScript === true],
  ])('counts: %s', (row, isMeant) => {
    expect(rows.get(row)).toEqual([ofUsers, all].map((list) => String(count(list, isMeant))));
  });

  it('names every package with an install script, who gets it and what it does', () => {
    const withScript = all.filter(([, p]) => p.hasInstallScript).map(([path]) => nameOf(path));
    const users = new Set(ofUsers.map(([path]) => nameOf(path)));
    for (const name of withScript) {
      expect(rows.get(name)?.[0], name).toBe(users.has(name) ? 'everyone' : 'a clone');
      expect(rows.get(name)?.[1]).toMatch(/\w+ \w+/);
    }
    // Newer versions of npm ask for a decision on each.
    expect(Object.keys(packageJson.allowScripts).sort()).toEqual(withScript.sort());
    expect(packageJson.allowScripts['onnxruntime-node']).toBe(false);
    expect(text('.npmrc')).toBe('ignore-scripts=true\n');
    // None of its own either, in a clone or where it is installed.
    expect(Object.keys(packageJson.scripts).filter((name) => /^(pre|post)?(install|prepare|pack)$/.test(name))).toEqual(
      ['pack'],
    );
  });

  it('knows the licenses', () => {
    const allowed = /^\(?(MIT|ISC|Apache-2\.0|BSD-3-Clause|CC0-1\.0|AND|OR|[\s()])+$/;
    expect(ofUsers.filter(([, p]) => !allowed.test(p.license ?? '')).map(([path]) => nameOf(path))).toEqual([]);
    expect(rows.get('packages without a license that allows use in closed software')?.[0]).toBe('0');
  });

  it('comes with the package', () => {
    expect(packageJson.files).toContain('SECURITY.md');
  });
});
