import { realpath } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { UsageError } from '../base/errors.ts';
import { methodLabel } from '../methods/registry.ts';
import { failureSchema, recordFiles } from '../sweep/runRecord.ts';
import type { EpochMetrics } from '../train/metrics.ts';
import { MOST_BYTES, type OpenFile, openInside, readBetween } from './boundedFile.ts';
import { folderInside, runFolder } from './findRuns.ts';
import { configFrom, epochFrom, jsonOf, liveFrom, refusal, resultFrom, writerOf } from './formats.ts';
import type { RunRecord, RunState, RunSummary } from './record.ts';
import { runFiles } from './runDirectory.ts';

/** What stands for the kinds of a configuration that cannot be read. */
const UNKNOWN = 'unknown';
/** Milliseconds without a sign of life after which a run counts as stopped. */
const SILENCE = 30_000;

/** Most epochs that are read. */
const MOST_ROWS = 5000;

const NO_EPOCHS: Epochs = { rows: [], truncated: false, damaged: 0 };

/** Files of a run that may be had as they are; the labels are the names of the classes of a model that classifies. */
const sharedFiles: readonly string[] = [
  ...[runFiles.model, runFiles.slim, runFiles.vocabulary, 'labels.txt'],
  ...[runFiles.config, runFiles.metrics, runFiles.result, runFiles.report],
];

/**
 * Reads what is known of a run. Bounded in memory and time whatever the files hold; a damaged file is a problem in words,
 * not an error. Who reads a run often keeps a reader of its epochs. Throws UsageError for an id that is no run.
 */
export async function readRun(
  root: string,
  id: string,
  readEpochs: EpochReader = createEpochReader(),
): Promise<RunRecord> {
  const folder = await runFolder(root, id);
  if (folder === undefined) {
    throw new UsageError(id === '' ? `${root} is no run directory` : `there is no run '${id}' in ${root}`);
  }
  const base = await realpath(root);
  const files = await filesOf(base, folder);
  try {
    const { state, epochs, ...read } = await contentsOf(files, readEpochs);
    const { config } = read;
    const model = read.result?.models.at(-1);
    const last = epochs.rows.at(-1);
    const method = config?.method.kind ?? UNKNOWN;
    const summary: RunSummary = {
      id,
      name: posix.basename(id === '' ? folder.replaceAll('\\', '/') : id),
      state,
      task: config?.task.kind ?? UNKNOWN,
      method,
      methodLabel: methodLabel(method),
      items: config?.items ?? 'items',
      scores: config?.scores ?? [],
      epochs: { done: last?.epoch ?? 0, all: config?.epochs },
      last,
      alive: epochs.rows.map(({ alive }) => alive.reduce((sum, n) => sum + n, 0)),
      hidden: model?.hidden,
      parameters: model?.parameters ?? last?.parameters,
      bytes: model?.bytes,
      modifiedAt: Math.max(0, ...[...files.values()].map(({ modifiedAt }) => modifiedAt)),
      files: sharedFiles.filter((file) => files.has(file)),
      hasReport: files.has(runFiles.report),
      folderReport: await folderReportOf(base, id),
    };
    return { summary, ...read, epochs: epochs.rows, truncated: epochs.truncated };
  } finally {
    for (const { handle } of files.values()) await handle.close();
  }
}

/** What the files of a run say. */
async function contentsOf(files: ReadonlyMap<string, OpenFile>, readEpochs: EpochReader) {
  const problems: string[] = [];
  const documentOf = async (name: string) => {
    const file = files.get(name);
    if (file === undefined) return undefined;
    if (file.size <= MOST_BYTES)
      return { name, value: jsonOf((await readBetween(file, 0, file.size)).toString('utf8')) };
    problems.push(`${name} is not read: it has ${file.size} bytes, and more than ${MOST_BYTES} are none of a run`);
    return undefined;
  };
  const resultDocument = await documentOf(runFiles.result);
  const writer = resultDocument && writerOf(resultDocument.value);
  const contentOf = <T>(
    document: { name: string; value: unknown } | undefined,
    parse: (value: unknown) => T | undefined,
  ): T | undefined => {
    const content = document && parse(document.value);
    if (document && content === undefined) problems.push(refusal(document.name, document.value, writer));
    return content;
  };
  const config = contentOf(await documentOf(runFiles.config), configFrom);
  const result = contentOf(resultDocument, resultFrom);
  const isOver = files.has(runFiles.result);
  const live = isOver ? undefined : contentOf(await documentOf(runFiles.live), liveFrom);
  const metrics = files.get(runFiles.metrics);
  const epochs = metrics ? await readEpochs(metrics) : NO_EPOCHS;
  if (epochs.damaged > 0)
    problems.push(`${runFiles.metrics}: ${epochs.damaged} lines are damaged, or of another version`);
  if (!isOver) {
    const failure = contentOf(await documentOf(recordFiles.failure), (v) => failureSchema.safeParse(v).data);
    if (failure) problems.push(`it ended early: ${failure.reason}`);
  }
  const isRunning = live !== undefined && Math.abs(Date.now() - live.updatedAt) < SILENCE;
  const unfinished = config === undefined ? 'unreadable' : isRunning ? 'running' : 'stopped';
  const state: RunState = isOver ? 'finished' : unfinished;
  return { config, result, epochs, live: isRunning ? live : undefined, state, problems };
}

/** A file of a run, or the report of a folder, to hand out and then to close; undefined for any other. */
export async function openRunFile(root: string, id: string, name: string): Promise<OpenFile | undefined> {
  if (!sharedFiles.includes(name)) return undefined;
  const folder = await (name === runFiles.report ? folderInside : runFolder)(root, id);
  return folder === undefined ? undefined : openInside(await realpath(root), folder, name);
}

/** The nearest folder above a run that has a report. */
async function folderReportOf(base: string, id: string): Promise<string | undefined> {
  const segments = id === '' ? [] : id.split('/');
  while (segments.pop() !== undefined) {
    const report = await openInside(base, join(base, ...segments), runFiles.report);
    await report?.handle.close();
    if (report) return segments.join('/');
  }
  return undefined;
}

/** The files of a run that are there, open, so that all that is read of them is of one time. */
async function filesOf(base: string, folder: string): Promise<Map<string, OpenFile>> {
  const files = new Map<string, OpenFile>();
  for (const name of [...sharedFiles, runFiles.live, recordFiles.failure]) {
    const file = await openInside(base, folder, name);
    if (file) files.set(name, file);
  }
  return files;
}

/** What metrics.jsonl holds. */
interface Epochs {
  readonly rows: readonly EpochMetrics[];
  /** Whether there are more than were read. */
  readonly truncated: boolean;
  /** Lines that could not be read. */
  readonly damaged: number;
}

/** Reads the epochs of one run, again and again. */
type EpochReader = (file: OpenFile) => Promise<Epochs>;

/**
 * A reader that remembers: a file that is as it was is not read again, and a line that was there before keeps its row,
 * the same object. The file is renamed in place with each checkpoint, so that an offset into it would not do.
 */
export function createEpochReader(): EpochReader {
  let last: { version: string; epochs: Epochs } | undefined;
  let known = new Map<string, EpochMetrics | undefined>();
  return async (file) => {
    if (last?.version === file.version) return last.epochs;
    const { lines, truncated } = await linesOf(file);
    const rowOf = (line: string) => (known.has(line) ? known.get(line) : epochFrom(jsonOf(line)));
    const read = lines.map((line) => [line, rowOf(line)] as const);
    known = new Map(read);
    const rows = read.flatMap(([, row]) => row ?? []);
    last = { version: file.version, epochs: { rows, truncated, damaged: read.length - rows.length } };
    return last.epochs;
  };
}

/** The last lines; one without its end is still being written. */
async function linesOf(file: OpenFile): Promise<{ lines: string[]; truncated: boolean }> {
  const from = Math.max(0, file.size - MOST_BYTES);
  const lines = (await readBetween(file, from, file.size)).toString('utf8').split('\n');
  lines.pop();
  // What stands before the first line break belongs to a line whose beginning was not read.
  if (from > 0) lines.shift();
  return { lines: lines.slice(-MOST_ROWS), truncated: from > 0 || lines.length > MOST_ROWS };
}
