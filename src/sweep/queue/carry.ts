import { existsSync } from 'node:fs';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import { SlimError } from '../../base/errors.ts';
import { writeAtomically } from '../../base/files.ts';
import { runFiles } from '../../runs/runDirectory.ts';
import { addFailure, addRung, failureSchema, recordFiles, rungsSchema } from '../runRecord.ts';
import { type Carried, QUEUE_FORMAT } from './trial.ts';

/** Always carried back: what tables and reports need. */
const told = [runFiles.config, runFiles.metrics, runFiles.vocabulary, 'labels.txt', runFiles.result] as const;
/** Carried back where models are collected. */
const models = [runFiles.model, runFiles.slim, runFiles.original] as const;
/** Bytes of the models of one run that a queue is asked to carry. */
const MOST_BYTES = 256e6;

/** What a run's folder holds for the coordinator. Throws SlimError where models are larger than a queue carries. */
export async function carriedFrom(folder: string, collects: boolean): Promise<Carried> {
  const names = [...told, ...(collects ? models : []), recordFiles.rungs, recordFiles.failure];
  const there = names.filter((name) => existsSync(join(folder, name)));
  const sizes = await Promise.all(there.map(async (name) => (await stat(join(folder, name))).size));
  const bytes = sizes.reduce((a, b) => a + b, 0);
  if (bytes > MOST_BYTES) {
    throw new SlimError(
      `the files of ${folder} are ${(bytes / 1e6).toFixed(0)} MB, and a queue carries ${MOST_BYTES / 1e6} MB: leave out ` +
        '--collect, or give workers and coordinator a folder that they share',
    );
  }
  const contents = there.map(async (name) => [name, (await readFile(join(folder, name))).toString('base64')] as const);
  return { format: QUEUE_FORMAT, files: Object.fromEntries(await Promise.all(contents)) };
}

/**
 * Puts what a worker has sent into a run's folder, each file as a whole or not at all; how the run stands comes last, so
 * that a run counts as there when all of it is. The same again changes nothing.
 */
export async function unpack(folder: string, { files }: Carried): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const name of [...models, ...told]) {
    const content = files[name];
    if (content !== undefined) await writeAtomically(join(folder, name), [Buffer.from(content, 'base64')]);
  }
  const read = <T>(name: string, schema: z.ZodType<T>): T | undefined => {
    const content = files[name];
    return content === undefined ? undefined : schema.parse(JSON.parse(Buffer.from(content, 'base64').toString()));
  };
  for (const entry of read(recordFiles.rungs, rungsSchema) ?? []) await addRung(folder, entry);
  const failure = read(recordFiles.failure, failureSchema);
  if (failure) await addFailure(folder, failure);
}
