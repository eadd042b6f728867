import { milliseconds } from '../base/format.ts';
import type { CompressResult, QuantizedResult, StageRecord } from '../compress/record.ts';
import type { ModelSizes } from '../compress/sizes.ts';
import type { LatencyPair, Unmeasured } from '../quantize/latencies.ts';
import { formatScore, type ScoreKind, type ScoreValues } from '../tasks/score.ts';
import { fileSize, grouped, table } from './output.ts';

/** What a compression prints. */
export interface CompressReport extends CompressResult {
  /** The model as it was named. */
  readonly source: string;
  readonly task: string;
  readonly latencies: readonly (LatencyPair | Unmeasured)[];
  /** Scores by labels, where there are some. */
  readonly labels: LabelScores | null;
  /** The HTML report; null without. */
  readonly report: string | null;
}

/** Scores of the original and the result by labels. */
export interface LabelScores {
  readonly scores: readonly ScoreKind[];
  readonly original: ScoreValues;
  readonly smaller: ScoreValues;
}

/** What came out, for people. */
export function compressText(report: CompressReport): string {
  const { original, stages, chosen, scores, latencies, labels } = report;
  const row = (name: string, sizes: ModelSizes, values: StageRecord['trained']) => [
    name,
    ...scores.map((kind) => scoreText(kind, values[kind.name])),
    sizes.units.join(', '),
    grouped(sizes.parameters),
    grouped(sizes.multiplyAdds),
    fileSize(sizes.bytes),
  ];
  const rows = [
    row('original', original.sizes, original.scores),
    ...stages.map((stage, i) => row(`${stage === chosen ? '→ ' : ''}stage ${i + 1}`, stage.sizes, stage.trained)),
  ];
  const head = ['', ...scores.map(({ name }) => name), 'units', 'parameters', 'multiply-adds', 'file'];
  return [
    table(head, rows),
    ...latencies.map(latencyText),
    ...(labels ? labels.scores.map((kind) => labelText(kind, labels)) : []),
    ...(report.quantized ? [quantizedText(report.quantized, scores)] : []),
    `written to ${report.model}`,
    ...(report.report === null ? [] : [`report: ${report.report}`]),
  ].join('\n');
}

function scoreText(kind: ScoreKind, value: number | null | undefined): string {
  return typeof value === 'number' ? formatScore(kind, value) : '–';
}

function latencyText(latency: LatencyPair | Unmeasured): string {
  if ('problem' in latency) return `${latency.device}: not timed: ${latency.problem}`;
  const { device, before, after, speedup, batch, steps } = latency;
  return `${device}: ${milliseconds(before)} → ${milliseconds(after)}, ${speedup.toFixed(1)} times as fast (batch ${batch}, ${steps} steps)`;
}

function labelText(kind: ScoreKind, { original, smaller }: LabelScores): string {
  const [before, after] = [original, smaller].map((values) => scoreText(kind, values[kind.name]));
  return `by labels: ${kind.name} ${before} → ${after}`;
}

function quantizedText({ form, file, bytes, scores: values }: QuantizedResult, scores: readonly ScoreKind[]): string {
  const figures = scores.map((kind) => `${kind.name} ${scoreText(kind, values[kind.name])}`).join(', ');
  return `${form}: ${file}, ${fileSize(bytes)}: ${figures}`;
}
