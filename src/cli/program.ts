import { Command, CommanderError } from 'commander';
import { packageVersion } from '../base/environment.ts';
import { endWithGuard } from './guarded.ts';
import { exitCodes, explain, printAsJson } from './output.ts';

/** In the order of the help. A command is loaded alone: loading all of them takes longer than inspecting a model. */
const commands: Readonly<Record<string, () => Promise<{ readonly command: Command }>>> = {
  demo: () => import('./demo.ts'),
  train: () => import('./train.ts'),
  finetune: () => import('./finetune.ts'),
  sweep: () => import('./sweep.ts'),
  calibrate: () => import('./calibrate.ts'),
  'compare-topology': () => import('./compareTopology.ts'),
  compress: () => import('./compress.ts'),
  inspect: () => import('./inspect.ts'),
  shrink: () => import('./shrink.ts'),
  specialize: () => import('./specialize.ts'),
  quantize: () => import('./quantize.ts'),
  bench: () => import('./bench.ts'),
  export: () => import('./export.ts'),
  answer: () => import('./answer.ts'),
  report: () => import('./report.ts'),
  serve: () => import('./serve.ts'),
  site: () => import('./site.ts'),
  data: () => import('./data.ts'),
};

/** Columns of the help, at most. */
const HELP_WIDTH = 110;

/** Runs the command line and returns the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  endWithGuard();
  const program = new Command('slimrnn')
    .description('Trains recurrent networks that find out how small they can be, then makes them that small.')
    .version(packageVersion())
    .showSuggestionAfterError()
    .showHelpAfterError('(add --help for the options)')
    .configureHelp({ helpWidth: Math.min(process.stdout.columns || HELP_WIDTH, HELP_WIDTH) })
    .exitOverride();
  const name = argv[2] ?? '';
  const wanted = Object.hasOwn(commands, name) ? [commands[name]!] : Object.values(commands);
  for (const load of wanted) {
    const { command } = await load();
    program.addCommand(command);
    for (const each of [command, ...command.commands]) {
      each.copyInheritedSettings(program);
      const saysIt = each.options.some(({ long }) => long === '--json');
      if (each.commands.length === 0 && !saysIt) each.option('--json', 'print one JSON document on stdout');
    }
  }
  program.hook('preAction', (_, command) => printAsJson(command.opts().json === true));
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
