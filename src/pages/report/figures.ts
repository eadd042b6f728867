import type { ReportModel, ReportRun } from '../../report/data.ts';

/** The model that a run is about: the slim one, else the trained one. */
export function finalModel(run: ReportRun): ReportModel | undefined {
  return run.models.at(-1);
}

/**
 * What the others are compared with: the dense run with the lowest validation perplexity, else none. Runs on other data
 * do not compare.
 */
export function baselineOf(runs: readonly ReportRun[], run: ReportRun): ReportRun | undefined {
  const rated = runs.flatMap((other) => {
    const perplexity = finalModel(other)?.validPerplexity;
    const comparable = other.method === 'dense' && dataOf(other) === dataOf(run) && other !== run;
    return comparable && perplexity !== undefined ? [{ other, perplexity }] : [];
  });
  return rated.sort((a, b) => a.perplexity - b.perplexity)[0]?.other;
}

/** Identifies the text that a run was trained on: perplexities on other words mean other things. */
function dataOf(run: ReportRun): string {
  return run.dataDigest ?? run.data ?? '';
}

/** The runs on the data that most runs have. */
export function onSameData(runs: readonly ReportRun[]): ReportRun[] {
  const groups = new Map<string, ReportRun[]>();
  for (const run of runs) groups.set(dataOf(run), [...(groups.get(dataOf(run)) ?? []), run]);
  return [...groups.values()].reduce((most, group) => (group.length > most.length ? group : most), []);
}

/** Milliseconds of a model, undefined where it was not timed. */
export function latencyOf(model: ReportModel | undefined, batch: number, runtime?: string): number | undefined {
  return model?.latencies.find((l) => l.batch === batch && (runtime === undefined || l.runtime === runtime))?.median;
}

/** The figure of quality that a model has, and whether less of it is better. */
export function qualityOf(model: ReportModel): { name: string; value: number; lessIsBetter: boolean } | undefined {
  if (model.validPerplexity !== undefined) {
    return { name: 'validation perplexity', value: model.validPerplexity, lessIsBetter: true };
  }
  if (model.validAccuracy !== undefined) {
    return { name: 'validation accuracy', value: model.validAccuracy, lessIsBetter: false };
  }
  if (model.validLoss !== undefined) return { name: 'validation loss', value: model.validLoss, lessIsBetter: true };
  return undefined;
}

/** 1.9× or 12×: how often `after` goes into `before`. */
export function times(before: number, after: number): string {
  const ratio = before / after;
  return `${ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(1)}×`;
}

/** +1.2 % or −8.0 %. */
export function change(before: number, after: number): string {
  const percent = (after / before - 1) * 100;
  return `${percent < 0 ? '−' : '+'}${Math.abs(percent).toFixed(1)} %`;
}

/** Milliseconds with the digits that mean something. */
export function milliseconds(value: number): string {
  return `${value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ms`;
}
