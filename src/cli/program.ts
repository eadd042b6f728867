import { Command, CommanderError } from 'commander';
import { packageVersion } from '../base/environment.ts';
import { asksForJson } from './asksForJson.ts';
import { endWithGuard } from './guarded.ts';
import { FEWEST_COLUMNS, helpWidth } from './helpTexts.ts';
import { exitCodes, explain, isSilent, printAsJson, printError, printErrorDocument } from './output.ts';
import { leaveWordsToFirst } from './ranks.ts';

/** A command as the help of all commands lists it. Its module is loaded when it is called: all of them take long to load. */
interface Listed {
  /** What follows its name and flags; absent where commands of its own follow. */
  readonly operands?: string;
  readonly summary: string;
  /** Processes that mpirun or srun starts do it together. */
  readonly isShared?: boolean;
  readonly load: () => Promise<{ readonly command: Command }>;
}

/** In the order of the help. */
export const commands: Readonly<Record<string, Listed>> = {
  demo: {
    operands: '',
    summary: 'the main job in a few minutes: train dense and with ISS, shrink, verify, time',
    load: () => import('./demo.ts'),
  },
  train: {
    operands: '<config>',
    summary: 'train a recurrent network, dense or with ISS',
    isShared: true,
    load: () => import('./train.ts'),
  },
  finetune: {
    operands: '<model>',
    summary: 'train any ONNX model further, dense or with ISS',
    isShared: true,
    load: () => import('./finetune.ts'),
  },
  sweep: {
    operands: '<config>',
    summary: 'train along a range of λ (or any other field), stop the hopeless, compare',
    load: () => import('./sweep.ts'),
  },
  worker: {
    operands: '',
    summary: 'train for a sweep on another machine, through a queue',
    load: () => import('./worker.ts'),
  },
  calibrate: {
    operands: '<model>',
    summary: 'find how large the threshold τ may be',
    load: () => import('./calibrate.ts'),
  },
  'compare-topology': {
    operands: '<models...>',
    summary: 'say how far the connections of sparse models are apart',
    load: () => import('./compareTopology.ts'),
  },
  compress: {
    operands: '<model>',
    summary: 'any model and inputs without labels → a smaller model that is as good',
    load: () => import('./compress.ts'),
  },
  inspect: {
    operands: '<model>',
    summary: 'show layers, sizes and what can be removed',
    load: () => import('./inspect.ts'),
  },
  shrink: {
    operands: '<model>',
    summary: 'remove units that nothing reads, without loss, or cut a model to size',
    load: () => import('./shrink.ts'),
  },
  specialize: {
    operands: '<model>',
    summary: 'write a model for given values of inputs and given sizes, simplified',
    load: () => import('./specialize.ts'),
  },
  quantize: {
    operands: '<model>',
    summary: 'store the weights of a model in 8 or 16 bits, measured and verified',
    load: () => import('./quantize.ts'),
  },
  bench: { operands: '<models...>', summary: 'time models side by side', load: () => import('./bench.ts') },
  export: {
    operands: '<model>',
    summary:
      'write a model in another form: with its recurrent states as inputs and outputs, sparse, dense, or for PyTorch or Keras',
    load: () => import('./export.ts'),
  },
  answer: {
    operands: '<model>',
    summary: 'ask a model that was trained to answer questions',
    load: () => import('./answer.ts'),
  },
  report: {
    operands: '<runs...>',
    summary: 'one HTML file with all figures and pictures of one or several runs',
    load: () => import('./report.ts'),
  },
  serve: {
    operands: '[folder]',
    summary: 'a local page that lists runs, follows them live and lets models be tried',
    load: () => import('./serve.ts'),
  },
  site: {
    operands: '[folder]',
    summary: 'the page of serve as plain files, playground and all, for any web server',
    load: () => import('./site.ts'),
  },
  data: { summary: 'list and download public data sets', load: () => import('./data.ts') },
};

/** Runs the command line and returns the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  endWithGuard();
  printAsJson(asksForJson(argv));
  const called = calledCommand(argv);
  if (called !== undefined && commands[called]?.isShared) leaveWordsToFirst();
  const program = new Command('slimrnn')
    .description('Trains recurrent networks that find out how small they can be, then makes them that small.')
    .version(packageVersion())
    .showSuggestionAfterError()
    .showHelpAfterError('(add --help for the options)')
    .configureOutput({
      writeOut: (text) => void (isSilent() || process.stdout.write(text)),
      writeErr: (text) => void (isSilent() || process.stderr.write(text)),
    })
    .configureHelp({ helpWidth: helpWidth(), minWidthToWrap: FEWEST_COLUMNS })
    .exitOverride();
  for (const [name, listed] of Object.entries(commands)) {
    const command = name === called ? withJsonFlag((await listed.load()).command) : unloaded(name, listed);
    program.addCommand(command.summary(listed.summary));
    for (const each of [command, ...command.commands]) each.copyInheritedSettings(program);
  }
  program.hook('preAction', (_, command) => printAsJson(command.opts().json === true));
  try {
    await program.parseAsync([...argv]);
    return exitCodes.ok;
  } catch (error) {
    // Commander has printed its own message; help and version are no errors.
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return exitCodes.ok;
      const message = error.message.replace(/^error: /, '');
      printErrorDocument({ code: 'usage', exitCode: exitCodes.usage, message }, asksForJson(argv));
      return exitCodes.usage;
    }
    const explained = explain(error);
    printError(explained, asksForJson(argv));
    return explained.exitCode;
  }
}

/** The command that a command line calls, or asks about. */
function calledCommand(argv: readonly string[]): string | undefined {
  const [name, about] = argv.slice(2).filter((word) => !word.startsWith('-'));
  return name === 'help' ? about : name;
}

/** What the help of all commands needs of one. */
function unloaded(name: string, { operands }: Listed): Command {
  const command = new Command(name);
  if (operands) command.arguments(operands);
  return operands === undefined ? command : withJsonFlag(command);
}

/** A command each of whose ends, itself or commands of its own, takes --json. */
function withJsonFlag(command: Command): Command {
  const ends = command.commands.length > 0 ? command.commands : [command];
  for (const end of ends) {
    const saysIt = end.options.some(({ long }) => long === '--json');
    if (!saysIt) end.option('--json', 'print one JSON document on stdout');
  }
  return command;
}
