import { z } from 'zod';
import { UsageError } from '../base/errors.ts';

/** Imports a package of data, whose default export is a function that gives them. */
export type ImportPackage = () => Promise<{ readonly default: () => unknown }>;

/** Imports a package whose name bundlers do not see: it is optional, and an application can be bundled without it. */
export function importOptional(name: string): ReturnType<ImportPackage> {
  return import(name);
}

/**
 * The records of an npm package that only demos and tests need, with these fields. Throws a UsageError when it is not
 * installed, or gives something else.
 */
export async function packageData<F extends z.ZodRawShape>(
  name: string,
  importPackage: ImportPackage,
  fields: F,
): Promise<z.infer<z.ZodObject<F>>[]> {
  const module = await importPackage().catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND' && error.code !== 'MODULE_NOT_FOUND') throw error;
    throw new UsageError(
      `the embedded data need the package ${name}: run npm install ${name} (or npm ci in a clone of the repository)`,
    );
  });
  const { data, success } = z.array(z.object(fields)).safeParse(module.default());
  if (success) return data;
  throw new UsageError(
    `${name} gives something other than a list of { ${Object.keys(fields).join(', ')} }: install version 0.2`,
  );
}
