import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { epochLines, makeRun } from '../../test/support/runFolder.ts';
import { createEpochReader, readRun } from '../runs/readRun.ts';
import { type Client, createHub, messageOf } from './hub.ts';
import { createSummaries } from './summaries.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'slimrnn-hub-'));
  makeRun(join(root, 'a'), { epochs: 3 });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const textOf = (message: Uint8Array | undefined) => new TextDecoder().decode(message);
const said = (message: Uint8Array | undefined) =>
  [...textOf(message).matchAll(/^event: (.*)$/gm)].map(([, name]) => name);

it('says only what is new, also when a resumed run writes its last epochs anew', async () => {
  const metrics = join(root, 'a', 'metrics.jsonl');
  const readEpochs = createEpochReader();
  const before = await readRun(root, 'a', readEpochs);
  expect(said(messageOf(undefined, before))).toEqual(['epochs', 'live', 'state']);
  expect(messageOf(before, await readRun(root, 'a', readEpochs))).toBeUndefined();
  cpSync(metrics, `${metrics}.new`);
  cpSync(`${metrics}.new`, metrics);
  expect(messageOf(before, await readRun(root, 'a', readEpochs))).toBeUndefined();
  writeFileSync(metrics, epochLines(2));
  const shorter = messageOf(before, await readRun(root, 'a', readEpochs));
  expect(textOf(shorter)).toBe('event: epochs\ndata: {"from":2,"rows":[]}\n\n');
});

it('forgets a client that takes nothing more, and stops watching without clients', async () => {
  const hub = createHub(root, createSummaries(root));
  await hub.follow('a', () => false);
  expect(hub.clients).toBe(0);
  const leave = await hub.follow('a', () => true);
  await hub.follow(undefined, () => true);
  expect(hub.clients).toBe(2);
  leave();
  leave();
  expect(hub.clients).toBe(1);
  hub.close();
});

it('counts a client from the moment it comes, and not at all when its run is not there', async () => {
  const hub = createHub(root, createSummaries(root));
  const coming = hub.follow('a', () => true);
  expect(hub.clients).toBe(1);
  await coming;
  await expect(hub.follow('nothing', () => true)).rejects.toThrow('there is no run');
  await expect(hub.follow('../a', () => true)).rejects.toThrow('there is no run');
  expect(hub.clients).toBe(1);
  hub.close();
});

it('lists the same runs as the same object until one of them changes', async () => {
  const list = createSummaries(root);
  const first = await list();
  expect(first.runs.map(({ id }) => id)).toEqual(['a']);
  expect(await list()).toBe(first);
  writeFileSync(join(root, 'a', 'metrics.jsonl'), epochLines(4));
  const second = await list();
  expect(second.runs[0]!.epochs.done).toBe(4);
  makeRun(join(root, 'b'));
  expect((await list()).runs.map(({ id }) => id)).toEqual(['a', 'b']);
  expect((await list()).runs[0]).toBe(second.runs[0]);
});

it('says that a run has gone', async () => {
  const hub = createHub(root, createSummaries(root));
  const gone = new Promise<string>((resolve) => {
    const client: Client = (message) => {
      if (textOf(message).includes('unreadable')) resolve(textOf(message));
      return true;
    };
    hub.follow('a', client).then(() => rmSync(join(root, 'a'), { recursive: true }));
  });
  expect(await gone).toBe('event: state\ndata: "unreadable"\n\n');
  hub.close();
});

it('makes each message once, however many listen', async () => {
  const hub = createHub(root, createSummaries(root));
  const heard = new Map<number, Set<Uint8Array>>();
  let told: () => void;
  const all = new Promise<void>((resolve) => {
    told = resolve;
  });
  for (let client = 0; client < 50; client++) {
    let greeted = false;
    heard.set(client, new Set());
    await hub.follow('a', (message) => {
      if (greeted) heard.get(client)!.add(message);
      if ([...heard.values()].every((set) => set.size > 0)) told();
      return true;
    });
    greeted = true;
  }
  writeFileSync(join(root, 'a', 'metrics.jsonl'), epochLines(4));
  await all;
  hub.close();
  expect(new Set([...heard.values()].flatMap((set) => [...set])).size).toBe(1);
});

it('keeps nothing from those who were there when another one comes', async () => {
  const hub = createHub(root, createSummaries(root));
  const heard: string[] = [];
  const news = new Promise<void>((resolve) => {
    hub.follow('a', (message) => {
      heard.push(new TextDecoder().decode(message));
      if (heard.some((text) => text.includes('"from":3'))) resolve();
      return true;
    });
  });
  while (heard.length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
  writeFileSync(join(root, 'a', 'metrics.jsonl'), epochLines(4));
  await hub.follow('a', () => true);
  await news;
  hub.close();
});
