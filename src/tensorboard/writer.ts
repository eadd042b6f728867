import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SlimError, UsageError } from '../errors.ts';
import { fileErrorReason } from '../files.ts';
import type { EpochRow } from '../runs/record.ts';
import { epochRowSchema } from '../runs/schemas.ts';
import { runFiles } from '../train/runDirectory.ts';
import { eventFileName, eventNow, openingEvents, recordOf, secondsOf } from './eventFile.ts';
import type { Event } from './events_pb.ts';
import { histogramsOf, scalarsOf } from './summary.ts';

/** The event file of a run, which follows its metrics.jsonl. */
export interface TensorBoardFile {
  /** Adds the epochs that metrics.jsonl has got since the last time. Throws SlimError when that fails. */
  update(): void;
}

/**
 * Begins an event file in a run directory with the epochs that metrics.jsonl has, in place of the event files that
 * slimrnn wrote there before, so that a run that is resumed has every epoch once. `layerNames` name the layers from the
 * bottom. The caller is the only one who writes to the directory. Throws SlimError when the file cannot be written,
 * UsageError when metrics.jsonl is damaged.
 */
export function openTensorBoard(directory: string, layerNames?: readonly string[]): TensorBoardFile {
  let path = beginFile(directory);
  let written: string[] = [];
  const update = () => {
    const lines = linesOf(join(directory, runFiles.metrics));
    // A run that began anew because its checkpoint was deleted has other epochs than before.
    if (!existsSync(path) || written.some((line, i) => line !== lines[i])) {
      path = beginFile(directory);
      written = [];
    }
    const rows = lines.slice(written.length).map((line, i) => rowOf(line, written.length + i + 1, directory));
    append(
      path,
      rows.map((row) => summaryEvent(row, layerNames)),
    );
    written = lines;
  };
  update();
  return { update };
}

/** All figures of an epoch as one event. */
function summaryEvent(row: EpochRow, layerNames?: readonly string[]): Event {
  const scalars = scalarsOf(row, layerNames).map(({ tag, value }) => ({
    tag,
    value: { case: 'simpleValue' as const, value },
  }));
  const histograms = histogramsOf(row, layerNames).map(({ tag, histogram }) => ({
    tag,
    value: { case: 'histo' as const, value: histogram },
  }));
  return eventNow(row.epoch, { case: 'summary', value: { value: [...scalars, ...histograms] } });
}

/** Writes an event file with nothing but its opening, and removes the earlier ones; gives its path. */
function beginFile(directory: string): string {
  const earlier = attempt(directory, () => readdirSync(directory, { withFileTypes: true }))
    .filter((entry) => entry.isFile() && secondsOf(entry.name) !== undefined)
    .map((entry) => entry.name);
  // A TensorBoard that reads an earlier file goes on only to one whose name comes after it.
  const now = Math.floor(Date.now() / 1000);
  const path = join(directory, eventFileName(Math.max(now, ...earlier.map((name) => secondsOf(name)! + 1))));
  attempt(path, () => writeFileSync(path, Buffer.concat(openingEvents().map(recordOf)), { flag: 'wx' }));
  for (const name of earlier) attempt(join(directory, name), () => rmSync(join(directory, name)));
  return path;
}

function append(path: string, events: readonly Event[]): void {
  if (events.length > 0) attempt(path, () => appendFileSync(path, Buffer.concat(events.map(recordOf))));
}

function attempt<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (cause) {
    throw new SlimError(`cannot write ${path} for --tensorboard: ${fileErrorReason(cause)}`, { cause });
  }
}

/** Lines of metrics.jsonl; none before the first epoch has ended. */
function linesOf(path: string): string[] {
  if (!existsSync(path)) return [];
  return attempt(path, () => readFileSync(path, 'utf8'))
    .split('\n')
    .filter((line) => line !== '');
}

function rowOf(line: string, number: number, directory: string): EpochRow {
  let content: unknown;
  try {
    content = JSON.parse(line);
  } catch {
    content = undefined;
  }
  const row = epochRowSchema.safeParse(content);
  if (row.success) return row.data;
  throw new UsageError(
    `${join(directory, runFiles.metrics)}: line ${number} does not hold the figures of an epoch; delete the file, and ` +
      '--resume writes it anew from the checkpoint',
  );
}
