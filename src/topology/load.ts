import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UsageError } from '../base/errors.ts';
import { shortestNames } from '../base/shortestNames.ts';
import { wordsOfFile } from '../data/vocabulary.ts';
import { loadModel } from '../onnx/file.ts';
import { findRuns } from '../runs/findRuns.ts';
import { epochModels, runFiles } from '../runs/runDirectory.ts';
import type { NamedModel } from './compare.ts';

/** A model file and the run directory that it belongs to. */
interface Place {
  readonly file: string;
  readonly run: string;
}

/**
 * Loads models to compare: ONNX files, the last models of runs, of a folder those of all runs in it; with `epochs` the
 * models that the runs kept (`--keep-models`). All of them are in memory together. Throws a UsageError for a path that
 * has none.
 */
export async function loadToCompare(
  paths: readonly string[],
  { epochs = false }: { readonly epochs?: boolean | undefined } = {},
): Promise<NamedModel[]> {
  const places = (await Promise.all(paths.map((path) => placesOf(path, epochs)))).flat();
  const isWhole = !epochs && places.every(({ file, run }) => file !== run);
  const names = shortestNames(places.map(({ file, run }) => (isWhole ? run : file)));
  return Promise.all(
    places.map(async ({ file, run }, i) => ({
      name: names[i]!,
      model: await loadModel(file),
      words: await wordsBeside(run),
    })),
  );
}

async function placesOf(path: string, epochs: boolean): Promise<Place[]> {
  if (!existsSync(path)) throw new UsageError(`there is no file or folder ${path}`);
  if (!statSync(path).isDirectory()) {
    if (epochs) throw new UsageError(`${path} is a file: --epochs compares the models that runs kept`);
    return [{ file: path, run: path }];
  }
  const { ids } = await findRuns(path);
  if (ids.length === 0) throw new UsageError(`${path} is no run directory, and there is none in it`);
  const runs = ids.map((id) => join(path, ...id.split('/')));
  return (await Promise.all(runs.map((run) => filesOf(run, epochs)))).flat();
}

async function filesOf(run: string, epochs: boolean): Promise<Place[]> {
  if (!epochs) return [{ file: lastModel(run), run }];
  const files = await epochModels(run);
  if (files.length === 0) throw new UsageError(`${run} kept no models of its epochs: train with --keep-models`);
  return files.map((file) => ({ file, run }));
}

function lastModel(run: string): string {
  const found = [runFiles.slim, runFiles.model].map((name) => join(run, name)).find((file) => existsSync(file));
  if (found === undefined) throw new UsageError(`${run} has no model yet`);
  return found;
}

/** The words of a model: the vocabulary in its folder. */
export async function wordsBeside(run: string): Promise<readonly string[] | undefined> {
  const folder = statSync(run).isDirectory() ? run : dirname(run);
  const file = join(folder, runFiles.vocabulary);
  return existsSync(file) ? wordsOfFile(await readFile(file, 'utf8')) : undefined;
}
