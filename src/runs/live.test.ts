import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type LiveProgress, liveFile } from './live.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slimrnn-live-'));
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true, force: true });
});

const at = (share: number): LiveProgress => ({
  ...{ epoch: 1, epochs: 2, share, score: { name: 'perplexity', value: 9 } },
  ...{ itemsPerSecond: 100, secondsLeft: 60 },
  ...{ units: [4], alive: [3] },
});
const read = () => JSON.parse(readFileSync(join(folder, 'live.json'), 'utf8')) as LiveProgress & { updatedAt: number };

/** Waits for real file operations while the clock stands still. */
async function until(assertion: () => void): Promise<void> {
  for (let attempt = 0; attempt < 5000; attempt++) {
    try {
      return assertion();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
  assertion();
}

it('holds what was told, once a second at most, and goes when the run ends', async () => {
  const live = liveFile(folder);
  live.report(at(0.1));
  await until(() => expect(read()).toEqual({ ...at(0.1), updatedAt: Date.now() }));
  live.report(at(0.2));
  vi.advanceTimersByTime(999);
  live.report(at(0.3));
  expect(read().share).toBe(0.1);
  vi.advanceTimersByTime(1);
  // What is told while an earlier writing goes on is left out, so it is told again.
  await until(() => {
    live.report(at(0.4));
    expect(read().share).toBe(0.4);
  });
  await live.end();
  expect(readdirSync(folder)).toEqual([]);
});

it('gives signs of life while nothing is told, and none before the beginning or after the end', async () => {
  const live = liveFile(folder);
  vi.advanceTimersByTime(30_000);
  expect(existsSync(join(folder, 'live.json'))).toBe(false);
  live.report(at(0.5));
  await until(() => expect(read().share).toBe(0.5));
  const { updatedAt } = read();
  vi.advanceTimersByTime(15_000);
  await until(() => expect(read().updatedAt).toBeGreaterThanOrEqual(updatedAt + 10_000));
  await live.end();
  vi.advanceTimersByTime(60_000);
  expect(readdirSync(folder)).toEqual([]);
});

it('stops no run that cannot write it', async () => {
  const live = liveFile(join(folder, 'nowhere'));
  live.report(at(0.1));
  await live.end();
  expect(readdirSync(folder)).toEqual([]);
});
