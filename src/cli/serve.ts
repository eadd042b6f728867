import { existsSync, statSync } from 'node:fs';
import { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import { requireReadable } from '../runs/findRuns.ts';
import { startServer, USUAL_PORT } from '../serve/server.ts';
import { number } from './flags.ts';
import { addExamples } from './helpTexts.ts';
import { note } from './output.ts';
import { stoppable } from './stopping.ts';

interface ServeFlags {
  host: string;
  port?: number;
  json: boolean;
}

/** `slimrnn serve [folder]` */
export const command = new Command('serve')
  .description(
    'Serves a page that lists the runs of a folder, follows those that are running, compares them, opens their reports ' +
      'and hands out their models; and a playground, where models continue text and are trained in the browser. It only ' +
      'reads: no request can change anything.',
  )
  .argument('[folder]', 'folder with run directories', 'runs')
  .option('--host <address>', 'address to listen on', '127.0.0.1')
  .option(
    '--port <n>',
    'port to listen on; 0: any that is free (default: 8270, or the next that is free)',
    number('--port', 'a whole number from 0 to 65535', (port) => Number.isInteger(port) && port >= 0 && port <= 65_535),
  )
  .option('--json', 'print one JSON document with the address on stdout')
  .action(async (folder: string, flags: ServeFlags) => {
    if (!existsSync(folder)) throw new UsageError(`there is no folder ${folder}; name the one that holds your runs`);
    if (!statSync(folder).isDirectory()) throw new UsageError(`${folder} is a file, not a folder with runs`);
    await requireReadable(folder);
    if (flags.host.trim() === '') throw new UsageError('--host: expected an address or a name, got nothing');
    const server = await startServer({ root: folder, host: flags.host, port: flags.port });
    if (flags.port === undefined && server.port !== USUAL_PORT) note(`port ${USUAL_PORT} is in use`);
    if (!/^(127\..*|localhost|::1)$/i.test(flags.host)) {
      note(`everyone who reaches this machine at ${flags.host} can read the runs`);
    }
    if (flags.json) process.stdout.write(`${JSON.stringify({ url: server.url, folder })}\n`);
    else note(`${folder} is at ${server.url} until you press Ctrl-C`);
    await new Promise<void>((resolve) => stoppable(() => resolve()));
    await server.close();
  });
addExamples(command, ['serve', 'serve results/runs --port 0']);
