import { hostname } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { defaultWorkers } from '../sweep/cores.ts';
import { queueAddress } from '../sweep/queue/address.ts';
import type { WorkerEvent } from '../sweep/queue/worker.ts';
import type { Sources } from '../tasks/task.ts';
import { seconds, whole } from './flags.ts';
import { addExamples } from './helpTexts.ts';
import { note, print } from './output.ts';
import { withDisplay } from './progress.ts';

interface WorkerFlags extends Sources {
  readonly queue?: string;
  readonly workers?: number;
  readonly threads: number;
  readonly folder: string;
  readonly apart?: boolean;
  readonly lease: number;
  readonly idle?: number;
}

/** `slimrnn worker --queue redis://host` */
export const command = new Command('worker')
  .description(
    'Trains for a sweep that another process, here or elsewhere, has put into a queue (sweep … --queue). Any number of ' +
      'workers may run, on any number of machines. Where they see the folder of the sweep, runs go on from their checkpoints ' +
      'there; elsewhere a run that has lost its worker is begun anew.',
  )
  .option('--queue <url>', 'redis://, rediss:// or postgres:// (default: SLIMRNN_QUEUE in the environment)')
  .option('--workers <number>', 'runs at a time (default: as many as there are cores)', whole('--workers'))
  .option('--threads <number>', 'threads that each run has cores for', whole('--threads'), 1)
  .option('--data <path>', 'where the data are here (default: where the sweep has them)')
  .option('--valid <path>', 'where the held-out data are here')
  .option('--test <path>', 'where the test data are here')
  .option('--init <path>', 'where the model is here that every run starts from')
  .option('--teacher <file>', 'where the model is here that is followed')
  .option('--folder <dir>', 'for runs of sweeps whose folder is not seen from here', join('runs', 'worker'))
  .option('--apart', 'train in --folder even where the folder of the sweep is seen')
  .option('--lease <time>', 'silence after which another worker takes a run over', seconds('--lease'), 30)
  .option('--idle <time>', 'end after so long without work, such as 60s or 10m (default: wait)', seconds('--idle'));
addExamples(command, [
  'worker --queue redis://queue.example:6379',
  'worker --queue postgres://slim@db.example/sweeps --workers 4 --idle 10m',
  'worker --data /local/ptb --folder /scratch/slimrnn',
]);
command.action(async (flags: WorkerFlags) => {
  const { queue, data, valid, test, init, teacher, threads, workers = defaultWorkers(threads), ...rest } = flags;
  const address = queueAddress(queue);
  const sources = { data, valid, test, init, teacher };
  let trained = 0;
  const { workOn } = await import('../sweep/queue/worker.ts');
  await withDisplay(0, async ({ line }, signal) => {
    note(`worker ${hostname()}:${process.pid}: ${workers} at a time, from ${address.shown}`);
    const onEvent = (event: WorkerEvent) => {
      if (event.kind === 'end') trained++;
      line(eventText(event));
    };
    await workOn({ ...rest, isApart: rest.apart, address, workers, threads, sources, signal, onEvent });
  });
  print({ trained }, () => `nothing more to do; ${trained} pieces of work were taken on`);
});

function eventText(event: WorkerEvent): string {
  switch (event.kind) {
    case 'begin':
      return `${event.name}  trains to epoch ${event.until}${event.isShared ? '' : ', in a folder of its own'}`;
    case 'epoch':
      return `${event.name}  epoch ${event.epoch}`;
    case 'end':
      return `${event.name}  ${event.outcome}`;
    default:
      return `queue: ${event.text}`;
  }
}
