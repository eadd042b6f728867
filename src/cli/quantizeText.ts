import type { LatencyPair, Unmeasured } from '../quantize/latencies.ts';
import type { QuantizedForm, QuantizedWeight } from '../quantize/quantize.ts';
import type { ScoreChange } from '../quantize/scores.ts';
import type { KeptWeight } from '../quantize/whyKept.ts';
import { devices } from '../runtime/devices.ts';
import { formatChange, formatScore } from '../tasks/score.ts';
import type { Distance } from '../verify/verify.ts';
import { fileSize, grouped, percent, table } from './output.ts';
import { differenceLines, remarksOn } from './verifyFlags.ts';

/** A finished `quantize`. */
export interface QuantizeResult {
  readonly model: string;
  readonly written: true;
  readonly out: string;
  readonly to: QuantizedForm;
  /** Of weights that are multiplied as whole numbers. */
  readonly bits?: 7 | 8;
  /** In words the values and sizes that the written model is for alone. */
  readonly forGiven: string;
  /** Of the relative difference of outputs; null where only the score has one. */
  readonly bound: number | null;
  /** What both models ran on: a file of arrays, or in words. */
  readonly inputs: string;
  readonly bytes: { readonly before: number; readonly after: number };
  readonly weights: readonly QuantizedWeight[];
  readonly kept: readonly KeptWeight[];
  readonly verify: Distance;
  /** Of a model of a run. */
  readonly scores?: QuantizeScores;
  readonly latencies: readonly (LatencyPair | Unmeasured)[];
}

/** What a task makes of both models. */
export interface QuantizeScores {
  /** The data, in words. */
  readonly on: string;
  /** How much worse the first score may get: relative to it, of a share in points. */
  readonly bound: number;
  readonly changes: readonly ScoreChange[];
}

/** A `quantize` that wrote nothing, since no weight could change or the file would be no smaller. */
export interface UnchangedQuantize {
  readonly model: string;
  readonly to: QuantizedForm;
  readonly written: false;
  readonly out: null;
  readonly problem: string;
}

/** Below this speedup a model is called slower: smaller differences may be noise. */
const SLOWER = 0.9;

/** The same for people. */
export function quantizeText(result: QuantizeResult): string {
  const { bytes, verify, scores, latencies, model, out, to, forGiven } = result;
  const timed = latencies.filter((l) => 'speedup' in l);
  const untimed = latencies.filter((l) => 'problem' in l);
  const rows = [
    ['file', fileSize(bytes.before), fileSize(bytes.after), `${(bytes.before / bytes.after).toFixed(2)}×`],
    ...timed.map(latencyRow),
  ];
  return [
    ...weightLines(result),
    '',
    table(['', 'before', 'after', 'smaller, faster'], rows),
    '',
    ...timed.filter(({ speedup }) => speedup < SLOWER).map((pair) => slowerLine(pair, to)),
    ...untimed.map(({ device, problem }) => `not timed on ${device}: ${problem}`),
    ...(scores === undefined ? [] : scoreLines(scores)),
    `outputs against those of ${model}, on ${result.inputs}:`,
    ...differenceLines(verify, largestText(verify, result.bound)),
    ...remarksOn(verify),
    `written to ${out}${forGiven}`,
  ].join('\n');
}

/** How many weights took each form, and which took none. */
function weightLines({ weights, kept, bits }: QuantizeResult): string[] {
  const about: Readonly<Record<QuantizedWeight['form'], string>> = {
    product: `multiplied as int8 (${bits} bits)`,
    rows: 'looked up as int8 rows',
    int8: 'stored as int8, computed in float32',
    float16: 'stored as float16, computed in float32',
  };
  const reasons = [...new Set(kept.map(({ why }) => why))];
  const forms = [...new Set(weights.map(({ form }) => form))];
  return [
    ...forms.map((form) => {
      const names = weights.filter((weight) => weight.form === form).map(({ name }) => name);
      return `${about[form]}: ${named(names)}`;
    }),
    ...reasons.map((why) => {
      const names = kept.filter((weight) => weight.why === why).map(({ name }) => name);
      return `kept in float32: ${named(names)}, which ${why}`;
    }),
  ];
}

const MOST_NAMED = 6;

function named(names: readonly string[]): string {
  const more = names.length - MOST_NAMED;
  return more > 0 ? `${names.slice(0, MOST_NAMED).join(', ')} and ${grouped(more)} more` : names.join(', ');
}

function latencyRow({ device, batch, steps, before, after, speedup }: LatencyPair): string[] {
  const label = `${devices[device].label}, batch ${batch} × ${steps} steps`;
  return [label, `${before.toFixed(2)} ms`, `${after.toFixed(2)} ms`, `${speedup.toFixed(2)}×`];
}

function slowerLine({ device, speedup }: LatencyPair, to: QuantizedForm): string {
  const advice = to === 'int8' ? '; --to int8-storage makes as small a file that runs as fast as the model itself' : '';
  return `slower on ${device}: it takes ${(1 / speedup).toFixed(2)} times as long as the model itself${advice}`;
}

/** Each score before and after, and what is accepted of the first one. */
function scoreLines({ on, bound, changes }: QuantizeScores): string[] {
  const width = Math.max(...changes.map(({ score }) => score.name.length));
  return [
    `scores on ${on}:`,
    ...changes.map(({ score, before, after, change }, i) => {
      const sign = change < 0 ? '−' : '+';
      const accepted = i === 0 ? `; accepted: ${formatChange(score, bound)} worse` : '';
      const values = `${formatScore(score, before)} → ${formatScore(score, after)}`;
      return `  ${score.name.padEnd(width)} ${values} (${sign}${formatChange(score, Math.abs(change))}${accepted})`;
    }),
  ];
}

/** The largest relative difference that counts, with what is accepted. */
function largestText({ worst }: Distance, bound: number | null): string {
  const where = worst === undefined ? '' : `, ${percent(worst.apart)} relative in '${worst.output}'`;
  return bound === null ? where : `${where} (accepted: ${percent(bound)})`;
}
