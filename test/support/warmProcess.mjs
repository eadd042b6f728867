/**
 * Runs the built command line again and again within one process, for warmCli.ts: a line of JSON on channel 3 is a
 * command line and the folder to run it in, and a line of its mark ends what it wrote on stdout and stderr.
 */
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const main = process.argv[2];
// Each run listens for what happens to its process.
for (const emitter of [process, process.stdout, process.stderr]) emitter.setMaxListeners(0);

let runs = 0;
for await (const line of createInterface({ input: new Socket({ fd: 3 }) })) {
  const { mark, args, cwd } = JSON.parse(line);
  process.chdir(cwd);
  process.argv.splice(1, Number.POSITIVE_INFINITY, main, ...args);
  process.exitCode = undefined;
  // This process is as good as guarded: whoever wants to see what a guard does starts one.
  process.env.SLIMRNN_GUARDED = '1';
  // The module is evaluated anew; what it imports is there already.
  await import(`${pathToFileURL(main)}?run=${++runs}`);
  for (const fd of [1, 2]) writeSync(fd, `\n${mark} ${process.exitCode}\n`);
}
