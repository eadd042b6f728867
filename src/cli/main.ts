#!/usr/bin/env node
// Thin, because a guard of another process needs no more than this: it shall cost little time.
import { isGuard, runGuarded } from './guard.ts';

// A reader that has seen enough (`| head`) is no failure.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}
process.exitCode = isGuard(process.argv)
  ? await runGuarded(process.argv)
  : await (await import('./program.ts')).main(process.argv);
