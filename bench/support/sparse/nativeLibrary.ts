import type { LibraryHandle, TypeObject } from 'koffi';
import { SlimError } from '../../../src/base/errors.ts';

/** A shared library with C functions. */
export interface NativeLibrary {
  /** The name that it was opened by. */
  readonly name: string;
  readonly handle: LibraryHandle;
  /** A C structure of integers that is passed by value. */
  readonly integers: (...names: readonly string[]) => TypeObject;
}

/**
 * Opens the first of several names of a shared library. Throws a SlimError that says how to install what is missing:
 * the npm package koffi, which calls C functions, or the library itself.
 */
export async function openLibrary(names: readonly string[], install: string): Promise<NativeLibrary> {
  const koffi = await import('koffi').catch((error: Error) => {
    throw new SlimError(
      `the npm package koffi does not load (${firstLine(error)}); install it with \`npm install koffi\``,
    );
  });
  const reasons: string[] = [];
  for (const name of names) {
    try {
      const handle = koffi.load(name);
      return { name, handle, integers: (...fields) => koffi.struct(Object.fromEntries(fields.map((f) => [f, 'int']))) };
    } catch (error) {
      reasons.push(firstLine(error));
    }
  }
  throw new SlimError(`${reasons.join('; ')}; install it with \`${install}\``);
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
}
