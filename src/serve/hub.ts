import { UsageError } from '../base/errors.ts';
import { createEpochReader, readRun } from '../runs/readRun.ts';
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
  /** All that a new client must know. */
  greeting(): Promise<Uint8Array>;
  readonly timers: readonly NodeJS.Timeout[];
}

/**
 * A hub over the runs of a root. A topic is watched only while someone listens, once however many they are: the cost is
 * a few calls of stat a second, and reading a run when one of its files has changed.
 */
export function createHub(root: string, summaries: Summaries): Hub {
  const topics = new Map<string | undefined, Topic>();

  const tell = (id: string | undefined, message: Uint8Array | undefined) => {
    if (message === undefined) return;
    for (const client of [...(topics.get(id)?.clients ?? [])]) {
      if (!client(message)) leave(id, client);
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
    const every = (milliseconds: number, work: () => Promise<Uint8Array | undefined>) => {
      let isBusy = false;
      return setInterval(() => {
        if (isBusy) return;
        isBusy = true;
        work()
          .then((message) => tell(id, message))
          .catch(() => undefined)
          .finally(() => {
            isBusy = false;
          });
      }, milliseconds);
    };
    const timers = [
      every(id === undefined ? LIST_INTERVAL : RUN_INTERVAL, watcher.look),
      every(HEARTBEAT, async () => encode(': still here\n\n')),
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
      // Counted at once, so that many who come together do not all pass the limit.
      const topic = topics.get(id) ?? open(id);
      topic.clients.add(client);
      try {
        if (!client(await topic.greeting())) leave(id, client);
      } catch (error) {
        leave(id, client);
        throw error;
      }
      return () => leave(id, client);
    },
    close() {
      for (const topic of topics.values()) for (const timer of topic.timers) clearInterval(timer);
      topics.clear();
    },
  };
}

interface Watcher {
  greeting(): Promise<Uint8Array>;
  /** What is new since the last look; undefined when nothing is. */
  look(): Promise<Uint8Array | undefined>;
}

function watchRun(root: string, id: string): Watcher {
  const readEpochs = createEpochReader();
  let signature = '';
  let record: RunRecord | undefined;
  let greeting: { readonly to: RunRecord; readonly message: Uint8Array } | undefined;
  const refresh = async (): Promise<RunRecord> => {
    const now = await signatureOf(root, id);
    // A run that falls silent changes its state without a change of its files.
    if (record === undefined || now !== signature || record.summary.state === 'running') {
      record = await readRun(root, id, readEpochs).catch((error: unknown) => {
        if (record && error instanceof UsageError) return withoutFiles(record);
        throw error;
      });
    }
    signature = now;
    return record;
  };
  return {
    // What was found at the last look, so that nothing new is kept from those who were here before.
    async greeting() {
      const now = record ?? (await refresh());
      if (greeting?.to !== now) greeting = { to: now, message: messageOf(undefined, now)! };
      return greeting.message;
    },
    async look() {
      const before = record;
      return messageOf(before, await refresh());
    },
  };
}

/** A run whose folder has gone while it was watched. */
function withoutFiles(record: RunRecord): RunRecord {
  return { ...record, live: undefined, summary: { ...record.summary, state: 'unreadable' } };
}

/** Events that tell a client of `before` about `now`, all of it when there is no before; undefined when nothing is new. */
export function messageOf(before: RunRecord | undefined, now: RunRecord): Uint8Array | undefined {
  if (before === now) return undefined;
  let text = '';
  const from = commonEpochs(before, now);
  if (before === undefined || from < Math.max(before.epochs.length, now.epochs.length)) {
    text += event('epochs', { from, rows: now.epochs.slice(from) });
  }
  // One who comes back may have what is no longer so: said even when there is nothing live.
  if (before === undefined || JSON.stringify(before.live) !== JSON.stringify(now.live)) {
    text += event('live', now.live ?? null);
  }
  if (before?.summary.state !== now.summary.state) text += event('state', now.summary.state);
  return text === '' ? undefined : encode(text);
}

/** How many rows at the beginning are the same: a resumed run may write its last ones anew. */
function commonEpochs(before: RunRecord | undefined, now: RunRecord): number {
  const old = before?.epochs ?? [];
  let same = 0;
  // The reader of epochs keeps the object of a line that did not change.
  while (same < old.length && same < now.epochs.length && old[same] === now.epochs[same]) same++;
  return same;
}

function watchList(summaries: Summaries): Watcher {
  let last: { readonly text: string; readonly message: Uint8Array } | undefined;
  const refresh = async () => {
    const text = JSON.stringify(await summaries.list());
    if (text !== last?.text) last = { text, message: encode(`event: runs\ndata: ${text}\n\n`) };
    return last;
  };
  return {
    greeting: async () => (last ?? (await refresh())).message,
    async look() {
      const before = last;
      const now = await refresh();
      return now === before ? undefined : now.message;
    },
  };
}

/** A server-sent event; JSON has no line breaks. */
function event(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
