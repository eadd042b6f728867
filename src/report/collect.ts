import { basename, join, resolve } from 'node:path';
import { environment } from '../base/environment.ts';
import { SlimError, UsageError } from '../base/errors.ts';
import { findRuns } from '../runs/findRuns.ts';
import { readRun } from '../runs/readRun.ts';
import type { RunRecord, RunSummary } from '../runs/record.ts';
import type { ReportData, ReportRun } from './data.ts';
import { timeModels } from './latencies.ts';
import { type LoadedRun, loadModels } from './models.ts';
import { MOST_CELLS, unitMatrices, weightMaps } from './weightMaps.ts';

/** What a report is made of. */
export interface ReportRequest {
  /** Run directories, or folders with runs in them (a sweep, a demo). */
  readonly paths: readonly string[];
  readonly title?: string | undefined;
  /** Times the models; about ten seconds. */
  readonly latency: boolean;
  readonly threads?: number | undefined;
  readonly onStage?: ((stage: string) => void) | undefined;
}

/** Bytes that all weight maps together may take in the document, which should stay under 2 MB. */
const PICTURE_BYTES = 900_000;
/** Bytes of a cell, compressed and in base64: measured on trained weights. */
const BYTES_PER_CELL = 0.6;

/**
 * Collects what a report shows from run directories: records, models, latencies and weight maps. Nothing is written.
 * Holds the models of all runs in memory while they are timed. Throws UsageError for a path without runs; what is
 * damaged inside a run is a problem in words.
 */
export async function collectReport(request: ReportRequest): Promise<ReportData> {
  const { onStage, latency, threads } = request;
  const problems: string[] = [];
  const found = await recordsOf(request.paths);
  const loaded: LoadedRun[] = [];
  for (const { directory, record } of found) {
    onStage?.(`reading ${directory}`);
    const own = [...record.problems];
    loaded.push(await loadModels(directory, record, own));
    problems.push(...own.map((problem) => `${record.summary.name}: ${problem}`));
  }
  const timed = latency ? await timeAll(loaded, { threads, onStage }) : undefined;
  problems.push(...(timed?.problems ?? []));
  onStage?.('drawing the weights');
  const drawn = drawAll(loaded, found, problems);
  const names = shortestNames(found.map(({ directory }) => directory));
  const runs = found.map(
    ({ record, directory }, i): ReportRun => ({
      id: directory,
      name: names[i]!,
      ...shownOf(record.summary),
      config: record.config,
      data: record.result?.data?.name,
      dataDigest: record.result?.data?.sha256,
      environment: record.result?.environment,
      seconds: record.result?.seconds,
      epochs: record.epochs,
      layers: layerNames(record, loaded[i]!),
      began: record.config?.model.hidden,
      models: loaded[i]!.models.map(({ figures }, j) => ({ ...figures, latencies: timed?.latencies[i]?.[j] ?? [] })),
      notes: record.result?.notes ?? [],
      verify: record.result?.verify,
      maps: drawn[i]!,
    }),
  );
  return {
    title: request.title ?? titleOf(names),
    madeAt: new Date().toISOString(),
    environment: environment(),
    runs,
    timing: timed?.timing,
    problems,
  };
}

/** What a report shows of a summary as it is. */
function shownOf({ state, task, items, scores, method, methodLabel }: RunSummary) {
  return { state, task, items, scores, method, methodLabel };
}

async function recordsOf(paths: readonly string[]): Promise<{ directory: string; record: RunRecord }[]> {
  const found: { directory: string; record: RunRecord }[] = [];
  for (const path of paths) {
    const ids = await findRuns(path);
    if (ids.length === 0) {
      throw new UsageError(`${path} is no run directory (it has no config.json), and there is none in it`);
    }
    for (const id of ids) {
      const directory = join(path, ...id.split('/'));
      if (found.some((other) => resolve(other.directory) === resolve(directory))) continue;
      found.push({ directory, record: await readRun(path, id) });
    }
  }
  return found;
}

/** Times the models of all runs together, so that they can be compared. */
async function timeAll(loaded: readonly LoadedRun[], options: Parameters<typeof timeModels>[1]) {
  const there = loaded.flatMap(({ models }) => models).filter(({ model }) => model !== undefined);
  if (there.length === 0) return undefined;
  const { timing, latencies, problems } = await timeModels(
    there.map(({ model, figures }) => ({ name: figures.name, model: model! })),
    options,
  );
  return {
    timing,
    problems,
    latencies: loaded.map(({ models }) =>
      models.map(({ model }) => (model === undefined ? [] : latencies[there.findIndex((t) => t.model === model)]!)),
    ),
  };
}

/** Weight maps of all runs that removed something, as large as the document has room for. */
function drawAll(
  loaded: readonly LoadedRun[],
  found: readonly { record: RunRecord }[],
  problems: string[],
): ReportRun['maps'][] {
  const wanted = found.map(({ record }, i) => (record.summary.method === 'dense' ? undefined : loaded[i]!.final));
  const count = wanted.reduce((sum, final) => sum + (final ? unitMatrices(final.groups).size : 0), 0);
  const room = PICTURE_BYTES / (2 * Math.max(count, 1) * BYTES_PER_CELL);
  const cells = Math.min(MOST_CELLS, Math.floor(Math.sqrt(room)));
  return wanted.map((final, i) => {
    try {
      return final === undefined ? [] : weightMaps(final, final.units, cells);
    } catch (error) {
      if (!(error instanceof SlimError)) throw error;
      problems.push(`${found[i]!.record.summary.name}: its weights cannot be drawn: ${error.message}`);
      return [];
    }
  });
}

function layerNames(record: RunRecord, { final }: LoadedRun): string[] {
  const named = final?.groups.layers.map(({ name }) => name);
  const units = record.epochs[0]?.units ?? [];
  return named?.length === units.length ? named : units.map((_, i) => `layer ${i + 1}`);
}

/** The last segments of paths, with as many before them as it takes to tell them apart. */
export function shortestNames(paths: readonly string[]): string[] {
  const parts = paths.map((path) => resolve(path).split(/[\\/]/));
  return parts.map((own, i) => {
    for (let n = 1; n < own.length; n++) {
      const name = own.slice(-n).join('/');
      if (parts.every((other, j) => j === i || other.slice(-n).join('/') !== name)) return name;
    }
    return own.join('/');
  });
}

function titleOf(names: readonly string[]): string {
  return names.length === 1 ? basename(names[0]!) : `${names.length} runs`;
}
