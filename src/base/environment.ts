import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { SlimError } from './errors.ts';
import { packageFile } from './packageFile.ts';
import { withoutSecrets } from './secrets.ts';

/** What a figure depends on besides the code: it stands beside every result. */
export interface Environment {
  /** The command line as it was typed, without the path of Node. */
  readonly command: string;
  readonly slimrnn: string;
  readonly node: string;
  /** Processes that trained together (MPI); undefined: one. */
  readonly processes?: number | undefined;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryGigabytes: number };
}

/** This package's version; `bundled` where it was put into an application, which has none of its files. */
export function packageVersion(): string {
  try {
    const text = readFileSync(packageFile('package.json'), 'utf8');
    return (JSON.parse(text) as { version: string }).version;
  } catch (error) {
    if (error instanceof SlimError) return 'bundled';
    throw error;
  }
}

/** The environment of this process, which may be one of several. */
export function environment(processes = 1): Environment {
  return {
    command: withoutSecrets(['slimrnn', ...process.argv.slice(2)].join(' ')),
    slimrnn: packageVersion(),
    node: process.version,
    ...(processes > 1 && { processes }),
    machine: {
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: cpus().length,
      memoryGigabytes: Math.round(totalmem() / 1e9),
    },
  };
}
