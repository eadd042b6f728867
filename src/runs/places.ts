import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { modelPath } from '../tasks/modelPath.ts';

/*
 * Paths are kept as they were typed, and where that was, so that a run goes on from another folder, and after it or its
 * data have moved.
 */

/** Where a source was: as seen from the root, and from the directory of the run. */
export const placesSchema = z.record(
  z.string(),
  z.object({
    absolute: z.string(),
    fromRun: z.string(),
    /** SHA-256 of the file of a model; the digest of a run's data need not cover the first one. */
    sha256: z.string().optional(),
  }),
);
export type Places = z.infer<typeof placesSchema>;

/** Fields of tasks that are paths, which are found again as sources are. */
export const pathFields = ['vectors', 'tokenizer'] as const;

/** The paths in the fields of a task. */
export function pathsIn(task: Readonly<Record<string, unknown>>): Record<string, string> {
  const given = pathFields.map((field) => [field, task[field]] as const);
  return Object.fromEntries(
    given.filter((entry): entry is [(typeof pathFields)[number], string] => typeof entry[1] === 'string'),
  );
}

/** Where sources and other paths of a run in a directory are; undefined for a run without any. */
export async function placesOf(
  paths: Readonly<Record<string, string | undefined>>,
  directory: string,
): Promise<Places | undefined> {
  const places: Places = {};
  for (const [name, typed] of Object.entries(paths)) {
    if (typed === undefined) continue;
    const sha256 = isModel(name) ? { sha256: await modelDigest(typed) } : {};
    places[name] = { absolute: resolve(typed), fromRun: relative(resolve(directory), resolve(typed)), ...sha256 };
  }
  return Object.keys(places).length === 0 ? undefined : places;
}

/** True for a source that is a model: it is told by its file. */
export function isModel(source: string): source is 'init' | 'teacher' {
  return source === 'init' || source === 'teacher';
}

/** SHA-256 of the file of a model that `--init` or `--teacher` names. */
export async function modelDigest(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(modelPath(path)), hash);
  return hash.digest('hex');
}

/** Paths of a run in a directory as they are found from here; as they were typed where they are nowhere. */
export function foundPaths<T extends object>(paths: T, content: unknown, directory: string): T {
  const places = placesSchema.safeParse(content).data ?? {};
  const found = Object.entries(paths).map(([name, typed]: [string, string | undefined]) => {
    const place = Object.hasOwn(places, name) ? places[name] : undefined;
    if (typed === undefined || place === undefined) return [name, typed];
    const isThere = resolve(typed) === place.absolute;
    const candidates = [...(isThere ? [typed] : []), place.absolute, join(directory, place.fromRun), typed];
    return [name, candidates.find((path) => existsSync(path)) ?? typed];
  });
  return Object.fromEntries(found) as T;
}
