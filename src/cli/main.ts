#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { packageVersion } from '../environment.ts';
import { addBenchCommand } from './bench.ts';
import { addCalibrateCommand } from './calibrate.ts';
import { addDataCommand } from './data.ts';
import { addDemoCommand } from './demo.ts';
import { addExportCommand } from './export.ts';
import { addFinetuneCommand } from './finetune.ts';
import { addInspectCommand } from './inspect.ts';
import { exitCodes, explain } from './output.ts';
import { addReportCommand } from './report.ts';
import { addServeCommand } from './serve.ts';
import { addShrinkCommand } from './shrink.ts';
import { addSiteCommand } from './site.ts';
import { addSweepCommand } from './sweep.ts';
import { addTrainCommand } from './train.ts';

/** Runs the command line and returns the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const program = new Command('slimrnn')
    .description('Trains recurrent networks that find out how small they can be, then makes them that small.')
    .version(packageVersion())
    .showSuggestionAfterError()
    .showHelpAfterError('(add --help for the options)')
    .exitOverride();
  const commands = [
    addDemoCommand,
    addTrainCommand,
    addFinetuneCommand,
    addSweepCommand,
    addCalibrateCommand,
    addInspectCommand,
    addShrinkCommand,
    addBenchCommand,
    addExportCommand,
    addReportCommand,
    addServeCommand,
    addSiteCommand,
    addDataCommand,
  ];
  for (const add of commands) add(program);
  for (const command of program.commands) command.exitOverride().showSuggestionAfterError();
  try {
    await program.parseAsync([...argv]);
    return exitCodes.ok;
  } catch (error) {
    // Commander has printed its own message; help and version are no errors.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    const { message, code } = explain(error);
    process.stderr.write(`${message}\n`);
    return code;
  }
}

// A reader that has seen enough (`| head`) is no failure.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}
process.exitCode = await main(process.argv);
