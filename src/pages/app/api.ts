import type { RunLive, RunRecord, RunState, RunSummary } from '../../runs/record.ts';
import type { EpochMetrics } from '../../train/metrics.ts';
import type { GivenModel } from './playground/protocol.ts';

// Addresses are relative, and plain files would do but for events: the page works below any path and as a static site.

/** All runs, and whether the page can be told of changes. */
export interface RunList {
  readonly runs: readonly RunSummary[];
  /** What to say where there are more runs than these. */
  readonly more?: string | undefined;
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

/** What a run is called in a list: its place below the root, or the root's own name. */
export function nameOf({ id, name }: Pick<RunSummary, 'id' | 'name'>): string {
  return id === '' ? name : id;
}

/** Units of each layer: of the final model, or of a run that has none yet those alive after its last epoch. */
export function unitsOf({ hidden, last }: Pick<RunSummary, 'hidden' | 'last'>): readonly number[] | undefined {
  return hidden ?? last?.alive;
}

/** Address of a file of a run. */
export function fileUrl(id: string, name: string): string {
  return `files/${pathOf(id)}/${encodeURIComponent(name)}`;
}

/** A model that can be loaded with its vocabulary. */
export interface ModelChoice {
  readonly name: string;
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
      .map((run) => ({ name: `${run.id}\n${file}`, label: `${nameOf(run)}${what}`, run, file }));
  return [...of('slim.onnx', ', slim'), ...of('model.onnx', '')];
}

/** The model of a run beside its slim form. */
export function trainedAndSlim(choices: readonly ModelChoice[]): [ModelChoice, ModelChoice] | undefined {
  const [slim] = choices;
  return slim && [choices.find(({ run, file }) => run.id === slim.run.id && file === 'model.onnx') ?? slim, slim];
}

/** Fetches a model's file and its words. */
export async function fetchModel({ label, run, file }: ModelChoice): Promise<GivenModel> {
  const [model, words] = await Promise.all([file, 'vocabulary.txt'].map((name) => fetched(fileUrl(run.id, name))));
  return { label, model: new Uint8Array(await model!.arrayBuffer()), vocabulary: await words!.text() };
}

/** Changes what a page shows. */
export type Change<T> = (next: (now: T) => T) => void;

/** Listens to a run that is not finished until the returned function is called. */
export function followRun({ summary: { id, state } }: RunRecord, change: Change<RunRecord>): (() => void) | undefined {
  if (state === 'finished') return undefined;
  const stop = listen(`api/events?run=${encodeURIComponent(id)}`, {
    // From a row on they are these now.
    epochs: ({ from, rows }: { from: number; rows: EpochMetrics[] }) =>
      change((run) => ({ ...run, epochs: [...run.epochs.slice(0, from), ...rows] })),
    live: (live: RunLive | null) => change((run) => ({ ...run, live: live ?? undefined })),
    state: (now: RunState) => {
      change((run) => ({ ...run, summary: { ...run.summary, state: now } }));
      if (now !== 'finished') return;
      stop();
      fetchRun(id)
        .then((run) => change(() => run))
        .catch(() => undefined);
    },
  });
  return stop;
}

/**
 * Listens to several runs at once, through the list of all of them: browsers keep few connections to a server. A run is
 * read again when the list says that it has gone on. Nothing changes any more where all of them are finished.
 */
export function followCompared(records: readonly RunRecord[], change: Change<readonly RunRecord[]>) {
  if (records.every(({ summary }) => summary.state === 'finished')) return undefined;
  const seen = new Map(records.map(({ summary }) => [summary.id, stampOf(summary)]));
  return listen('api/events', {
    runs: ({ runs }: Pick<RunList, 'runs'>) => {
      for (const summary of runs) {
        const before = seen.get(summary.id);
        if (before === undefined || before === stampOf(summary)) continue;
        seen.set(summary.id, stampOf(summary));
        fetchRun(summary.id)
          .then((now) => change((all) => all.map((run) => (run.summary.id === summary.id ? now : run))))
          .catch(() => seen.set(summary.id, ''));
      }
    },
  });
}

/** What is another one when a run has gone on. */
function stampOf({ state, epochs, modifiedAt }: RunSummary): string {
  return `${state} ${epochs.done} ${state === 'running' ? '' : modifiedAt}`;
}

/** Listens to the list of runs where a server keeps it. */
export function followRuns({ live }: RunList, change: Change<RunList>): (() => void) | undefined {
  if (!live) return undefined;
  return listen('api/events', {
    runs: ({ runs, more }: Omit<RunList, 'live'>) => change((list) => ({ ...list, runs, more })),
  });
}

/**
 * Listens to events, and connects again when the connection breaks. Only while the page is seen: browsers keep six
 * connections to a server for all their tabs, and hidden ones would leave none. Who comes back is told everything anew.
 */
function listen(address: string, handlers: Readonly<Record<string, (data: never) => void>>): () => void {
  let source: EventSource | undefined;
  const adjust = () => {
    if (document.hidden) {
      source?.close();
      source = undefined;
    } else if (source === undefined) {
      source = new EventSource(address);
      for (const [name, handle] of Object.entries(handlers)) {
        source.addEventListener(name, ({ data }) => handle(JSON.parse(data) as never));
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

/** A file of the page's server; throws when it cannot be had. */
export async function fetched(path: string): Promise<Response> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} cannot be had: ${response.status} ${response.statusText}`);
  return response;
}
