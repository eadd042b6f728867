import { UsageError } from './errors.ts';

/**
 * A package that only some work needs, loaded when it does. Throws UsageError, with how to install it, where it is not
 * installed.
 */
export async function needPackage<T>(name: string, work: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') throw cause;
    throw new UsageError(`${work} needs the package ${name}, which is not installed: npm install ${name}`, { cause });
  }
}
