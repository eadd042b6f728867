import { type Dirent, existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { UsageError } from '../base/errors.ts';
import { flagName, type Settings } from '../base/fields.ts';
import { fileErrorReason, requireWritable, syncFolder, TEMPORARY, writeAtomically } from '../base/files.ts';
import { parseJson } from '../base/json.ts';
import { acquireLock, isLockFile, type Lock } from '../base/lock.ts';
import { flattened } from '../config/resolve.ts';
import { freeFields } from '../config/runConfig.ts';
import { pathFields } from './places.ts';

/** Files of a run directory. */
export const runFiles = {
  config: 'config.json',
  vocabulary: 'vocabulary.txt',
  metrics: 'metrics.jsonl',
  live: 'live.json',
  checkpoint: 'checkpoint.onnx',
  /** The model of the best epoch so far, where a run ends with it, and what is known of it. */
  best: 'best.onnx',
  aboutBest: 'best.json',
  /** An imported model as it came. */
  original: 'original.onnx',
  model: 'model.onnx',
  slim: 'slim.onnx',
  result: 'result.json',
  report: 'report.html',
} as const;

const EPOCHS = 'epochs';

/** Path within a run directory of the model after an epoch (from 1), where it was kept. */
export function epochModel(epoch: number): string {
  return join(EPOCHS, `${epoch}.onnx`);
}

/** Paths of the models that a run kept, epoch by epoch. */
export async function epochModels(directory: string): Promise<string[]> {
  const folder = join(directory, EPOCHS);
  if (!existsSync(folder)) return [];
  const epochs = (await readdir(folder)).flatMap((name) => {
    const epoch = Number(/^(?<epoch>\d+)\.onnx$/.exec(name)?.groups?.epoch);
    return Number.isNaN(epoch) ? [] : [epoch];
  });
  return epochs.sort((a, b) => a - b).map((epoch) => join(directory, epochModel(epoch)));
}

/** Throws UsageError when a run directory cannot be made there: it exists and is not empty, or is not writable. */
export async function checkNewRunDirectory(path: string): Promise<void> {
  if (!existsSync(path)) {
    // Node reports a read-only file system as ENOENT when it makes several folders, so look at the one that is there.
    await checkWritable(existingParent(path), path);
    return;
  }
  if (!(await stat(path)).isDirectory()) throw new UsageError(`--out ${path} is a file, not a folder`);
  const entries = await readdir(path, { withFileTypes: true });
  if (entries.some((entry) => !isTemporary(entry) && !isLockFile(entry.name))) {
    throw new UsageError(`the run directory ${path} exists; add --resume to go on with it, or choose another --out`);
  }
  await checkWritable(path);
}

/** Makes a new run directory for this process alone, until it releases the lock. */
export async function createRunDirectory(path: string): Promise<Lock> {
  await checkNewRunDirectory(path);
  try {
    await mkdir(path, { recursive: true });
    await syncFolder(dirname(path));
  } catch (cause) {
    throw new UsageError(`cannot make the run directory ${path}: ${fileErrorReason(cause)}`, { cause });
  }
  return hold(path);
}

/** Takes a run directory as `createRunDirectory`; throws LockedError when another process has it, UsageError for none. */
export async function openRunDirectory(path: string): Promise<Lock> {
  if (!existsSync(join(path, runFiles.config))) throw noRun(path);
  return hold(path);
}

function noRun(path: string): UsageError {
  return new UsageError(`${path} is no run directory (it has no ${runFiles.config}); start one without --resume`);
}

async function hold(path: string): Promise<Lock> {
  await checkWritable(path);
  const lock = await acquireLock(path);
  await clearTemporaries(path);
  return lock;
}

/** Clears what a killed process left half written; the caller has the lock of the directory. */
export async function clearTemporaries(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (isTemporary(entry)) await rm(join(path, entry.name), { force: true });
  }
}

/** A folder of such a name is somebody else's. */
function isTemporary(entry: Dirent): boolean {
  return entry.name.endsWith(TEMPORARY) && !entry.isDirectory();
}

/**
 * Throws a UsageError unless settings and sources, side by side, are those that config.json in a directory has. Returns
 * the names of those that are other paths now: whether they hold the same is for the digests to say.
 */
export async function requireSameConfig(directory: string, now: Settings): Promise<string[]> {
  if (!existsSync(join(directory, runFiles.config))) throw noRun(directory);
  const { format, sources, places: _, items: _items, scores: _scores, ...settings } = await readConfig(directory);
  if (format === undefined) {
    throw new UsageError(
      `${directory} was begun by version 0.1 of slimrnn, whose checkpoints this version cannot go on from; its figures ` +
        'can still be shown (report, serve), and its config.json repeats it',
    );
  }
  const before = flattened({ ...settings, ...(typeof sources === 'object' ? sources : {}) });
  const moved: string[] = [];
  for (const key of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const [then, wanted] = [before[key] ?? null, now[key] ?? null];
    if (freeFields.has(key) || JSON.stringify(then) === JSON.stringify(wanted)) continue;
    if (isPath(key) && then !== null && wanted !== null) {
      moved.push(key);
      continue;
    }
    throw new UsageError(
      `${directory} was started with ${spoken(key, then)}, not ${spoken(key, wanted)}; ` +
        '--resume needs the same, or start anew with another --out',
    );
  }
  return moved;
}

function isPath(key: string): boolean {
  return ['data', 'valid', 'test', 'init', 'teacher', ...pathFields].includes(key);
}

/** A setting as the command line has it; null for none. */
function spoken(key: string, value: unknown): string {
  const flag = flagName(key);
  if (value === null) return `no ${flag}`;
  if (typeof value === 'boolean') return value ? flag : flag.replace('--', '--no-');
  return `${flag} ${typeof value === 'object' && !Array.isArray(value) ? JSON.stringify(value) : String(value)}`;
}

/** The fields of config.json in a run directory. Throws a UsageError when they are none. */
export async function readConfig(directory: string): Promise<Record<string, unknown>> {
  const path = join(directory, runFiles.config);
  const content = await readJson(path);
  if (typeof content === 'object' && content !== null && !Array.isArray(content)) return { ...content };
  throw new UsageError(`${path} must hold one JSON object`);
}

function existingParent(path: string): string {
  let parent = dirname(resolve(path));
  while (!existsSync(parent)) parent = dirname(parent);
  return parent;
}

/** `directory` names the run in the message when `path` is a folder above it. */
function checkWritable(path: string, directory = path): Promise<void> {
  return requireWritable(path, `cannot write to the run directory ${directory}`);
}

/** Writes a JSON file, as `writeAtomically` does. */
export function writeJson(path: string, document: object): Promise<void> {
  return writeAtomically(path, `${JSON.stringify(document, null, 2)}\n`);
}

/** Parses a JSON file; throws UsageError, which ends with what to do, when it cannot be read or is damaged. */
export async function readJson(path: string, remedy?: string): Promise<unknown> {
  const advice = remedy === undefined ? '' : `; ${remedy}`;
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new UsageError(`cannot read ${path}: ${fileErrorReason(cause)}${advice}`, { cause });
  }
  try {
    return parseJson(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`${path} is not JSON: ${reason}${advice}`, { cause });
  }
}
