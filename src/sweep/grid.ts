import { UsageError } from '../base/errors.ts';
import { isIdle, type Settings } from '../base/fields.ts';
import { readSettings } from '../config/readSettings.ts';
import type { RunConfig } from '../config/runConfig.ts';
import { methods, withoutMethod } from '../methods/registry.ts';
import type { FieldValue } from './values.ts';

/** The values of each field that differs between the runs of a sweep. */
export type Varied = Readonly<Record<string, readonly FieldValue[]>>;

/** What all runs of a sweep have in common. */
export interface CommonSettings {
  /** Settings of a preset or of an earlier run: what does not go with the others is left out. */
  readonly base: Settings;
  /** Settings that go before them. */
  readonly overrides?: Settings | undefined;
}

/** One run of a sweep. */
export interface GridRun {
  /** Name of its folder. */
  readonly name: string;
  /** What makes it different from the others. */
  readonly varied: Readonly<Record<string, FieldValue>>;
  readonly config: RunConfig;
}

/**
 * The runs of a sweep: every combination of the varied values over common settings, the last field turning fastest.
 * Throws a UsageError when there is nothing to compare, or when a combination is no valid configuration.
 */
export function gridRuns(common: CommonSettings, varied: Varied): GridRun[] {
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
    const config = configAt(point, common, `run ${i + 1} (${describeVaried(point)})`);
    return { name: `${String(i + 1).padStart(digits, '0')}-${folderName(point)}`, varied: point, config };
  });
}

function configAt(point: GridRun['varied'], { base, overrides }: CommonSettings, source: string): RunConfig {
  const said = { ...overrides, ...point };
  const isIdlePoint = methods.some(({ selector = '' }) => Object.hasOwn(point, selector) && isIdle(point[selector]));
  if (!isIdlePoint) return readSettings(source, said, base);
  // A dense run among others, `--iss 0,0.002 --proximal`, does not need what only their method has.
  return readSettings(source, withoutMethod(said), { ...base, ...said });
}

/** `iss 0.002, keep 0.5` */
export function describeVaried(varied: GridRun['varied']): string {
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

function folderName(varied: GridRun['varied']): string {
  const parts = Object.entries(varied).map(([field, value]) => `${field}-${valueText(value)}`);
  const name = parts.join('-').replace(/[^\w.-]+/g, '-');
  return name.slice(0, LONGEST);
}
