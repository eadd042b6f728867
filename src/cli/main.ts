#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { packageVersion } from '../base/environment.ts';
import { exitCodes, explain } from './output.ts';

/**
 * How each command is added to the program, in the order of the help. A command that is called is loaded alone, because
 * loading all of them takes longer than inspecting a model.
 */
const commands: Readonly<Record<string, () => Promise<(program: Command) => void>>> = {
  demo: async () => (await import('./demo.ts')).addDemoCommand,
  train: async () => (await import('./train.ts')).addTrainCommand,
  finetune: async () => (await import('./finetune.ts')).addFinetuneCommand,
  sweep: async () => (await import('./sweep.ts')).addSweepCommand,
  calibrate: async () => (await import('./calibrate.ts')).addCalibrateCommand,
  inspect: async () => (await import('./inspect.ts')).addInspectCommand,
  shrink: async () => (await import('./shrink.ts')).addShrinkCommand,
  bench: async () => (await import('./bench.ts')).addBenchCommand,
  export: async () => (await import('./export.ts')).addExportCommand,
  report: async () => (await import('./report.ts')).addReportCommand,
  serve: async () => (await import('./serve.ts')).addServeCommand,
  site: async () => (await import('./site.ts')).addSiteCommand,
  data: async () => (await import('./data.ts')).addDataCommand,
};

/** Columns of the help, at most. */
const HELP_WIDTH = 110;

/** Runs the command line and returns the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const program = new Command('slimrnn')
    .description('Trains recurrent networks that find out how small they can be, then makes them that small.')
    .version(packageVersion())
    .showSuggestionAfterError()
    .showHelpAfterError('(add --help for the options)')
    .configureHelp({ helpWidth: Math.min(process.stdout.columns || HELP_WIDTH, HELP_WIDTH) })
    .exitOverride();
  const name = argv[2] ?? '';
  const wanted = Object.hasOwn(commands, name) ? [commands[name]!] : Object.values(commands);
  for (const load of wanted) (await load())(program);
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
