import { UsageError } from '../base/errors.ts';
import { didYouMean } from '../base/suggest.ts';
import { nodeRuntime } from './node.ts';
import type { Runtime } from './runtime.ts';
import { loadWebRuntime } from './web.ts';

const runtimes = {
  node: async (): Promise<Runtime> => nodeRuntime,
  web: loadWebRuntime,
} as const;

/** Short name of an engine, as the command line takes it. */
export type RuntimeName = keyof typeof runtimes;

/** Names of the engines: `node` and `web`. */
export const runtimeNames = Object.keys(runtimes) as RuntimeName[];

/** Checks an engine's name; throws a UsageError that lists the engines, or names the one that is probably meant. */
export function parseRuntimeName(text: string): RuntimeName {
  const name = runtimeNames.find((known) => known === text);
  if (name !== undefined) return name;
  throw new UsageError(`no runtime '${text}'${didYouMean(text, runtimeNames)}; there are: ${runtimeNames.join(', ')}`);
}

/** The engine of a name. Throws a UsageError when its package is not installed. */
export function loadRuntime(name: RuntimeName): Promise<Runtime> {
  return runtimes[name]();
}
