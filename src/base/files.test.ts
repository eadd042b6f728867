import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SlimError } from './errors.ts';
import { fileErrorReason, writeAtomically } from './files.ts';

let folder: string;
const at = (...path: string[]) => join(folder, ...path);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slimrnn-files-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('writeAtomically', () => {
  it('writes text and pieces of bytes', async () => {
    await writeAtomically(at('text'), 'λ\n');
    expect(readFileSync(at('text'), 'utf8')).toBe('λ\n');
    await writeAtomically(at('bytes'), [Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3)]);
    expect([...readFileSync(at('bytes'))]).toEqual([1, 2, 3]);
    await writeAtomically(at('empty'), []);
    expect(readFileSync(at('empty'))).toHaveLength(0);
  });

  it('replaces a file, and leaves nothing else', async () => {
    writeFileSync(at('file'), 'a longer text than the new one');
    await writeAtomically(at('file'), 'new');
    expect(readFileSync(at('file'), 'utf8')).toBe('new');
    expect(readdirSync(folder)).toEqual(['file']);
  });

  it('writes at the same time to the same place: one of the contents wins as a whole', async () => {
    const contents = Array.from({ length: 8 }, (_, i) => String(i).repeat(100_000));
    await Promise.all(contents.map((c) => writeAtomically(at('file'), c)));
    expect(contents).toContain(readFileSync(at('file'), 'utf8'));
    expect(readdirSync(folder)).toEqual(['file']);
  });

  it('keeps the old content when it fails on the way', async () => {
    writeFileSync(at('file'), 'old');
    const pieces = [Uint8Array.of(1), Uint8Array.of(2)];
    Object.defineProperty(pieces, 1, {
      get() {
        throw new Error('no more');
      },
    });
    await expect(writeAtomically(at('file'), pieces)).rejects.toThrow('no more');
    expect(readFileSync(at('file'), 'utf8')).toBe('old');
    expect(readdirSync(folder)).toEqual(['file']);
  });

  it('writes pieces as they come, and keeps nothing when they stop with an error', async () => {
    async function* pieces(fail: boolean) {
      yield Uint8Array.of(1, 2);
      expect(readdirSync(folder)).toHaveLength(fail ? 2 : 1);
      if (fail) throw new SlimError('the rest is missing');
      yield Uint8Array.of(3);
    }
    await writeAtomically(at('file'), pieces(false));
    await expect(writeAtomically(at('file'), pieces(true))).rejects.toThrow(/^the rest is missing$/);
    expect([...readFileSync(at('file'))]).toEqual([1, 2, 3]);
    expect(readdirSync(folder)).toEqual(['file']);
  });

  it('says which file and why', async () => {
    mkdirSync(at('folder', 'inside'), { recursive: true });
    const write = (path: string) => writeAtomically(path, 'text');
    await expect(write(at('nowhere', 'file'))).rejects.toThrow(SlimError);
    await expect(write(at('nowhere', 'file'))).rejects.toThrow(
      `cannot write ${at('nowhere', 'file')}: there is no such file or folder`,
    );
    await expect(write(at('folder'))).rejects.toThrow(`cannot write ${at('folder')}: it is a folder`);
    expect(readdirSync(folder)).toEqual(['folder']);
  });
});

describe('fileErrorReason', () => {
  it('speaks of causes, not of system calls', () => {
    expect(fileErrorReason(Object.assign(new Error('ENOSPC: write'), { code: 'ENOSPC' }))).toBe('the disk is full');
    expect(fileErrorReason(Object.assign(new Error('EXYZ: odd'), { code: 'EXYZ' }))).toBe('EXYZ: odd');
    expect(fileErrorReason('plain')).toBe('plain');
  });
});

it('what is half written goes when the process ends by itself', async () => {
  const before = process.listenerCount('exit');
  async function* halves() {
    yield Uint8Array.of(1);
    expect(readdirSync(folder)).toHaveLength(1);
    expect(process.listenerCount('exit')).toBe(before + 1);
    for (const listener of process.listeners('exit').slice(before)) listener.call(process, 0);
    expect(readdirSync(folder)).toEqual([]);
    throw new SlimError('the end');
  }
  await expect(writeAtomically(at('file'), halves())).rejects.toThrow('the end');
  expect(process.listenerCount('exit')).toBe(before);
});
