import { formatShape } from '../graph/dims.ts';
import type { CompensationChoice, CutCandidate } from '../slim/chooseCompensation.ts';
import type { RankingName } from '../slim/ranking.ts';
import type { ResizedValue, ShrunkLayer } from '../slim/shrink.ts';
import type { Difference } from '../verify/difference.ts';
import { agreement, fileSize, grouped, percent, table } from './output.ts';
import { differenceLines, remarksOn } from './verifyFlags.ts';

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

/** How a cut made up for what it removed, and what that gained. */
export interface CompensationResult {
  readonly kind: CutCandidate['kind'];
  /** Products that make up for removed units, and weights that read such units and do not. */
  readonly compensated: number;
  readonly left: number;
  /** False where the inputs could not be split, so that the figures are of those that it was computed from. */
  readonly isHeldOut: boolean;
  /** How far the outputs are from the original's: of the plain cut, and of the one that was written. */
  readonly without: Difference;
  readonly with: Difference;
  readonly differences: CompensationChoice['differences'];
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
  /** By what units were ranked, where there was a choice. */
  readonly ranking?: RankingName;
  /** Absent without inputs to compute it from. */
  readonly compensation?: CompensationResult;
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
  const { verify, model, out, resized, stayed, forGiven, compensation } = result;
  const part = compensation?.isHeldOut ? 'the held-out part of ' : '';
  const same = inputs === undefined ? 'the same random inputs' : `${part}${inputs}`;
  const outcome = result.lossless
    ? [`verified on ${same}: outputs of the smaller model ${agreement(verify)} those of ${model}`]
    : [
        `outputs of the smaller model against those of ${model}, on ${same}:`,
        ...differenceLines(verify, `, ${percent(verify.maxRelativeDifference)} relative`),
      ];
  return [
    ...(stayed.length > 0 ? [...stayed, ''] : []),
    table(['', 'before', 'after'], rows),
    '',
    ...outcome,
    ...(compensation ? compensationLines(compensation) : []),
    ...remarksOn(verify),
    ...resizedLines(resized),
    `written to ${out}${forGiven}`,
  ].join('\n');
}

/** What compensation gained. */
function compensationLines({ kind, compensated, left, isHeldOut, ...difference }: CompensationResult): string[] {
  const [before, after] = [difference.without, difference.with].map((d) => percent(d.meanRelativeDifference));
  const products = `${compensated} product${compensated === 1 ? '' : 's'}`;
  const gained =
    kind === 'none'
      ? 'not compensated: neither means nor least squares bring the outputs nearer'
      : `compensated by ${kind === 'mean' ? 'means' : 'least squares'} in ${products}: ${after}, without it ${before}`;
  return [
    gained,
    ...(left > 0 ? [`not compensated: ${left} weight${left === 1 ? '' : 's'} that read removed units`] : []),
    ...(isHeldOut ? [] : ['the inputs cannot be split: these figures are of those that it was computed from']),
  ];
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
