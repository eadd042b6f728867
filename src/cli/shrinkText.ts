import { formatShape } from '../graph/dims.ts';
import type { ResizedValue, ShrunkLayer } from '../slim/shrink.ts';
import type { Difference } from '../verify/difference.ts';
import { agreement, fileSize, grouped, percent, rounded, table } from './output.ts';
import { remarksOn } from './verifyFlags.ts';

interface Change {
  readonly before: number;
  readonly after: number;
}

interface ShrinkOutset {
  /** The file. */
  readonly model: string;
  /** True where only what nothing reads should go. */
  readonly lossless: boolean;
  /** Lines on what stays, and why. */
  readonly stayed: readonly string[];
  /** The layers, counted in the model that was written. */
  readonly layers: readonly ShrunkLayer[];
}

/** A cut that came to nothing, so that nothing was written. */
export interface UnchangedResult extends ShrinkOutset {
  readonly written: false;
  readonly out: null;
  readonly problem: string;
}

/** What a cut came to. */
export interface ShrinkResult extends ShrinkOutset {
  readonly written: true;
  readonly out: string;
  readonly parameters: Change;
  readonly multiplyAdds: Change;
  /** Of all files of the model. */
  readonly bytes: Change;
  readonly resized: readonly ResizedValue[];
  /** In words the values and sizes that the written model is for alone. */
  readonly forGiven: string;
  readonly verify: Difference;
}

/** A finished `shrink` for people: what did not go first, then the written model beside the old one. */
export function shrinkText(result: ShrinkResult, inputs: string | undefined): string {
  const row = (name: string, { before, after }: Change, format: (n: number) => string) => [
    name,
    format(before),
    format(after),
  ];
  const rows = [
    ...result.layers.map((l) => row(`${l.name} units`, l, grouped)),
    row('parameters', result.parameters, grouped),
    row('multiply-adds per time step', result.multiplyAdds, grouped),
    row('file', result.bytes, fileSize),
  ];
  const { verify, model, out, resized, stayed, forGiven } = result;
  const same = inputs === undefined ? 'the same random inputs' : inputs;
  const outcome = result.lossless
    ? [`verified on ${same}: outputs of the smaller model ${agreement(verify)} those of ${model}`]
    : [`outputs of the smaller model against those of ${model}, on ${same}:`, ...differenceLines(verify)];
  return [
    ...(stayed.length > 0 ? [...stayed, ''] : []),
    table(['', 'before', 'after'], rows),
    '',
    ...outcome,
    ...remarksOn(verify),
    ...resizedLines(resized),
    `written to ${out}${forGiven}`,
  ].join('\n');
}

/** Values that change alike share a line. */
function resizedLines(resized: readonly ResizedValue[]): string[] {
  const alike = new Map<string, string[]>();
  for (const { name, before, after } of resized) {
    const change = `${formatShape(before)} → ${formatShape(after)}`;
    alike.set(change, [...(alike.get(change) ?? []), name]);
  }
  return [...alike].map(([change, names]) => `inputs and outputs ${change}: ${names.join(', ')}`);
}

function differenceLines(verify: Difference): string[] {
  const { maxAbsDifference, meanAbsDifference, maxRelativeDifference, meanRelativeDifference, agreement } = verify;
  return [
    `  mean difference ${rounded(meanAbsDifference)}, ${percent(meanRelativeDifference)} relative`,
    `  largest         ${rounded(maxAbsDifference)}, ${percent(maxRelativeDifference)} relative`,
    ...(agreement === undefined ? [] : [`  ${percent(agreement)} of the elements that are not real numbers are equal`]),
  ];
}
