import { realpath } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { UsageError } from '../base/errors.ts';
import { methodLabel } from '../methods/registry.ts';
import { recordFiles } from '../sweep/runRecord.ts';
import { type OpenFile, openInside, readBetween } from './boundedFile.ts';
import { createEpochReader, type EpochReader, type Epochs } from './epochs.ts';
import { folderInside, runFolder } from './findRuns.ts';
import { configFrom, jsonOf, liveFrom, refusal, resultFrom, writerOf } from './formats.ts';
import type { RunRecord, RunState, RunSummary } from './record.ts';
import { runFiles } from './runDirectory.ts';
import { failureSchema } from './schemas.ts';

/** Most bytes of a JSON document. */
const MOST_BYTES = 8 * 1024 * 1024;
/** What stands for the kinds of a configuration that cannot be read. */
const UNKNOWN = 'unknown';
/** Milliseconds without a sign of life after which a run counts as stopped. */
const SILENCE = 30_000;

const NO_EPOCHS: Epochs = { rows: [], truncated: false, damaged: 0 };

/** Names of the classes of a model that classifies, one a line. */
const LABELS = 'labels.txt';

/** Files of a run that may be had as they are. */
export const sharedFiles = [
  runFiles.model,
  runFiles.slim,
  runFiles.vocabulary,
  LABELS,
  runFiles.config,
  runFiles.metrics,
  runFiles.result,
  runFiles.report,
] as const;

/**
 * Reads what is known of a run. Bounded in memory and time whatever the files hold: documents of at most 8 MB, the last
 * 8 MB of metrics.jsonl, files as long as they are when opened, nothing outside `root`. A damaged file is a problem in
 * words, not an error. Who reads a run often keeps a reader of its epochs. Throws UsageError for an id that is no run
 * below the root (`findRuns`).
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
  const problems: string[] = [];
  const files = await filesOf(base, folder);
  try {
    const read = await contentsOf(files, readEpochs, problems);
    const name = posix.basename(id === '' ? folder.replaceAll('\\', '/') : id);
    const summary: RunSummary = {
      ...summaryOf({ id, name }, read),
      modifiedAt: Math.max(0, ...[...files.values()].map(({ modifiedAt }) => modifiedAt)),
      files: sharedFiles.filter((file) => files.has(file)),
      hasReport: files.has(runFiles.report),
      folderReport: await folderReportOf(base, id),
    };
    const { state: _, epochs, ...rest } = read;
    return { summary, ...rest, epochs: epochs.rows, truncated: epochs.truncated, problems };
  } finally {
    for (const { handle } of files.values()) await handle.close();
  }
}

/** What the files of a run say. */
interface Contents extends Pick<RunRecord, 'config' | 'result' | 'live'> {
  readonly state: RunState;
  readonly epochs: Epochs;
}

async function contentsOf(
  files: ReadonlyMap<string, OpenFile>,
  readEpochs: EpochReader,
  problems: string[],
): Promise<Contents> {
  const documentOf = (name: string) => readDocument(files.get(name), name, problems);
  const resultDocument = await documentOf(runFiles.result);
  const writer = resultDocument && writerOf(resultDocument.value);
  const config = contentOf(await documentOf(runFiles.config), configFrom, problems, writer);
  const result = contentOf(resultDocument, resultFrom, problems, writer);
  const isOver = files.has(runFiles.result);
  const live = isOver ? undefined : contentOf(await documentOf(runFiles.live), liveFrom, problems);
  const metrics = files.get(runFiles.metrics);
  const epochs = metrics ? await readEpochs(metrics) : NO_EPOCHS;
  if (epochs.damaged > 0)
    problems.push(`${runFiles.metrics}: ${epochs.damaged} lines are damaged, or of another version`);
  if (!isOver) {
    const failure = contentOf(await documentOf(recordFiles.failure), (v) => failureSchema.safeParse(v).data, problems);
    if (failure) problems.push(`it ended early: ${failure.reason}`);
  }
  const isRunning = live !== undefined && Math.abs(Date.now() - live.updatedAt) < SILENCE;
  const unfinished = config === undefined ? 'unreadable' : isRunning ? 'running' : 'stopped';
  return { config, result, epochs, live: isRunning ? live : undefined, state: isOver ? 'finished' : unfinished };
}

/** What can be told without looking at the files themselves. */
function summaryOf(
  place: { readonly id: string; readonly name: string },
  { config, result, epochs: { rows }, state }: Contents,
): Omit<RunSummary, 'modifiedAt' | 'files' | 'hasReport' | 'folderReport'> {
  const model = result?.models.at(-1);
  const last = rows.at(-1);
  const method = config?.method.kind ?? UNKNOWN;
  return {
    ...place,
    state,
    task: config?.task.kind ?? UNKNOWN,
    method,
    methodLabel: methodLabel(method),
    items: config?.items ?? 'items',
    scores: config?.scores ?? [],
    epochs: { done: last?.epoch ?? 0, all: config?.epochs },
    last,
    alive: rows.map(({ alive }) => alive.reduce((sum, n) => sum + n, 0)),
    parameters: model?.parameters ?? last?.parameters,
    bytes: model?.bytes,
  };
}

/**
 * A file of a run to hand out, or the report of a folder; undefined when there is none of that name to be had. The caller
 * closes it.
 */
export async function openRunFile(root: string, id: string, name: string): Promise<OpenFile | undefined> {
  if (!(sharedFiles as readonly string[]).includes(name)) return undefined;
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

/** A JSON document; its value is undefined where it is no JSON. */
interface Document {
  readonly name: string;
  readonly value: unknown;
}

/** Undefined where there is no such file, or one that is too large. */
async function readDocument(
  file: OpenFile | undefined,
  name: string,
  problems: string[],
): Promise<Document | undefined> {
  if (file === undefined) return undefined;
  if (file.size > MOST_BYTES) {
    problems.push(`${name} is not read: it has ${file.size} bytes, and more than ${MOST_BYTES} are none of a run`);
    return undefined;
  }
  return { name, value: jsonOf((await readBetween(file, 0, file.size)).toString('utf8')) };
}

/** `writer` is the version of slimrnn that wrote the document, where that is known. */
function contentOf<T>(
  document: Document | undefined,
  parse: (value: unknown) => T | undefined,
  problems: string[],
  writer?: string | undefined,
): T | undefined {
  if (document === undefined) return undefined;
  const content = parse(document.value);
  if (content === undefined) problems.push(refusal(document.name, document.value, writer));
  return content;
}
