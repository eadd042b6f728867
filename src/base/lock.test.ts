import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { acquireLock, holderOf, waitUntilFree } from './lock.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slimrnn-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const sleeper = (ms: number) => spawn(process.execPath, ['-e', `setTimeout(() => {}, ${ms})`]);
const lockFile = (pid: number | undefined, start: number, host = hostname()) =>
  writeFileSync(join(folder, `lock.${pid}.${start}.${host}`), '');

it('is held once, and free again', async () => {
  const lock = await acquireLock(folder);
  await expect(acquireLock(folder)).rejects.toThrow('in use by this process');
  expect(await holderOf(folder)).toMatchObject({ pid: process.pid });
  lock.release();
  expect(readdirSync(folder)).toEqual([]);
  (await acquireLock(folder)).release();
});

it('of a living process is respected, until it ends', async () => {
  const child = sleeper(1500);
  lockFile(child.pid, 0);
  await expect(acquireLock(folder)).rejects.toThrow(`in use by process ${child.pid}`);
  expect(readdirSync(folder)).toHaveLength(1);
  await expect(waitUntilFree(folder, 0)).rejects.toThrow(`process ${child.pid}`);
  await waitUntilFree(folder, 30);
  (await acquireLock(folder)).release();
  expect(readdirSync(folder)).toEqual([]);
});

it.skipIf(process.platform !== 'linux')('of a process whose number is used again is void', async () => {
  lockFile(process.ppid, 1);
  (await acquireLock(folder)).release();
  expect(readdirSync(folder)).toEqual([]);
});

it('of another machine is respected, and the error names the file', async () => {
  lockFile(1, 0, 'elsewhere.example');
  await expect(acquireLock(folder)).rejects.toThrow(
    /process 1 on elsewhere\.example; if it is gone, delete .*lock\.1\.0/,
  );
});
