import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkNewRunDirectory, createRunDirectory, openRunDirectory, readJson } from './runDirectory.ts';

let folder: string;
const at = (...path: string[]) => join(folder, ...path);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slimrnn-run-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a new run directory', () => {
  it('is made with the folders above it', async () => {
    (await createRunDirectory(at('a', 'b', 'run'))).release();
    expect(readdirSync(at('a', 'b', 'run'))).toEqual([]);
  });

  it('may be an empty folder, or hold what a killed process left half written', async () => {
    mkdirSync(at('run'));
    writeFileSync(at('run', '.config.json.00.tmp'), '{');
    await checkNewRunDirectory(at('run'));
    expect(readdirSync(at('run'))).toHaveLength(1);
    (await createRunDirectory(at('run'))).release();
    expect(readdirSync(at('run'))).toEqual([]);
  });

  it('is checked without being made', async () => {
    await checkNewRunDirectory(at('a', 'run'));
    expect(existsSync(at('a'))).toBe(false);
  });

  it('is no place with files, no file, and not inside a file', async () => {
    writeFileSync(at('file'), 'content');
    await expect(createRunDirectory(folder)).rejects.toThrow(`${folder} exists; add --resume`);
    await expect(createRunDirectory(at('file'))).rejects.toThrow(`${at('file')} is a file`);
    await expect(createRunDirectory(at('file', 'run'))).rejects.toThrow('a part of the path is a file');
    expect(readdirSync(folder)).toEqual(['file']);
  });
});

describe('a run directory to resume', () => {
  it('has a configuration', async () => {
    await expect(openRunDirectory(folder)).rejects.toThrow('it has no config.json');
    await expect(openRunDirectory(at('nowhere'))).rejects.toThrow('is no run directory');
  });

  it('is cleared of half-written files and of nothing else', async () => {
    for (const file of ['config.json', 'checkpoint.onnx', '.checkpoint.onnx.00.tmp']) writeFileSync(at(file), '');
    (await openRunDirectory(folder)).release();
    mkdirSync(at('.folder.tmp'));
    (await openRunDirectory(folder)).release();
    expect(readdirSync(folder).sort()).toEqual(['.folder.tmp', 'checkpoint.onnx', 'config.json']);
  });
});

describe('two processes', () => {
  const living = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)']);
  afterAll(() => living.kill());

  it('cannot have the same run', async () => {
    writeFileSync(at('config.json'), '{}');
    writeFileSync(at('.checkpoint.onnx.00.tmp'), 'being written');
    writeFileSync(at(`lock.${living.pid}.0.${hostname()}`), '');
    await expect(openRunDirectory(folder)).rejects.toThrow(`in use by process ${living.pid}`);
    expect(readdirSync(folder)).toContain('.checkpoint.onnx.00.tmp');
  });

  it('a dead one is no obstacle', async () => {
    writeFileSync(at(`lock.4194303.1.${hostname()}`), '');
    const lock = await createRunDirectory(folder);
    expect(readdirSync(folder)).toHaveLength(1);
    lock.release();
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('readJson', () => {
  it('parses', async () => {
    writeFileSync(at('good.json'), '{"a": [1]}');
    expect(await readJson(at('good.json'))).toEqual({ a: [1] });
  });

  it('says what is wrong', async () => {
    writeFileSync(at('bad.json'), '{"a": ');
    await expect(readJson(at('bad.json'))).rejects.toThrow(`${at('bad.json')} is not JSON`);
    await expect(readJson(at('absent.json'))).rejects.toThrow('there is no such file');
    await expect(readJson(folder)).rejects.toThrow('it is a folder');
  });
});
