#!/usr/bin/env node
// Thin, because a guard of another process needs no more than this: it shall cost little time.
import { fileErrorReason } from '../base/files.ts';
import { isGuard, runGuarded } from './guard.ts';
import { outliveTerminal } from './lostTerminal.ts';

const FAILED = 1;

outliveTerminal();
let isResultLost = false;
// Progress is a courtesy: where it cannot be written, because the log's disk is full or the terminal gone, work goes on.
process.stderr.on('error', () => undefined);
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that has seen enough (`| head`) is no failure.
  if (error.code === 'EPIPE' || isResultLost) return;
  isResultLost = true;
  process.exitCode ||= FAILED;
  process.stderr.write(`error: cannot write to stdout: ${fileErrorReason(error)}\n`);
});
const code = isGuard(process.argv)
  ? await runGuarded(process.argv)
  : await (await import('./program.ts')).main(process.argv);
process.exitCode = isResultLost ? code || FAILED : code;
