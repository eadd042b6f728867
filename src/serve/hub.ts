import { UsageError } from '../base/errors.ts';
import { createEpochReader, readRun } from '../runs/readRun.ts';
import type { RunRecord } from '../runs/record.ts';
import { type ListedRuns, type ListRuns, signatureOf } from './summaries.ts';

/** Takes what there is to tell; false when it cannot take more and should be forgotten. */
export type Client = (message: Uint8Array) => boolean;

/** Milliseconds between two looks at a run, and at the list of all. */
const RUN_INTERVAL = 1000;
const LIST_INTERVAL = 3000;
/** The pause after a look is at least so many times as long as the look took, up to so many milliseconds. */
const STRETCH = 20;
const LONGEST_PAUSE = 60_000;
/** Milliseconds after which something is said even if nothing happened, so that dead connections show. */
const HEARTBEAT = 15_000;

/** What all clients of one topic share: one watcher, and each message made once. */
interface Topic {
  readonly clients: Set<Client>;
  readonly watcher: ReturnType<typeof watch>;
  readonly stops: readonly (() => void)[];
}

/** A hub over the runs of a root. A topic is watched only while someone listens, once however many they are. */
export function createHub(root: string, listRuns: ListRuns) {
  const topics = new Map<string | undefined, Topic>();
  const end = (id: string | undefined, { stops }: Topic) => {
    for (const stop of stops) stop();
    topics.delete(id);
  };
  const leave = (id: string | undefined, client: Client) => {
    const topic = topics.get(id);
    if (topic?.clients.delete(client) && topic.clients.size === 0) end(id, topic);
  };
  const every = (milliseconds: number, id: string | undefined, work: () => Promise<Uint8Array | undefined>) => {
    let isOver = false;
    let timer: NodeJS.Timeout;
    const round = async () => {
      const started = performance.now();
      const message = await work().catch(() => undefined);
      if (isOver) return;
      const pause = Math.min(STRETCH * (performance.now() - started), LONGEST_PAUSE);
      timer = setTimeout(round, Math.max(milliseconds, pause));
      if (message === undefined) return;
      for (const client of [...(topics.get(id)?.clients ?? [])]) if (!client(message)) leave(id, client);
    };
    timer = setTimeout(round, milliseconds);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  };
  const open = (id: string | undefined): Topic => {
    const watcher = id === undefined ? watch(listReader(listRuns), listMessage) : watch(runReader(root, id), messageOf);
    const stops = [
      every(id === undefined ? LIST_INTERVAL : RUN_INTERVAL, id, watcher.look),
      every(HEARTBEAT, id, async () => encode(': still here\n\n')),
    ];
    const topic = { clients: new Set<Client>(), watcher, stops };
    topics.set(id, topic);
    return topic;
  };
  return {
    /** Clients of all topics. */
    get clients() {
      return [...topics.values()].reduce((sum, { clients }) => sum + clients.size, 0);
    },
    /** Follows one run, or the list of all (undefined); returns how to stop. Throws when a run is not there. */
    async follow(id: string | undefined, client: Client): Promise<() => void> {
      // Counted at once, so that many who come together do not all pass the limit.
      const topic = topics.get(id) ?? open(id);
      topic.clients.add(client);
      try {
        if (!client(await topic.watcher.greeting())) leave(id, client);
      } catch (error) {
        leave(id, client);
        throw error;
      }
      return () => leave(id, client);
    },
    close(): void {
      for (const [id, topic] of topics) end(id, topic);
    },
  };
}

/** Watches what `read` gives; `message` tells what has changed, and all of it when there is no before. */
function watch<State>(
  read: (before: State | undefined) => Promise<State>,
  message: (before: State | undefined, now: State) => Uint8Array | undefined,
) {
  let last: State | undefined;
  let greeting: { readonly to: State; readonly message: Uint8Array } | undefined;
  return {
    // All that a new client must know: what was found at the last look, so that nothing is kept from those before it.
    async greeting(): Promise<Uint8Array> {
      last ??= await read(undefined);
      if (greeting?.to !== last) greeting = { to: last, message: message(undefined, last)! };
      return greeting.message;
    },
    async look(): Promise<Uint8Array | undefined> {
      // Until the first one who comes is greeted there is nobody to tell.
      if (last === undefined) return undefined;
      const before = last;
      last = await read(before);
      return message(before, last);
    },
  };
}

function runReader(root: string, id: string) {
  const readEpochs = createEpochReader();
  let signature = '';
  return async (before: RunRecord | undefined): Promise<RunRecord> => {
    const now = await signatureOf(root, id);
    // A run that falls silent changes its state without a change of its files.
    if (before !== undefined && now === signature && before.summary.state !== 'running') return before;
    const record = await readRun(root, id, readEpochs).catch((error: unknown): RunRecord => {
      if (before === undefined || !(error instanceof UsageError)) throw error;
      // Its folder has gone while it was watched.
      return { ...before, live: undefined, summary: { ...before.summary, state: 'unreadable' } };
    });
    signature = now;
    return record;
  };
}

/** Events that tell a client of `before` about `now`, all of it when there is no before; undefined when nothing is new. */
export function messageOf(before: RunRecord | undefined, now: RunRecord): Uint8Array | undefined {
  if (before === now) return undefined;
  let text = '';
  const from = commonEpochs(before, now);
  if (before === undefined || from < Math.max(before.epochs.length, now.epochs.length)) {
    text += event('epochs', JSON.stringify({ from, rows: now.epochs.slice(from) }));
  }
  // One who comes back may have what is no longer so: said even when there is nothing live.
  const [wasLive, live] = [before, now].map((run) => JSON.stringify(run?.live ?? null));
  if (before === undefined || wasLive !== live) text += event('live', live!);
  const { state } = now.summary;
  if (before?.summary.state !== state) text += event('state', JSON.stringify(state));
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

/** The list as text, which is made anew only when the list is. */
function listReader(listRuns: ListRuns) {
  let last: { readonly list: ListedRuns; readonly text: string } | undefined;
  return async () => {
    const list = await listRuns();
    if (last?.list !== list) last = { list, text: JSON.stringify(list) };
    return last.text;
  };
}

function listMessage(before: string | undefined, now: string): Uint8Array | undefined {
  return before === now ? undefined : encode(event('runs', now));
}

/** A server-sent event; JSON has no line breaks. */
function event(name: string, json: string): string {
  return `event: ${name}\ndata: ${json}\n\n`;
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
