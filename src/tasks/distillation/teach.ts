import { UsageError } from '../../base/errors.ts';
import { fileSize, grouped } from '../../base/format.ts';
import { GraphBuilder } from '../../graph/builder.ts';
import { sizeOf } from '../../graph/dims.ts';
import { modelOf } from '../../graph/model.ts';
import { removeDeadNodes } from '../../graph/rewrite.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { zerosFor } from '../../runtime/zeros.ts';
import { inOrder, inputFeeds } from '../arrays/batches.ts';
import { boundGraph } from '../arrays/bound.ts';
import { placeRows } from './rows.ts';
import type { Placed, Taught } from './taught.ts';

/** Most bytes of a teacher's answers that are kept: one array of Node holds no more. */
const MOST_BYTES = 2 ** 32 - 1;

/**
 * What a teacher says to all examples: for each output float32 [N · places · classes], examples first; probabilities
 * where the output is their logarithm. Takes four bytes for each of them, whatever the epochs. Throws UsageError where
 * that is too much, or where an answer is NaN or infinite.
 */
export async function teach(
  { model, examples }: Placed,
  taught: readonly Taught[],
  { runtime, batch }: { readonly runtime: Runtime; readonly batch: number },
): Promise<Float32Array[]> {
  const { count } = examples;
  const each = taught.map(({ places, classes }) => sizeOf(places) * classes);
  for (const [i, { from }] of taught.entries()) {
    const size = count * each[i]! * 4;
    if (size <= MOST_BYTES) continue;
    throw new UsageError(
      `the teacher's output '${from}' takes ${fileSize(size)} for ${grouped(count)} examples; give fewer examples, or leave it out with --outputs`,
    );
  }
  const answers = each.map((size) => new Float32Array(count * size));
  const size = examples.fixedBatch ?? Math.min(batch, count);
  const graph = boundGraph(model, examples, size);
  const b = GraphBuilder.from(graph, { keepOutputs: false });
  const names = taught.map((output, i) => {
    const name = `taught.${i}`;
    b.output(placeRows(b.value(output.from), output), name);
    return name;
  });
  const rows = removeDeadNodes(b.build());
  const session = await runtime.createSession(modelOf(rows), { name: 'the teacher' });
  const { feeds: make, fill } = inputFeeds(examples, size);
  const feeds = { ...make() };
  Object.assign(feeds, zerosFor(rows.inputs, feeds));
  const used = Object.fromEntries(rows.inputs.map(({ name }) => [name, feeds[name]!]));
  try {
    for (let start = 0; start < count; start += size) {
      const chosen = inOrder(count).subarray(start, start + size);
      fill(chosen, feeds);
      const results = await session.run(used);
      for (const [i, name] of names.entries()) {
        const values = results[name]!.data as Float32Array;
        answers[i]!.set(values.subarray(0, chosen.length * each[i]!), start * each[i]!);
      }
    }
  } finally {
    await session.release();
  }
  for (const [i, { kind, from }] of taught.entries()) {
    const values = answers[i]!;
    if (kind === 'log-classes') for (let k = 0; k < values.length; k++) values[k] = Math.exp(values[k]!);
    const wrong = values.findIndex((v) => !Number.isFinite(v));
    if (wrong < 0) continue;
    const example = Math.floor(wrong / each[i]!);
    throw new UsageError(
      `the teacher's output '${from}' is ${values[wrong]} for example ${example} of ${examples.source}; leave that example out`,
    );
  }
  return answers;
}
