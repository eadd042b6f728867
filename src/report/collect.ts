import { basename, join, resolve } from 'node:path';
import { environment } from '../base/environment.ts';
import { UsageError } from '../base/errors.ts';
import { shortestNames } from '../base/shortestNames.ts';
import { findRuns, moreRuns } from '../runs/findRuns.ts';
import { layerNames } from '../runs/layerNames.ts';
import { readRun } from '../runs/readRun.ts';
import type { RunRecord } from '../runs/record.ts';
import type { DeviceName } from '../runtime/devices.ts';
import { wordConnections } from '../topology/words.ts';
import type { ReportData, ReportRun } from './data.ts';
import { timeModels } from './latencies.ts';
import { inWords, type LoadedModels, loadModels, type OnProblem, unitsAtFirst } from './models.ts';
import { distancesOf, epochDistances, type SparseModel, sparseModel } from './topologies.ts';
import { MOST_CELLS, unitMatrices, weightMaps } from './weightMaps.ts';

/** What a report is made of. */
export interface ReportRequest {
  /** Run directories, or folders with runs in them (a sweep, a demo). */
  readonly paths: readonly string[];
  readonly title?: string | undefined;
  /** Times the models; about ten seconds. */
  readonly latency: boolean;
  readonly threads?: number | undefined;
  /** Devices on which models are timed (default: cpu and wasm). */
  readonly devices?: readonly DeviceName[] | undefined;
  readonly onStage?: ((stage: string) => void) | undefined;
}

/** Bytes that all weight maps together may take in the document, which should stay under 2 MB. One of them stands in it twice. */
const PICTURE_BYTES = 840_000;
/** Bytes of a cell, compressed and in base64: measured on trained weights. */
const BYTES_PER_CELL = 0.6;

/** A run as it was read. */
interface ReadRun extends LoadedModels {
  readonly directory: string;
  readonly record: RunRecord;
  readonly onProblem: OnProblem;
  readonly sparse: SparseModel | undefined;
}

/**
 * Collects what a report shows from run directories, with the models of all runs in memory while they are timed. Throws
 * UsageError for a path without runs; what is damaged inside a run is a problem in words.
 */
export async function collectReport({
  paths,
  title,
  latency,
  threads,
  devices,
  onStage,
}: ReportRequest): Promise<ReportData> {
  const problems: string[] = [];
  const read: ReadRun[] = [];
  for (const { directory, record } of await recordsOf(paths, (problem) => problems.push(problem))) {
    onStage?.(`reading ${directory}`);
    const onProblem = (problem: string) => problems.push(`${record.summary.name}: ${problem}`);
    record.problems.forEach(onProblem);
    const loaded = await loadModels(directory, record, onProblem);
    const sparse = await sparseModel(directory, loaded.models.at(-1)?.model);
    read.push({ directory, record, onProblem, sparse, ...loaded });
  }
  const models = latency ? read.flatMap((run) => run.models) : [];
  const timedSteps = await timeModels(models, {
    devices,
    threads,
    onStage,
    onProblem: (problem) => problems.push(problem),
  });
  onStage?.('drawing the weights');
  const names = shortestNames(read.map(({ directory }) => directory));
  const cells = cellsOf(read);
  const runs = await Promise.all(read.map((run, i) => reportRun(run, names[i]!, cells)));
  const sparse = read.flatMap((run, i) => (run.sparse ? [{ ...run.sparse, name: names[i]! }] : []));
  if (sparse.length > 1) onStage?.('comparing connections');
  const topologies = distancesOf(sparse, (problem) => problems.push(problem));
  return {
    title: title ?? (names.length === 1 ? basename(names[0]!) : `${names.length} runs`),
    ...{ madeAt: new Date().toISOString(), environment: environment(), runs, timedSteps, topologies, problems },
  };
}

async function reportRun(run: ReadRun, name: string, cells: number): Promise<ReportRun> {
  const { sparse } = run;
  const { summary, config, epochs, result } = run.record;
  const { state, task, items, scores, method, methodLabel } = summary;
  return {
    ...{ id: run.directory, name, state, task, items, scores, method, methodLabel, config, epochs },
    data: result?.data?.name,
    dataDigest: result?.data?.sha256,
    environment: result?.environment,
    notes: result?.notes ?? [],
    verify: result?.verify,
    layers: namesOf(run),
    began: unitsAtFirst(run.record),
    kept: result?.kept,
    models: run.models.map(({ figures, latencies }) => ({ ...figures, latencies })),
    maps: mapsOf(run, cells),
    words: sparse?.words && wordConnections(sparse.model, sparse.words),
    epochDistances: await epochDistances(run.directory, run.onProblem),
  };
}

async function recordsOf(
  paths: readonly string[],
  onProblem: OnProblem,
): Promise<{ directory: string; record: RunRecord }[]> {
  const found = new Map<string, { directory: string; record: RunRecord }>();
  for (const path of paths) {
    const { ids, more } = await findRuns(path);
    const problem = moreRuns({ ids, more });
    if (problem !== undefined) onProblem(`${path}: ${problem}`);
    if (ids.length === 0) {
      throw new UsageError(`${path} is no run directory (it has no config.json), and there is none in it`);
    }
    for (const id of ids) {
      const directory = join(path, ...id.split('/'));
      const place = resolve(directory);
      if (!found.has(place)) found.set(place, { directory, record: await readRun(path, id) });
    }
  }
  return [...found.values()];
}

/** Cells of a weight map along an axis for which the document has room. */
function cellsOf(runs: readonly ReadRun[]): number {
  const count = runs.reduce((sum, run) => sum + (isDrawn(run) ? unitMatrices(run.final.groups).size : 0), 0);
  const room = PICTURE_BYTES / (2 * Math.max(count, 1) * BYTES_PER_CELL);
  return Math.min(MOST_CELLS, Math.floor(Math.sqrt(room)));
}

/** Runs that removed something have weight maps. */
function isDrawn(run: ReadRun): run is ReadRun & { final: NonNullable<ReadRun['final']> } {
  return run.final !== undefined && run.record.summary.method !== 'dense';
}

function mapsOf(run: ReadRun, cells: number): ReportRun['maps'] {
  try {
    return isDrawn(run) ? weightMaps(run.final, run.final.units, cells) : [];
  } catch (error) {
    return inWords((problem) => run.onProblem(`its weights cannot be drawn: ${problem}`))(error) ?? [];
  }
}

function namesOf({ record, final }: ReadRun): string[] {
  const named = final?.groups.layers.map(({ name }) => name);
  return named?.length === record.epochs[0]?.units.length ? named! : layerNames(record);
}
