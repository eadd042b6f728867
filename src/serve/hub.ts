import { readRun } from '../runs/readRun.ts';
import type { RunRecord } from '../runs/record.ts';
import { type Summaries, signatureOf } from './summaries.ts';

/** Takes what there is to tell; false when it cannot take more and should be forgotten. */
export type Client = (message: Uint8Array) => boolean;

/** Tells clients what happens to runs. */
export interface Hub {
  /** Clients of all topics. */
  readonly clients: number;
  /** Follows one run, or the list of all (undefined); returns how to stop. Throws when a run is not there. */
  follow(id: string | undefined, client: Client): Promise<() => void>;
  /** Stops watching. */
  close(): void;
}

/** Milliseconds between two looks at a run, and at the list of all. */
const RUN_INTERVAL = 1000;
const LIST_INTERVAL = 3000;
/** Milliseconds after which something is said even if nothing happened, so that dead connections show. */
const HEARTBEAT = 15_000;

/** What all clients of one topic share: one watcher, and each message made once. */
interface Topic {
  readonly clients: Set<Client>;
  /** All that a new client must know, one message after the other. */
  greeting(): Promise<Uint8Array[]>;
  readonly timers: readonly NodeJS.Timeout[];
}

/**
 * A hub over the runs of a root. A topic is watched only while someone listens, once however many they are: the cost is
 * a few calls of stat a second, and reading a run when one of its files has changed.
 */
export function createHub(root: string, summaries: Summaries): Hub {
  const topics = new Map<string | undefined, Topic>();

  const tell = (id: string | undefined, messages: readonly Uint8Array[]) => {
    const topic = topics.get(id);
    if (topic === undefined || messages.length === 0) return;
    for (const client of [...topic.clients]) {
      if (!messages.every((message) => client(message))) leave(id, client);
    }
  };
  const leave = (id: string | undefined, client: Client) => {
    const topic = topics.get(id);
    if (!topic?.clients.delete(client) || topic.clients.size > 0) return;
    for (const timer of topic.timers) clearInterval(timer);
    topics.delete(id);
  };
  const open = (id: string | undefined): Topic => {
    const watcher = id === undefined ? watchList(summaries) : watchRun(root, id);
    const every = (milliseconds: number, work: () => Promise<Uint8Array[]>) => {
      let isBusy = false;
      return setInterval(() => {
        if (isBusy) return;
        isBusy = true;
        work()
          .then((messages) => tell(id, messages))
          .catch(() => undefined)
          .finally(() => {
            isBusy = false;
          });
      }, milliseconds);
    };
    const timers = [
      every(id === undefined ? LIST_INTERVAL : RUN_INTERVAL, watcher.look),
      every(HEARTBEAT, async () => [encode(': still here\n\n')]),
    ];
    const topic = { clients: new Set<Client>(), greeting: watcher.greeting, timers };
    topics.set(id, topic);
    return topic;
  };

  return {
    get clients() {
      let count = 0;
      for (const topic of topics.values()) count += topic.clients.size;
      return count;
    },
    async follow(id, client) {
      if (id !== undefined) await readRun(root, id);
      const topic = topics.get(id) ?? open(id);
      topic.clients.add(client);
      const greeting = await topic.greeting();
      if (!greeting.every((message) => client(message))) leave(id, client);
      return () => leave(id, client);
    },
    close() {
      for (const topic of topics.values()) for (const timer of topic.timers) clearInterval(timer);
      topics.clear();
    },
  };
}

interface Watcher {
  greeting(): Promise<Uint8Array[]>;
  /** What is new since the last look. */
  look(): Promise<Uint8Array[]>;
}

function watchRun(root: string, id: string): Watcher {
  let signature = '';
  let record: RunRecord | undefined;
  const refresh = async () => {
    const now = await signatureOf(root, id);
    // A run that falls silent changes its state without a change of its files.
    if (now !== signature || record?.summary.state === 'running') record = await readRun(root, id);
    signature = now;
  };
  return {
    // What was found at the last look, so that nothing new is kept from those who were here before.
    async greeting() {
      if (record === undefined) await refresh();
      return messagesOf(undefined, record!);
    },
    async look() {
      const before = record;
      await refresh();
      return messagesOf(before, record!);
    },
  };
}

/** What tells a client of `before` about `now`; all of it when there is no before. */
export function messagesOf(before: RunRecord | undefined, now: RunRecord): Uint8Array[] {
  if (before === now) return [];
  const messages: Uint8Array[] = [];
  const from = commonEpochs(before, now);
  if (before === undefined || from < Math.max(before.epochs.length, now.epochs.length)) {
    messages.push(event('epochs', { from, rows: now.epochs.slice(from) }));
  }
  if (JSON.stringify(before?.live) !== JSON.stringify(now.live)) messages.push(event('live', now.live ?? null));
  if (before?.summary.state !== now.summary.state) messages.push(event('state', now.summary.state));
  return messages;
}

/** How many rows at the beginning are the same: a resumed run may write its last ones anew. */
function commonEpochs(before: RunRecord | undefined, now: RunRecord): number {
  const old = before?.epochs ?? [];
  let same = 0;
  while (same < old.length && same < now.epochs.length) {
    if (JSON.stringify(old[same]) !== JSON.stringify(now.epochs[same])) break;
    same++;
  }
  return same;
}

function watchList(summaries: Summaries): Watcher {
  let last = '';
  const runs = async () => JSON.stringify(await summaries.list());
  return {
    async greeting() {
      if (last === '') last = await runs();
      return [encode(`event: runs\ndata: ${last}\n\n`)];
    },
    async look() {
      const now = await runs();
      if (now === last) return [];
      last = now;
      return [encode(`event: runs\ndata: ${now}\n\n`)];
    },
  };
}

/** A server-sent event; JSON has no line breaks. */
function event(name: string, data: unknown): Uint8Array {
  return encode(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
