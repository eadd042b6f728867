import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Command, Option } from 'commander';
import { UsageError } from '../base/errors.ts';
import { requireWritable } from '../base/files.ts';
import { writeReport } from '../report/html.tsx';
import { TIMED_ON } from '../report/latencies.ts';
import { runFiles } from '../runs/runDirectory.ts';
import { type DeviceName, parseDevices, runtimeFor } from '../runtime/devices.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { checkNewFile, whole } from './flags.ts';
import { tellModels } from './guarded.ts';
import { addExamples } from './helpTexts.ts';
import { fileSize, note, print } from './output.ts';

interface ReportFlags {
  out?: string;
  title?: string;
  force?: boolean;
  latency: boolean;
  threads?: number;
  device?: DeviceName[];
}

/** `slimrnn report <runs…>` */
export const command = new Command('report')
  .description(
    'Writes one self-contained HTML file: before and after, units alive and perplexity by epoch, group norms, weight ' +
      'maps with what was removed, latencies, and with several runs what each trades for its size. A folder stands for ' +
      'all runs in it, such as those of a sweep or a demo.',
  )
  .argument('<runs...>', 'run directories, or folders with runs in them')
  .option('--out <file>', 'the file to write (default: report.html in the first folder; an earlier report is replaced)')
  .option('--force', 'replace the file that --out names')
  .option('--title <text>', "the report's title (default: the name of the run)")
  .option('--no-latency', 'do not time the models')
  .addOption(
    new Option('--device <list>', `devices on which the models are timed (default: ${TIMED_ON.join(',')})`).argParser(
      parseDevices,
    ),
  )
  .option('--threads <n>', 'threads of the native engine while timing (default: one per core)', whole('--threads'))
  .action(async (paths: string[], flags: ReportFlags) => {
    for (const path of paths) if (!existsSync(path)) throw new UsageError(`there is no folder ${path}`);
    const out = flags.out ?? join(paths[0]!, runFiles.report);
    const place = dirname(out);
    await requireWritable(place, `cannot write into ${place}`, '; name another place with --out');
    if (flags.out !== undefined) checkNewFile(paths[0]!, out, flags.force);
    const { latency, threads, title, device } = flags;
    for (const name of device ?? []) await runtimeFor(name);
    if (latency) tellModels(paths, nodeRuntime);
    const { bytes, data } = await writeReport(out, { paths, title, latency, threads, devices: device, onStage: note });
    const document = { file: out, bytes, runs: data.runs.map(({ name }) => name), problems: data.problems };
    print(document, () =>
      [
        `${out}: ${fileSize(bytes)}, ${data.runs.length} run${data.runs.length === 1 ? '' : 's'}`,
        ...data.problems,
      ].join('\n'),
    );
  });
addExamples(command, ['report runs/iss-small', 'report runs/dense runs/iss-small --out both.html']);
