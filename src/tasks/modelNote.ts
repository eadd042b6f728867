import type { z } from 'zod';
import { SlimError } from '../base/errors.ts';
import type { Model } from '../graph/types.ts';

/** What a task notes in the file of its models: an entry of their metadata, as JSON. */
export interface ModelNote<Note> {
  /** The model with a note. */
  write(model: Model, note: Note): Model;
  /** The note of a model, undefined without one. Throws a SlimError when it cannot be read. */
  read(model: Model): Note | undefined;
}

/** The note under a key of the metadata. */
export function modelNote<Schema extends z.ZodType>(key: string, schema: Schema): ModelNote<Readonly<z.infer<Schema>>> {
  return {
    write: (model, note) => ({ ...model, metadata: { ...model.metadata, [key]: JSON.stringify(note) } }),
    read({ metadata }) {
      const text = metadata[key];
      if (text === undefined) return undefined;
      try {
        return schema.parse(JSON.parse(text)) as Readonly<z.infer<Schema>>;
      } catch (cause) {
        throw new SlimError(`metadata '${key}' of the model is not what slimrnn writes: ${text}`, { cause });
      }
    },
  };
}
