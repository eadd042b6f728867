import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeAtomically } from '../src/base/files.ts';
import { whole } from "../src/cli/flags.ts";
import { scriptFlags } from "./support/script.ts";
import { explain, note } from '../src/cli/output.ts';
import { TOKENS } from '../src/models/languageModel.ts';
import { LENGTHS } from '../src/models/textClassifier.ts';
import { type Problem, type Split, TARGETS } from '../src/tasks/task.ts';
import { defaults } from '../src/tasks/text-classification/definition.ts';
import { loadTexts } from '../src/tasks/text-classification/loadTexts.ts';
import { textProblem } from '../src/tasks/text-classification/problem.ts';

/*
 * Writes the batches of labelled texts as the trainer sees them, so that `bench/peers/torch_text.py` can train on the
 * very same: a file for each epoch of training and one for each other part, a batch a line,
 * {"time": 128, "tokens": [[3, 17, …], …], "classes": [0, …]}.
 */

const { values: flags } = scriptFlags(() =>
  parseArgs({
    options: {
      data: { type: 'string' },
      text: { type: 'string', default: defaults.text },
      label: { type: 'string', default: defaults.label },
      'max-length': { type: 'string', default: String(defaults.maxLength) },
      cut: { type: 'string', default: defaults.cut },
      batch: { type: 'string', default: String(defaults.batch) },
      epochs: { type: 'string', default: '1' },
      out: { type: 'string', default: '.' },
    },
  }),
);

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

async function writeBatches(): Promise<void> {
  const task = {
    ...defaults,
    text: flags.text,
    label: flags.label,
    maxLength: whole('--max-length')(flags['max-length']),
    cut: flags.cut === 'tail' ? ('tail' as const) : ('head' as const),
  };
  const { data } = await loadTexts({ data: flags.data }, task, 1);
  const problem = textProblem(data, { task, batch: whole('--batch')(flags.batch) });
  for (let epoch = 0; epoch < whole('--epochs')(flags.epochs); epoch++) {
    await writeAtomically(join(flags.out, `train-${epoch}.jsonl`), linesOf(problem, 'train', epoch));
  }
  for (const split of problem.splits.filter((part) => part !== 'train')) {
    await writeAtomically(join(flags.out, `${split}.jsonl`), linesOf(problem, split, 0));
  }
  note(`${data.vocabulary.words.length} words, ${data.classes.length} classes; wrote the batches to ${flags.out}`);
}

try {
  await writeBatches();
} catch (error) {
  const { message, code } = explain(error);
  note(message);
  process.exit(code);
}
