import type { RunLive, RunRecord, RunState, RunSummary } from '../../runs/record.ts';
import type { EpochMetrics } from '../../train/metrics.ts';
import type { GivenModel } from './playground/protocol.ts';

/*
 * What the page asks its server for. All addresses are relative and plain files would do, so that the page works below
 * any path and from a static site; only the events need a server.
 */

/** All runs, and whether the page can be told of changes. */
export interface RunList {
  readonly runs: readonly RunSummary[];
  readonly live: boolean;
}

/** The list of runs. */
export function fetchRuns(): Promise<RunList> {
  return fetchJson('api/runs.json');
}

/** Everything about one run. */
export function fetchRun(id: string): Promise<RunRecord> {
  return fetchJson(`api/runs/${pathOf(id)}.json`);
}

/** Address of a file of a run. */
export function fileUrl(id: string, name: string): string {
  return `files/${pathOf(id)}/${encodeURIComponent(name)}`;
}

/** A model that can be loaded with its vocabulary. */
export interface ModelChoice {
  readonly key: string;
  readonly label: string;
  readonly run: RunSummary;
  readonly file: string;
}

/** The models of finished runs of a kind of task, with their words, slim ones first. */
export function modelChoices(runs: readonly RunSummary[], task: string): ModelChoice[] {
  const ready = runs.filter((run) => run.task === task && run.files.includes('vocabulary.txt'));
  const of = (file: string, what: string) =>
    ready
      .filter((run) => run.files.includes(file))
      .map((run) => ({ key: `${run.id}\n${file}`, label: `${run.id === '' ? run.name : run.id}${what}`, run, file }));
  return [...of('slim.onnx', ', slim'), ...of('model.onnx', '')];
}

/** Fetches a model's file and its words. */
export async function fetchModel({ label, run, file }: ModelChoice): Promise<GivenModel> {
  const [model, words] = await Promise.all([fetchFile(run.id, file), fetchFile(run.id, 'vocabulary.txt')]);
  return { label, model: new Uint8Array(await model.arrayBuffer()), vocabulary: await words.text() };
}

/** What a server tells of one run. */
export interface RunListener {
  /** Epochs from the `from`-th row on are these now. */
  epochs(from: number, rows: readonly EpochMetrics[]): void;
  live(live: RunLive | undefined): void;
  state(state: RunState): void;
}

/** Listens to a run until the returned function is called. */
export function followRun(id: string, listener: RunListener): () => void {
  return listen(`api/events?run=${encodeURIComponent(id)}`, {
    epochs: (data) => {
      const { from, rows } = data as { from: number; rows: EpochMetrics[] };
      listener.epochs(from, rows);
    },
    live: (data) => listener.live((data as RunLive | null) ?? undefined),
    state: (data) => listener.state(data as RunState),
  });
}

/** Listens to the list of runs. */
export function followRuns(changed: (runs: readonly RunSummary[]) => void): () => void {
  return listen('api/events', { runs: (data) => changed(data as RunSummary[]) });
}

/**
 * Listens to events, and connects again when the connection breaks. Only while the page is seen: browsers keep six
 * connections to a server for all their tabs, and hidden ones would leave none. Who comes back is told everything anew.
 */
function listen(address: string, handlers: Readonly<Record<string, (data: unknown) => void>>): () => void {
  let source: EventSource | undefined;
  const adjust = () => {
    if (document.hidden) {
      source?.close();
      source = undefined;
    } else if (source === undefined) {
      source = new EventSource(address);
      for (const [name, handle] of Object.entries(handlers)) {
        source.addEventListener(name, ({ data }) => handle(JSON.parse(data)));
      }
    }
  };
  adjust();
  document.addEventListener('visibilitychange', adjust);
  return () => {
    document.removeEventListener('visibilitychange', adjust);
    source?.close();
  };
}

/** The id of a run as part of an address; the run that is the root itself has no segments, hence the tilde. */
function pathOf(id: string): string {
  return id === '' ? '~' : id.split('/').map(encodeURIComponent).join('/');
}

async function fetchJson<T>(path: string): Promise<T> {
  return (await (await fetched(path)).json()) as T;
}

function fetchFile(id: string, name: string): Promise<Response> {
  return fetched(fileUrl(id, name));
}

async function fetched(path: string): Promise<Response> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} cannot be had: ${response.status} ${response.statusText}`);
  return response;
}
