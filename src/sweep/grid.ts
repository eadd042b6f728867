import { UsageError } from '../base/errors.ts';
import { didYouMean } from '../base/suggest.ts';
import { checkConfig, issFields, type PartialConfig, type TrainConfig } from '../train/config.ts';
import { type FieldValue, fieldNames } from './values.ts';

/** The values of each field that differs between the runs of a sweep. */
export type Varied = { readonly [K in keyof TrainConfig]?: readonly FieldValue[] };

/** One run of a sweep. */
export interface GridRun {
  /** Name of its folder. */
  readonly name: string;
  /** What makes it different from the others. */
  readonly varied: Readonly<Record<string, FieldValue>>;
  readonly config: TrainConfig;
}

/**
 * The runs of a sweep: every combination of the varied values over one base configuration, the last field turning
 * fastest. Throws a UsageError when there is nothing to compare, or when a combination is no valid configuration.
 */
export function gridRuns(base: PartialConfig, varied: Varied): GridRun[] {
  for (const field of Object.keys(varied)) {
    if (fieldNames.some((known) => known === field)) continue;
    throw new UsageError(`unknown field '${field}'${didYouMean(field, fieldNames)}`);
  }
  let points: Record<string, FieldValue>[] = [{}];
  for (const [field, values] of Object.entries(varied)) {
    if (values.length === 0) throw new UsageError(`${field} has no values`);
    points = points.flatMap((point) => values.map((value) => ({ ...point, [field]: value })));
  }
  if (points.length < 2) {
    throw new UsageError(
      'a sweep needs at least 2 runs: give a field several values, as in --iss 1e-3..1e-2 --count 8',
    );
  }
  const digits = String(points.length).length;
  return points.map((point, i) => {
    const config = checkConfig(withoutIdle({ ...base, ...point }), `run ${i + 1} (${describeVaried(point)})`);
    return { name: `${String(i + 1).padStart(digits, '0')}-${folderName(point)}`, varied: point, config };
  });
}

/** A dense run among others with a group penalty, `--iss 0,0.002 --proximal`, does not need what only the penalty has. */
function withoutIdle(fields: PartialConfig): PartialConfig {
  if (fields.iss !== 0 || fields.target !== undefined) return fields;
  return { ...fields, ...Object.fromEntries(issFields.map((field) => [field, undefined])) };
}

/** `iss 0.002, keep 0.5` */
export function describeVaried(varied: Readonly<Record<string, FieldValue>>): string {
  return Object.entries(varied)
    .map(([field, value]) => `${field} ${valueText(value)}`)
    .join(', ');
}

/** A value as a flag takes it. */
export function valueText(value: FieldValue): string {
  return Array.isArray(value) ? value.join(',') : String(value);
}

/** Longest part of a folder's name that says what the run varies. */
const LONGEST = 60;

function folderName(varied: Readonly<Record<string, FieldValue>>): string {
  const parts = Object.entries(varied).map(([field, value]) => `${field}-${valueText(value)}`);
  return parts
    .join('-')
    .replace(/[^\w.-]+/g, '-')
    .slice(0, LONGEST);
}
