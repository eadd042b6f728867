import type { ReportModel, ReportRun } from '../../report/data.ts';
import { isBetter } from '../../tasks/score.ts';
import type { TableModel } from '../shared/modelTable.tsx';
import { type Quality, qualityOf } from '../shared/scores.ts';

/** The model that a run is about: the slim one, else the trained one. */
export function finalModel(run: ReportRun): ReportModel | undefined {
  return run.models.at(-1);
}

/** How a run stands: its final model or, where it has none, its last epoch. */
export interface Standing {
  readonly model: TableModel;
  /** The epoch, where it is not that of a finished run. */
  readonly epoch?: number;
}

/** Undefined for a run without a model and without an epoch. */
export function standingOf(run: ReportRun): Standing | undefined {
  const model = finalModel(run);
  if (model !== undefined) return { model };
  const last = run.epochs.at(-1);
  if (last === undefined) return undefined;
  const { alive, parameters, train, valid, epoch } = last;
  return { model: { hidden: alive, parameters, scores: { train, valid } }, epoch };
}

/** What a run is compared with: the best dense run on the same data with the same deciding score. */
export function baselineOf(runs: readonly ReportRun[], run: ReportRun): ReportRun | undefined {
  const own = runQuality(run);
  if (own === undefined) return undefined;
  const isRival = (other: ReportRun) =>
    other !== run &&
    other.method === 'dense' &&
    dataOf(other, runs) === dataOf(run, runs) &&
    runQuality(other)?.name === own.name;
  return bestOf(runs.filter(isRival));
}

/** The run that a report opens with: the best one that lost units, else the best one, else the first one. */
export function heroOf(runs: readonly ReportRun[]): ReportRun | undefined {
  const finished = onSameData(runs).filter((run) => finalModel(run) !== undefined);
  return bestOf(finished.filter(hasLost)) ?? bestOf(finished) ?? finished[0] ?? runs[0];
}

/** Whether units died, and not all of them: a layer keeps its last unit whatever happens. */
function hasLost(run: ReportRun): boolean {
  const hidden = finalModel(run)?.hidden ?? [];
  const lost = hidden.some((units, i) => units < (run.began?.[i] ?? units));
  return lost && hidden.some((units) => units > 1);
}

/** The run whose final model scores best among those with the same deciding score as the first of them. */
function bestOf(runs: readonly ReportRun[]): ReportRun | undefined {
  const rated = runs.flatMap((run) => {
    const quality = runQuality(run);
    return quality ? [{ run, quality }] : [];
  });
  const [first] = rated;
  if (first === undefined) return undefined;
  const alike = rated.filter(({ quality }) => quality.name === first.quality.name);
  const better = (a: typeof first, b: typeof first) =>
    isBetter(a.quality.kind, b.quality.value, a.quality.value) ? b : a;
  return alike.reduce(better).run;
}

/**
 * Identifies the data that a run was trained on: scores on other data, or for another task, mean other things. A run
 * that is not finished has not said it yet; its data are those of a finished one with the same sources.
 */
function dataOf(run: ReportRun, runs: readonly ReportRun[]): string {
  const own = run.dataDigest ?? run.data;
  if (own !== undefined) return `${run.task} ${own}`;
  const sources = sourcesOf(run);
  const twin = runs.find(
    (other) => other.task === run.task && other.data !== undefined && sourcesOf(other) === sources,
  );
  return `${run.task} ${twin?.dataDigest ?? twin?.data ?? sources}`;
}

function sourcesOf({ config }: ReportRun): string {
  const { data = null, valid = null, test = null } = config?.sources ?? {};
  return JSON.stringify([data, valid, test]);
}

/** The runs on the data that most finished runs have, then most runs. */
export function onSameData(runs: readonly ReportRun[]): ReportRun[] {
  const groups = new Map<string, ReportRun[]>();
  for (const run of runs) {
    const data = dataOf(run, runs);
    groups.set(data, [...(groups.get(data) ?? []), run]);
  }
  const finished = (group: readonly ReportRun[]) => group.filter((run) => finalModel(run) !== undefined).length;
  const larger = (a: ReportRun[], b: ReportRun[]) =>
    finished(b) > finished(a) || (finished(b) === finished(a) && b.length > a.length) ? b : a;
  return [...groups.values()].reduce(larger, []);
}

/** Milliseconds of a model, undefined where it was not timed. */
export function latencyOf(
  model: Pick<TableModel, 'latencies'> | undefined,
  batch: number,
  runtime: string,
): number | undefined {
  return model?.latencies?.find((l) => l.batch === batch && l.runtime === runtime)?.median;
}

/** The figure of quality that a run is judged by: that of its final model. */
export function runQuality(run: ReportRun): Quality | undefined {
  const model = finalModel(run);
  return model && qualityOf(model.scores, run.scores);
}

/** λ of the penalty of a run, where its method has one. */
export function lambdaOf({ config }: Pick<ReportRun, 'config'>): number | undefined {
  const lambda = config?.method.iss ?? config?.method.l1;
  return typeof lambda === 'number' ? lambda : undefined;
}

/** 1.9× smaller, 12× smaller, 1.2× larger, or the same: how often one size goes into another, in words. */
export function times(before: number, after: number, less: string, more: string): string {
  const ratio = after <= before ? before / after : after / before;
  if (!Number.isFinite(ratio) || ratio < 1.05) return 'about the same';
  return `${ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(1)}× ${after <= before ? less : more}`;
}
