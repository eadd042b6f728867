import { existsSync } from 'node:fs';
import { access, constants, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { UsageError } from '../errors.ts';
import { fileErrorReason, TEMPORARY } from '../files.ts';

/*
 * A run directory holds all that is needed to understand, repeat and resume a run.
 */

/** Files of a run directory. */
export const runFiles = {
  config: 'config.json',
  vocabulary: 'vocabulary.txt',
  metrics: 'metrics.jsonl',
  live: 'live.json',
  checkpoint: 'checkpoint.onnx',
  model: 'model.onnx',
  slim: 'slim.onnx',
  result: 'result.json',
} as const;

/** Throws UsageError when a run directory cannot be made there: it exists and is not empty, or is not writable. */
export async function checkNewRunDirectory(path: string): Promise<void> {
  if (!existsSync(path)) {
    // Node reports a read-only file system as ENOENT when it makes several folders, so look at the one that is there.
    await checkWritable(existingParent(path), path);
    return;
  }
  if (!(await stat(path)).isDirectory()) throw new UsageError(`--out ${path} is a file, not a folder`);
  if ((await readdir(path)).some((file) => !file.endsWith(TEMPORARY))) {
    throw new UsageError(`the run directory ${path} exists; add --resume to go on with it, or choose another --out`);
  }
  await checkWritable(path);
}

/** Makes a new run directory. */
export async function createRunDirectory(path: string): Promise<void> {
  await checkNewRunDirectory(path);
  try {
    await mkdir(path, { recursive: true });
  } catch (cause) {
    throw new UsageError(`cannot make the run directory ${path}: ${fileErrorReason(cause)}`, { cause });
  }
  await checkWritable(path);
  await clearTemporaries(path);
}

/** Checks that a run directory is there to be resumed, and clears what a killed process left half written. */
export async function openRunDirectory(path: string): Promise<void> {
  if (!existsSync(join(path, runFiles.config))) {
    throw new UsageError(`${path} is no run directory (it has no ${runFiles.config}); start one without --resume`);
  }
  await checkWritable(path);
  await clearTemporaries(path);
}

async function clearTemporaries(path: string): Promise<void> {
  for (const file of await readdir(path)) if (file.endsWith(TEMPORARY)) await rm(join(path, file), { force: true });
}

function existingParent(path: string): string {
  let parent = dirname(resolve(path));
  while (!existsSync(parent)) parent = dirname(parent);
  return parent;
}

/** `directory` names the run in the message when `path` is a folder above it. */
async function checkWritable(path: string, directory = path): Promise<void> {
  try {
    await access(path, constants.W_OK);
  } catch (cause) {
    throw new UsageError(`cannot write to the run directory ${directory}: ${fileErrorReason(cause)}`, { cause });
  }
}

/** Parses a JSON file; throws UsageError when it cannot be read or is damaged. */
export async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new UsageError(`cannot read ${path}: ${fileErrorReason(cause)}`, { cause });
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new UsageError(`${path} is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/**
 * What config.json of a run holds: the configuration, and where text and first weights came from (null: the defaults).
 */
export function runConfig(config: object, data: string | undefined, init: string | undefined): Record<string, unknown> {
  return { ...config, data: data ?? null, init: init ?? null };
}

/** config.json as text. */
export function configText(config: object, data: string | undefined, init: string | undefined): string {
  return `${JSON.stringify(runConfig(config, data, init), null, 2)}\n`;
}
