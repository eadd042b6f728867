import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../base/errors.ts';
import { didYouMean } from '../base/suggest.ts';
import type { PartialConfig } from '../train/config.ts';
import { presets } from '../train/presets.ts';
import { readJson, runFiles } from './runDirectory.ts';

/** What a preset or a file says: fields of a configuration, and where text and first weights come from. */
export interface NamedConfig {
  readonly fields: PartialConfig;
  readonly data?: string | undefined;
  readonly init?: string | undefined;
}

/**
 * Reads a preset or a JSON file, which may build on a preset by its field `preset`; the fields themselves are not
 * checked. Throws a UsageError for a name that is neither, and for a file that holds something else.
 */
export async function namedConfig(name: string): Promise<NamedConfig> {
  if (Object.hasOwn(presets, name)) return { fields: presets[name]! };
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
  const { preset, data, init, ...fields } = { ...content } as Record<string, unknown>;
  const sources = { data: pathOf(data, 'data', name), init: pathOf(init, 'init', name) };
  if (preset === undefined) return { fields, ...sources };
  if (typeof preset === 'string' && Object.hasOwn(presets, preset)) {
    return { fields: { ...presets[preset]!, ...fields }, ...sources };
  }
  const typed = JSON.stringify(preset);
  throw new UsageError(`${name}: unknown preset ${typed}${didYouMean(String(preset), known)}; ${choices}`);
}

/** A path in a configuration file; runs write null for none. */
function pathOf(value: unknown, field: string, file: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  throw new UsageError(`${file}: ${field}: expected a path, got ${JSON.stringify(value)}`);
}
