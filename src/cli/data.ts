import { join } from 'node:path';
import { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import { didYouMean } from '../base/suggest.ts';
import { getDataset, listDatasets } from '../data/registry.ts';
import { addExamples } from './helpTexts.ts';
import { note, print, table } from './output.ts';
import { stopCode, stoppable } from './stopping.ts';

/** Where to get what nobody may pass on, and how it is read. */
const OTHERS = `
Texts for 'slimrnn train set-lstm' and 'dense-lstm' that you fetch yourself,
for their terms do not let others pass them on:
  IMDB         https://ai.stanford.edu/~amaas/data/sentiment/
               --data aclImdb
  Sanders      the Sanders Twitter corpus of 2011, as CSV
               --data tweets.csv --label sentiment --test-share 0.2
  Yelp         https://www.yelp.com/dataset, reviews as CSV
               --data reviews.csv.gz --label stars --test-share 0.2
  Amazon food  https://snap.stanford.edu/data/web-FineFoods.html, as CSV
               --data train.csv --valid val.csv --label score`;

/** `slimrnn data list` and `slimrnn data get NAME` */
export const command = new Command('data').description('Public data sets with checksums.').addHelpText('after', OTHERS);
addExamples(command, ['data list', 'data get ptb --out ptb']);
command
  .command('list')
  .description('Lists the data sets.')
  .action(() => {
    const sets = listDatasets();
    print(sets, () =>
      table(
        ['name', 'what', 'licence'],
        sets.map((s) => [s.name, s.description, s.licence]),
      ),
    );
  });
command
  .command('get')
  .description('Downloads a data set and checks its SHA-256. Files that are there already are kept.')
  .argument('<name>', 'a name from `slimrnn data list`')
  .option('--out <dir>', 'folder for the files (default: data/<name>)')
  .action(async (name: string, flags: { out?: string }) => {
    const known = listDatasets().map((s) => s.name);
    if (!known.includes(name)) {
      throw new UsageError(`unknown data set '${name}'${didYouMean(name, known)}; known: ${known.join(', ')}`);
    }
    const directory = flags.out ?? join('data', name);
    const stop = stoppable(() => process.exit(stopCode()));
    const files = await getDataset(name, directory).finally(stop.release);
    for (const f of files) note(`${f.path}  ${f.status}`);
    const goesWith = listDatasets().find((set) => set.name === name)?.goesWith;
    if (goesWith !== undefined) note(goesWith);
    print({ name, directory, files }, () => `${name} is in ${directory}; train on it with --data ${directory}`);
  });
