import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { equals } from '@bufbuild/protobuf';
import { SlimError, UsageError } from '../base/errors.ts';
import { fileErrorReason } from '../base/files.ts';
import { configFrom, epochFrom, jsonOf } from '../runs/formats.ts';
import { runFiles } from '../runs/runDirectory.ts';
import type { EpochMetrics } from '../train/metrics.ts';
import { eventFileName, eventNow, openingEvents, readRecords, recordOf, secondsOf } from './eventFile.ts';
import { type Summary, SummarySchema } from './events_pb.ts';
import { summaryOf } from './summary.ts';

/**
 * Makes the event file of a run hold the epochs of its metrics.jsonl, each once: adds what is missing, and replaces a
 * file of slimrnn that holds anything else. `layerNames` are from the bottom. Nobody else writes to the directory.
 * Throws SlimError when the file cannot be written, UsageError when metrics.jsonl is damaged.
 */
export function updateTensorBoard(directory: string, layerNames?: readonly string[]): void {
  const items = itemsOf(directory);
  const summaries = rowsOf(directory).map((row) => ({ epoch: row.epoch, summary: summaryOf(row, items, layerNames) }));
  const recordsFrom = (first: number) =>
    summaries.slice(first).map(({ epoch, summary }) => recordOf(eventNow(epoch, { case: 'summary', value: summary })));
  const earlier = eventFilesOf(directory);
  const [name] = earlier;
  if (name !== undefined && earlier.length === 1) {
    const path = join(directory, name);
    const held = prefixOf(path, summaries);
    if (held !== undefined) {
      const missing = Buffer.concat(recordsFrom(held));
      if (missing.length > 0) attempt(path, () => appendFileSync(path, missing));
      return;
    }
  }
  // A TensorBoard that reads an earlier file goes on only to one whose name comes after it.
  const now = Math.floor(Date.now() / 1000);
  const path = join(directory, eventFileName(Math.max(now, ...earlier.map((file) => secondsOf(file)! + 1))));
  const content = Buffer.concat([...openingEvents().map(recordOf), ...recordsFrom(0)]);
  attempt(path, () => writeFileSync(path, content, { flag: 'wx' }));
  for (const file of earlier) attempt(join(directory, file), () => rmSync(join(directory, file)));
}

/** How many summaries a file holds, undefined when it holds others; cuts an unfinished record at its end off. */
function prefixOf(path: string, summaries: readonly { readonly summary: Summary }[]): number | undefined {
  const file = attempt(path, () => readFileSync(path));
  const { events, length } = readRecords(file);
  const held = events.slice(openingEvents().length);
  const isPrefix = held.every(({ what }, i) => {
    const wanted = summaries[i]?.summary;
    return what.case === 'summary' && wanted !== undefined && equals(SummarySchema, what.value, wanted);
  });
  if (events.length < openingEvents().length || !isPrefix) return undefined;
  if (length < file.length) attempt(path, () => truncateSync(path, length));
  return held.length;
}

/** Names of the event files that slimrnn wrote to a folder. */
function eventFilesOf(directory: string): string[] {
  return attempt(directory, () => readdirSync(directory, { withFileTypes: true }))
    .filter((entry) => entry.isFile() && secondsOf(entry.name) !== undefined)
    .map((entry) => entry.name);
}

/** Rows of metrics.jsonl; none before the first epoch has ended. */
function rowsOf(directory: string): EpochMetrics[] {
  const path = join(directory, runFiles.metrics);
  const lines = textOf(path)?.split('\n') ?? [];
  return lines
    .filter((line) => line !== '')
    .map((line, i) => {
      const row = epochFrom(jsonOf(line));
      if (row !== undefined) return row;
      const advice = 'delete the file, and --resume writes it anew from the checkpoint';
      throw new UsageError(`${path}: line ${i + 1} does not hold the figures of an epoch; ${advice}`);
    });
}

/** What the run counts, as its configuration says. */
function itemsOf(directory: string): string {
  return configFrom(jsonOf(textOf(join(directory, runFiles.config)) ?? ''))?.items ?? 'items';
}

/** A file of the run; undefined when it is not there. */
function textOf(path: string): string | undefined {
  return existsSync(path) ? attempt(path, () => readFileSync(path, 'utf8')) : undefined;
}

function attempt<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (cause) {
    throw new SlimError(`--tensorboard: cannot use ${path}: ${fileErrorReason(cause)}`, { cause });
  }
}
