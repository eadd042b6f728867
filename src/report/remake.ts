import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import type { Model } from '../graph/types.ts';
import { languageModel } from '../models/languageModel.ts';
import { rhnLanguageModel } from '../models/rhnLanguageModel.ts';
import { cellNames } from '../nn/layers.ts';
import type { RunConfig } from '../runs/record.ts';

/** Makes a model again that has the sizes which a run began with; its weights do not matter. */
type Remake = (config: RunConfig, facts: Readonly<Record<string, number>>) => Model | undefined;

/** By the kind of the task. */
const remakes: Readonly<Record<string, Remake>> = { 'language-model': remakeLanguageModel };

/**
 * The model that a run began with, from its configuration and the sizes of its data; undefined for a task whose models
 * cannot be made again. Throws UsageError where the configuration has other fields, or sizes beyond memory.
 */
export const remakeModel: Remake = (config, facts) => {
  const remake = Object.hasOwn(remakes, config.task.kind) ? remakes[config.task.kind] : undefined;
  try {
    return remake?.(config, facts);
  } catch (cause) {
    // JavaScript's answer to a request for too much memory.
    if (cause instanceof RangeError) throw new UsageError('its weights do not fit into memory', { cause });
    throw cause;
  }
};

const size = z.int().positive();
const fieldsSchema = z.object({
  kind: z.enum([...cellNames, 'rhn']),
  hidden: z.array(size).min(1),
  embedding: size,
  depth: size.default(1),
});

function remakeLanguageModel(
  { model }: RunConfig,
  { vocabulary }: Readonly<Record<string, number>>,
): Model | undefined {
  if (vocabulary === undefined) return undefined;
  const parsed = fieldsSchema.safeParse(model);
  if (!parsed.success) throw new UsageError('its configuration has other fields');
  const { kind, hidden, embedding, depth } = parsed.data;
  const initScale = 1;
  if (kind !== 'rhn') return languageModel({ cell: kind, hidden, embedding, vocabulary, initScale });
  return rhnLanguageModel({ vocabulary, width: hidden[0]!, depth, transformBias: 0, initScale });
}
