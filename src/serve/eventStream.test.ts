import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { eventStream, type Patience } from './eventStream.ts';
import type { Client } from './hub.ts';

/** A body with the client that writes to it, and what happened. */
async function opened(patience?: Patience) {
  const happened: string[] = [];
  let client!: Client;
  const follow = async (given: Client) => {
    client = given;
    return () => happened.push('left');
  };
  const stream = await eventStream(follow, () => happened.push('cut off'), patience);
  return { stream, say: (length: number) => client(new Uint8Array(length)), happened };
}

it('cuts off a client for which too much waits', async () => {
  const { say, happened } = await opened({ bytes: 100, milliseconds: 1e6 });
  expect([say(60), say(40)]).toEqual([true, true]);
  expect(happened).toEqual([]);
  expect(say(1)).toBe(false);
  expect(happened).toEqual(['cut off']);
});

it('cuts off a client for which something waits for too long', async () => {
  const { say, happened } = await opened({ bytes: 100, milliseconds: 20 });
  expect(say(1)).toBe(true);
  await sleep(40);
  expect(say(1)).toBe(false);
  expect(happened).toEqual(['cut off']);
});

it('keeps a client that reads, however much and however long', async () => {
  const { stream, say, happened } = await opened({ bytes: 100, milliseconds: 20 });
  const reader = stream.getReader();
  for (let i = 0; i < 5; i++) {
    expect(say(90)).toBe(true);
    expect((await reader.read()).value).toHaveLength(90);
    await sleep(15);
  }
  expect(happened).toEqual([]);
});

it('has room for the longest greeting', async () => {
  const { say } = await opened();
  expect(say(10 << 20)).toBe(true);
});

it('leaves when the other side goes', async () => {
  const { stream, say, happened } = await opened();
  await stream.cancel();
  expect(happened).toEqual(['left']);
  expect(say(1)).toBe(false);
});
