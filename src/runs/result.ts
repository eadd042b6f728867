import { join } from 'node:path';
import { z } from 'zod';
import type { Environment } from '../base/environment.ts';
import { UsageError } from '../base/errors.ts';
import type { Settings } from '../base/fields.ts';
import type { TargetOutcome } from '../methods/kind.ts';
import type { EpochMetrics } from '../train/metrics.ts';
import type { Difference } from '../verify/difference.ts';
import { refusal } from './formats.ts';
import {
  configSchema,
  environmentSchema,
  epochSchema,
  RUN_FORMAT,
  type RunResultRecord,
  resultSchema,
} from './record.ts';
import { readJson, runFiles } from './runDirectory.ts';

/** What a run achieved, as result.json holds it. */
export interface RunResult extends RunResultRecord {
  /** What config.json holds. */
  readonly config: Settings;
  readonly verify?: Difference | undefined;
  readonly target?: TargetOutcome | undefined;
  readonly engine: string;
  readonly environment: Environment;
  readonly history: readonly EpochMetrics[];
}

/** What a command shows of a finished run, besides what pages read of it. */
const finishedSchema = resultSchema.extend({
  models: resultSchema.shape.models.min(1),
  config: configSchema(RUN_FORMAT),
  engine: z.string(),
  environment: environmentSchema,
  history: z.array(epochSchema),
});

/** Reads the result of a finished run; throws a UsageError, with what to do, for one that is damaged. */
export async function readResult(directory: string): Promise<RunResult> {
  const file = join(directory, runFiles.result);
  const remedy = 'delete it, and --resume makes it anew from the last checkpoint';
  const content = await readJson(file, remedy);
  if (finishedSchema.safeParse(content).success) return content as RunResult;
  throw new UsageError(`${refusal(file, content)}; ${remedy}`);
}
