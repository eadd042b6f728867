import type { ReportModel, ReportRun } from '../../report/data.ts';
import { isBetter } from '../../tasks/score.ts';
import { type Quality, qualityOf } from '../shared/scores.ts';

/** The model that a run is about: the slim one, else the trained one. */
export function finalModel(run: ReportRun): ReportModel | undefined {
  return run.models.at(-1);
}

/** What a run is compared with: the best dense run on the same data with the same deciding score. */
export function baselineOf(runs: readonly ReportRun[], run: ReportRun): ReportRun | undefined {
  const own = runQuality(run);
  if (own === undefined) return undefined;
  const scoreOf = (other: ReportRun) => runQuality(other)!.value;
  const rivals = runs.filter(
    (other) =>
      other !== run &&
      other.method === 'dense' &&
      dataOf(other) === dataOf(run) &&
      runQuality(other)?.name === own.name,
  );
  const better = (a: ReportRun, b: ReportRun) => (isBetter(own.kind, scoreOf(b), scoreOf(a)) ? b : a);
  return rivals.length === 0 ? undefined : rivals.reduce(better);
}

/** Identifies the data that a run was trained on: scores on other data, or for another task, mean other things. */
function dataOf(run: ReportRun): string {
  return `${run.task} ${run.dataDigest ?? run.data ?? ''}`;
}

/** The runs on the data that most runs have. */
export function onSameData(runs: readonly ReportRun[]): ReportRun[] {
  const groups = new Map<string, ReportRun[]>();
  for (const run of runs) groups.set(dataOf(run), [...(groups.get(dataOf(run)) ?? []), run]);
  return [...groups.values()].reduce((most, group) => (group.length > most.length ? group : most), []);
}

/** Milliseconds of a model, undefined where it was not timed. */
export function latencyOf(model: ReportModel | undefined, batch: number, runtime: string): number | undefined {
  return model?.latencies.find((l) => l.batch === batch && l.runtime === runtime)?.median;
}

/** The figure of quality that a run is judged by: that of its final model. */
export function runQuality(run: ReportRun): Quality | undefined {
  const model = finalModel(run);
  return model && qualityOf(model.scores, run.scores);
}

/** 1.9× or 12×: how often `after` goes into `before`. */
export function times(before: number, after: number): string {
  const ratio = before / after;
  return `${ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(1)}×`;
}
