import { realpath } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import { recordFiles } from '../sweep/runRecord.ts';
import { methodName } from '../train/sparsity.ts';
import { type OpenFile, openInside, readBetween } from './boundedFile.ts';
import { createEpochReader, type EpochReader } from './epochs.ts';
import { folderInside, runFolder } from './findRuns.ts';
import type { RunRecord, RunState, RunSummary } from './record.ts';
import { runFiles } from './runDirectory.ts';
import { failureSchema, liveSchema, resultSchema } from './schemas.ts';

/** Most bytes of a JSON document, and how deep it may be nested. */
const MOST_BYTES = 8 * 1024 * 1024;
const MOST_LEVELS = 32;
/** Milliseconds without a sign of life after which a run counts as stopped. */
const SILENCE = 30_000;

const NO_EPOCHS = { rows: [], truncated: false, damaged: 0 };

/** Files of a run that may be had as they are. */
export const sharedFiles = [
  runFiles.model,
  runFiles.slim,
  runFiles.vocabulary,
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
    const config = await documentOf(files.get(runFiles.config), runFiles.config, asRecord, problems);
    const result = await documentOf(
      files.get(runFiles.result),
      runFiles.result,
      (v) => parsed(resultSchema, v),
      problems,
    );
    const isOver = files.has(runFiles.result);
    const live = isOver
      ? undefined
      : await documentOf(files.get(runFiles.live), runFiles.live, (v) => parsed(liveSchema, v), problems);
    const metrics = files.get(runFiles.metrics);
    const { rows: epochs, truncated, damaged } = metrics ? await readEpochs(metrics) : NO_EPOCHS;
    if (damaged > 0) problems.push(`${runFiles.metrics}: ${damaged} lines are damaged, or of another version`);
    if (!isOver) {
      const file = files.get(recordFiles.failure);
      const failure = await documentOf(file, recordFiles.failure, (v) => parsed(failureSchema, v), problems);
      if (failure) problems.push(`it ended early: ${failure.reason}`);
    }
    const isRunning = live !== undefined && Math.abs(Date.now() - live.updatedAt) < SILENCE;
    const state: RunState = isOver
      ? 'finished'
      : config === undefined
        ? 'unreadable'
        : isRunning
          ? 'running'
          : 'stopped';
    const model = result?.models.at(-1);
    const last = epochs.at(-1);
    const summary: RunSummary = {
      id,
      name: posix.basename(id === '' ? folder.replaceAll('\\', '/') : id),
      kind: config !== undefined && 'loss' in config ? 'fine-tuned' : 'language model',
      state,
      method: methodOf(config ?? {}),
      epochs: { done: last?.epoch ?? 0, all: typeof config?.epochs === 'number' ? config.epochs : undefined },
      last,
      alive: epochs.map(({ alive }) => alive.reduce((sum, n) => sum + n, 0)),
      parameters: model?.parameters ?? last?.parameters,
      bytes: model?.bytes,
      modifiedAt: Math.max(0, ...[...files.values()].map(({ modifiedAt }) => modifiedAt)),
      files: sharedFiles.filter((name) => files.has(name)),
      hasReport: files.has(runFiles.report),
      folderReport: await folderReportOf(base, id),
    };
    return { summary, config: config ?? {}, epochs, truncated, live: isRunning ? live : undefined, result, problems };
  } finally {
    for (const { handle } of files.values()) await handle.close();
  }
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

async function documentOf<T>(
  file: OpenFile | undefined,
  name: string,
  parse: (value: unknown) => T | undefined,
  problems: string[],
): Promise<T | undefined> {
  if (file === undefined) return undefined;
  if (file.size > MOST_BYTES) {
    problems.push(`${name} is not read: it has ${file.size} bytes, and more than ${MOST_BYTES} are none of a run`);
    return undefined;
  }
  const value = parse(jsonOf((await readBetween(file, 0, file.size)).toString('utf8')));
  if (value === undefined) problems.push(`${name} is damaged, or of another version`);
  return value;
}

function parsed<T>(schema: z.ZodType<T>, value: unknown): T | undefined {
  const result = schema.safeParse(value);
  return result.success ? result.data : undefined;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return isShallow(value, MOST_LEVELS) ? { ...value } : undefined;
}

/** Nested deeper, a value could not be written as JSON again: that takes a call for each level. */
function isShallow(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((inner) => isShallow(inner, levels - 1));
}

/** The sparsity method of a configuration of either kind. */
function methodOf(config: Readonly<Record<string, unknown>>): string {
  const number = (name: string) => (typeof config[name] === 'number' ? config[name] : undefined);
  const target = typeof config.target === 'string' ? config.target : undefined;
  return methodName({
    iss: number('iss') ?? 0,
    target,
    proximal: config.proximal === true,
    l1: number('l1'),
    magnitude: number('magnitude'),
    keepZeros: config.keepZeros === true,
  });
}
