import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Option } from 'commander';
import { writeAtomically } from '../../src/base/files.ts';
import { note } from '../../src/cli/output.ts';
import { TOKENS } from '../../src/models/languageModel.ts';
import { LENGTHS } from '../../src/models/textClassifier.ts';
import { type Problem, type Split, TARGETS } from '../../src/tasks/task.ts';
import { cuts, defaults, type TextFields } from '../../src/tasks/text-classification/definition.ts';
import { loadTexts } from '../../src/tasks/text-classification/loadTexts.ts';
import { textProblem } from '../../src/tasks/text-classification/problem.ts';
import { runProgram, wholeOption } from '../support/program.ts';

interface Flags extends Pick<TextFields, 'text' | 'label' | 'maxLength' | 'cut'> {
  readonly data?: string;
  readonly batch: number;
  readonly epochs: number;
  readonly out: string;
}

await runProgram<Flags>({
  name: 'node build/bench/peers/textBatches.js',
  about:
    'Writes the batches of labelled texts as the trainer sees them, so that torch_text.py can train on the very same: a ' +
    'file for each epoch of training and one for each other part, a batch a line, ' +
    '{"time": 128, "tokens": [[3, 17, …], …], "classes": [0, …]}.',
  options: [
    new Option('--data <path>', 'texts, as for slimrnn train sentiment (default: the embedded e-mails)'),
    new Option('--text <column>', 'column of the text').default(defaults.text),
    new Option('--label <column>', 'column of the class').default(defaults.label),
    wholeOption('--max-length', 'words that a text is cut to', defaults.maxLength),
    new Option('--cut <end>', 'what stays of a text that is cut').choices(cuts).default(defaults.cut),
    wholeOption('--batch', 'texts in a batch', defaults.batch),
    wholeOption('--epochs', 'epochs to write', 1),
    new Option('--out <folder>', 'where the files go').default('.'),
  ],
  async run({ data: source, batch, epochs, out, ...fields }) {
    const task = { ...defaults, ...fields };
    const data = await loadTexts({ data: source }, task, 1);
    const problem = textProblem(data, { task, batch });
    await mkdir(out, { recursive: true });
    for (let epoch = 0; epoch < epochs; epoch++) {
      await writeAtomically(join(out, `train-${epoch}.jsonl`), linesOf(problem, 'train', epoch));
    }
    for (const split of problem.splits.filter((part) => part !== 'train')) {
      await writeAtomically(join(out, `${split}.jsonl`), linesOf(problem, split, 0));
    }
    note(`${data.vocabulary.words.length} words, ${data.classes.length} classes; wrote the batches to ${out}`);
  },
});

/** One batch as a line of JSON; texts that only fill it up are left out. */
function* linesOf(problem: Problem, split: Split, epoch: number): Generator<Uint8Array> {
  const batches = problem.batches(split, { epoch, seed: 1, rank: 0, ranks: 1 });
  for (let i = 0; i < batches.count; i++) {
    const shape = batches.shapeOf(i);
    const feeds = batches.feeds(shape);
    const count = batches.fill(i, feeds);
    const [tokens, lengths, classes] = [TOKENS, LENGTHS, TARGETS].map((name) => feeds[name]!.data as Int32Array);
    const texts = Array.from({ length: count }, (_, b) =>
      Array.from({ length: lengths![b]! }, (_, t) => tokens![t * shape.batch! + b]),
    );
    const line = { time: shape.time, tokens: texts, classes: [...classes!.subarray(0, count)] };
    yield Buffer.from(`${JSON.stringify(line)}\n`);
  }
}
