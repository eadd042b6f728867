import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { acquireLock, holderOf, LockedError, requireHeld, waitUntilFree } from './lock.ts';

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

it('of a living process is waited for by those who have patience, but not that of another machine', async () => {
  const child = sleeper(1500);
  lockFile(child.pid, 0);
  (await acquireLock(folder, { patience: 30 })).release();
  lockFile(1, 0, 'elsewhere.example');
  await expect(acquireLock(folder, { patience: 600 })).rejects.toThrow('process 1 on elsewhere.example');
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

const elsewhere = (host: string) => `${host}~0123abcd~4026539999`;

it('of another machine or container is respected while its owner keeps it fresh', async () => {
  for (const host of ['elsewhere.example', hostname()]) {
    lockFile(1, 7, elsewhere(host));
    await expect(acquireLock(folder)).rejects.toThrow(/in use by process 1 on .*; if it is gone, delete .*or wait/);
    await expect(waitUntilFree(folder, 0)).rejects.toThrow(LockedError);
    expect(readdirSync(folder)).toEqual([`lock.1.7.${elsewhere(host)}`]);
    rmSync(join(folder, `lock.1.7.${elsewhere(host)}`));
  }
});

it('of which nothing was heard for minutes is taken over, with words', async () => {
  const file = join(folder, `lock.1.7.${elsewhere('gone.example')}`);
  lockFile(1, 7, elsewhere('gone.example'));
  const long = new Date(Date.now() - 600_000);
  utimesSync(file, long, long);
  const lock = await acquireLock(folder);
  expect(lock.takenOver).toMatch(/^nothing was heard of process 1 on gone\.example for 10:0\d: it counts as dead$/);
  expect(existsSync(file)).toBe(false);
  lock.release();
  expect(readdirSync(folder)).toEqual([]);
});

it('gives signs of life, and who has lost it writes no more', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  try {
    const lock = await acquireLock(folder);
    requireHeld(folder);
    const file = join(folder, readdirSync(folder)[0]!);
    utimesSync(file, 1, 1);
    vi.advanceTimersByTime(20_000);
    expect(statSync(file).mtimeMs).toBeGreaterThan(Date.now() - 60_000);
    rmSync(file);
    vi.advanceTimersByTime(20_000);
    expect(existsSync(file)).toBe(false);
    expect(() => requireHeld(folder)).toThrow('was taken over by another process');
    lock.release();
    requireHeld(folder);
  } finally {
    vi.useRealTimers();
  }
});
