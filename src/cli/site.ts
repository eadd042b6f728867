import { existsSync, readdirSync } from 'node:fs';
import { isAbsolute, relative } from 'node:path';
import { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import { HALF_WRITTEN, writeSite } from '../site/writeSite.ts';
import { isFolder } from './flags.ts';
import { addExamples } from './helpTexts.ts';
import { fileSize, print } from './output.ts';

interface SiteFlags {
  out: string;
}

/** `slimrnn site [folder] --out <dir>` */
export const command = new Command('site')
  .description(
    'Writes the page that `serve` shows, with the finished runs of a folder, as plain files that any web server can ' +
      'show. The playground continues text with their models and trains in the browser; nothing is live. Threads need a ' +
      'server that sends Cross-Origin-Opener-Policy and Cross-Origin-Embedder-Policy; without them there is one.',
  )
  .argument('[folder]', 'folder with run directories', 'runs')
  .requiredOption('--out <dir>', 'folder to write; it must be new or empty')
  .action(async (folder: string, flags: SiteFlags) => {
    checkPlaces(folder, flags.out);
    const { runs, bytes, problems } = await writeSite(folder, flags.out);
    const document = { directory: flags.out, runs, bytes, problems };
    const s = runs.length === 1 ? '' : 's';
    const text = `${flags.out}: the page with ${runs.length} run${s}, ${fileSize(bytes)} of files`;
    print(document, () => [text, ...problems].join('\n'));
  });
addExamples(command, ['site runs --out public']);

function checkPlaces(folder: string, out: string): void {
  if (!isFolder(folder)) throw new UsageError(`there is no folder ${folder}; name the one that holds your runs`);
  if (existsSync(out)) {
    if (!isFolder(out)) throw new UsageError(`--out ${out} is a file; choose a new folder`);
    if (readdirSync(out).some((name) => name !== HALF_WRITTEN))
      throw new UsageError(`--out ${out} is not empty; choose a new folder`);
  }
  const path = relative(folder, out);
  if (!isAbsolute(path) && !/^\.\.(?:[/\\]|$)/.test(path)) {
    throw new UsageError(
      `--out ${out} is inside ${folder}, where its copies would look like runs; choose a place outside`,
    );
  }
}
