import { UsageError } from '../base/errors.ts';

/** Imports a package of data, whose default export is a function that gives them. */
export type ImportPackage = () => Promise<{ readonly default: () => unknown }>;

/** The data of an npm package that only demos and tests need; throws a UsageError when it is not installed. */
export async function packageData(name: string, importPackage: ImportPackage): Promise<unknown> {
  const module = await importPackage().catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND' && error.code !== 'MODULE_NOT_FOUND') throw error;
    throw new UsageError(
      `the embedded data need the package ${name}: run npm install ${name} (or npm ci in a clone of the repository)`,
    );
  });
  return module.default();
}
