import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Option } from 'commander';
import { note, table } from '../src/cli/output.ts';
import { wholeOption } from './support/program.ts';
import { runScript } from './support/script.ts';
import type { SparseTraining, SparseTrainingFigures } from './support/sparseTraining.ts';

type Flags = Omit<SparseTraining, 'model'> & { readonly large: number };

const child = fileURLToPath(new URL('./support/sparseTraining.js', import.meta.url));

function figuresOf(training: SparseTraining): SparseTrainingFigures {
  note(`${training.model}, ${training.vocabulary} words`);
  return JSON.parse(execFileSync(process.execPath, [child, JSON.stringify(training)], { encoding: 'utf8' }));
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

await runScript<Flags>({
  name: 'bench:sparse-memory',
  about:
    'Memory and time of training a classifier of texts, dense and sparse from the start, each in a process of its own: a ' +
    'whole run with checkpoints, scoring and saving, on random texts. The program itself with its engine is taken off.',
  options: [
    wholeOption('--vocabulary', 'words', 20_000),
    wholeOption('--large', 'words of further models beside these', 200_000),
    wholeOption('--size', 'embedding size', 256),
    wholeOption('--hidden', 'hidden units', 256),
    new Option('--density <share>', 'share of the connections that exist').argParser(Number).default(0.04),
    wholeOption('--texts', 'training texts', 400),
    wholeOption('--words', 'words of each text', 12),
    wholeOption('--batch', 'texts side by side', 8),
    wholeOption('--epochs', 'epochs; the fastest one counts', 3),
  ],
  async measure({ large, ...flags }) {
    const of = (model: SparseTraining['model'], vocabulary = flags.vocabulary) => ({
      model,
      vocabulary,
      ...figuresOf({ ...flags, model, vocabulary }),
    });
    const empty = of('nothing');
    const trained = [of('dense'), of('set'), of('dense', large), of('set', large)].map((figures) => ({
      ...figures,
      peakAboveEmptyBytes: figures.peakBytes - empty.peakBytes,
      bytesPerConnection: figures.tableBytes / figures.connections,
    }));
    const [dense] = trained;
    const rows = trained.map((t) => [
      `${t.model}, ${t.vocabulary} words`,
      megabytes(t.peakAboveEmptyBytes),
      `${((100 * t.peakAboveEmptyBytes) / dense!.peakAboveEmptyBytes).toFixed(1)} %`,
      String(t.connections),
      `${megabytes(t.tableBytes)}, ${t.bytesPerConnection.toFixed(1)} each`,
      `${t.secondsPerEpoch.toFixed(2)} s`,
      `${(t.secondsPerEpoch / dense!.secondsPerEpoch).toFixed(2)}`,
    ]);
    const head = ['model', 'peak', 'of dense', 'weights of the embedding', 'held for them', 'epoch', 'of dense'];
    return { figures: { ...flags, large, emptyBytes: empty.peakBytes, trained }, text: () => table(head, rows) };
  },
});
