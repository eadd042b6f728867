import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UsageError } from '../base/errors.ts';
import { type FieldName, flagName, type Settings } from '../base/fields.ts';
import { didYouMean } from '../base/suggest.ts';
import { foundPaths, pathsIn } from '../runs/places.ts';
import { readJson, runFiles } from '../runs/runDirectory.ts';
import { presets, tasks } from '../tasks/registry.ts';
import type { Sources } from '../tasks/task.ts';
import { resolveConfig } from './resolve.ts';
import type { RunConfig } from './runConfig.ts';

/** What a preset or a file says: settings, those below them, and where data and first weights come from. */
export interface NamedSettings {
  /** Settings of a preset or of an earlier run: what does not go with later ones is left out. */
  readonly base: Settings;
  /** Fields that a file says itself. */
  readonly fields: Settings;
  readonly sources: Sources;
}

/** The configuration of settings on top of others; messages name fields by `nameOf`, by default as flags. */
export function readSettings(
  source: string,
  settings: Settings,
  base: Settings = {},
  nameOf: FieldName = flagName,
): RunConfig {
  return resolveConfig(settings, { source, nameOf, tasks, base });
}

/** Reads a preset, or a JSON file that may name a `preset` below it, unchecked. Throws a UsageError for others. */
export async function namedSettings(name: string): Promise<NamedSettings> {
  if (Object.hasOwn(presets, name)) return { base: presets[name]!, fields: {}, sources: {} };
  const known = Object.keys(presets);
  const choices = `presets: ${known.join(', ')}`;
  if (!name.endsWith('.json')) {
    if (existsSync(join(name, runFiles.config))) {
      throw new UsageError(
        `${name} is a run: slimrnn train ${name} --resume goes on with it, ${join(name, runFiles.config)} as a name repeats it`,
      );
    }
    throw new UsageError(`unknown preset '${name}'${didYouMean(name, known)}; ${choices}; or name a .json file`);
  }
  const content = await readJson(name);
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new UsageError(`${name} must hold one JSON object, as config.json of a run does`);
  }
  const read = savedSettings({ ...content }, name);
  const { preset, ...fields } = read.settings;
  if (preset === undefined) return read.isRun ? { ...read, base: fields, fields: {} } : { ...read, base: {}, fields };
  if (typeof preset === 'string' && Object.hasOwn(presets, preset)) return { ...read, base: presets[preset]!, fields };
  const typed = JSON.stringify(preset);
  throw new UsageError(`${name}: unknown preset ${typed}${didYouMean(String(preset), known)}; ${choices}`);
}

/** The settings and sources of a file; a config.json that a run wrote also has what its figures mean, and places. */
export function savedSettings(
  content: Settings,
  file: string,
): { settings: Settings; sources: Sources; isRun: boolean } {
  const { format, sources = {}, places, items: _items, scores: _scores, data, init, teacher, ...settings } = content;
  // Runs of version 0.1 wrote null for sources that nobody named.
  const isRun = format !== undefined || data === null;
  const paths = { data, init, teacher, ...(typeof sources === 'object' ? sources : {}) };
  for (const [field, value] of Object.entries(paths)) {
    if (typeof value === 'string' || value === undefined || value === null) continue;
    throw new UsageError(`${file}: ${field}: expected a path, got ${JSON.stringify(value)}`);
  }
  const folder = dirname(file);
  const named = Object.entries(paths).map(([field, value]) => [field, value ?? undefined]);
  const typed = Object.fromEntries(named) as Sources;
  const find = <T extends object>(given: T) => (isRun ? foundPaths(given, places, folder) : besideFile(given, folder));
  return { settings: withPaths(settings, find), sources: find(typed), isRun };
}

/** Settings with the paths in the fields of the task, side by side or spelled out, as they are found. */
function withPaths(settings: Settings, find: (paths: Record<string, string>) => Record<string, string>): Settings {
  const { task } = settings;
  if (typeof task !== 'object' || task === null) return { ...settings, ...find(pathsIn(settings)) };
  return { ...settings, task: { ...task, ...find(pathsIn({ ...task })) } };
}

/** Paths in a file that a person wrote: as seen from the working directory, else from the folder of the file. */
function besideFile<T extends object>(paths: T, folder: string): T {
  const found = Object.entries(paths).map(([field, typed]: [string, string | undefined]) => {
    const isBeside = typed !== undefined && !existsSync(typed) && existsSync(join(folder, typed));
    return [field, isBeside ? join(folder, typed) : typed];
  });
  return Object.fromEntries(found) as T;
}
