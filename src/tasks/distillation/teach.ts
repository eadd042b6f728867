import { UsageError } from '../../base/errors.ts';
import { fileSize, grouped } from '../../base/format.ts';
import { GraphBuilder } from '../../graph/builder.ts';
import { sizeOf } from '../../graph/dims.ts';
import { modelOf } from '../../graph/model.ts';
import { removeDeadNodes } from '../../graph/rewrite.ts';
import { withoutDropout } from '../../passes/withoutDropout.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { zerosFor } from '../../runtime/zeros.ts';
import { inOrder, inputFeeds } from '../arrays/batches.ts';
import { boundGraph } from '../arrays/bound.ts';
import { placeRows } from './outputAxes.ts';
import type { Taught } from './taught.ts';
import { forTeacher, type Placed } from './wiring.ts';

/** How a teacher runs. */
export interface TeachOptions {
  readonly runtime: Runtime;
  readonly threads?: number | undefined;
  /** Examples side by side, where the teacher does not fix their number. */
  readonly batch: number;
}

/**
 * What a teacher says to all examples: for each output float32 [N · places · classes], examples first; probabilities
 * where the output is their logarithm, and 0 in places that do not count (`counts`, [N · places] for each output). Takes
 * four bytes for each of them, whatever the epochs. Throws UsageError where that is too much, or where an answer that
 * counts is NaN or infinite.
 */
export async function teach(
  { model, examples }: Placed,
  taught: readonly Taught[],
  counts: readonly Uint8Array[],
  { runtime, threads, batch }: TeachOptions,
): Promise<Float32Array[]> {
  const { count, fixedBatch, source } = examples;
  const answers = taught.map((output) => emptyAnswers(output, count));
  const size = fixedBatch ?? Math.min(batch, count);
  const bound = forTeacher(() => boundGraph(withoutDropout(model), examples, size));
  const b = GraphBuilder.from(bound, { keepOutputs: false });
  const names = taught.map(({ teacher }) => {
    const name = b.unique(`${teacher.name}.rows`);
    b.output(placeRows(b.value(teacher.name), teacher), name);
    return name;
  });
  const graph = removeDeadNodes(b.build());
  const { feeds: make, fill } = inputFeeds(examples, size);
  const feeds = make();
  const all = { ...feeds, ...zerosFor(graph.inputs, feeds) };
  const used = Object.fromEntries(graph.inputs.map(({ name }) => [name, all[name]!]));
  const session = await runtime.createSession(modelOf(graph), { threads, name: 'the teacher' });
  try {
    const order = inOrder(count);
    for (let start = 0; start < count; start += size) {
      const chosen = order.subarray(start, start + size);
      fill(chosen, feeds);
      const results = await session.run(used);
      for (const [i, values] of answers.entries()) {
        const each = values.length / count;
        const own = results[names[i]!]!.data as Float32Array;
        values.set(own.subarray(0, chosen.length * each), start * each);
      }
    }
  } finally {
    await session.release();
  }
  for (const [i, output] of taught.entries()) finish(answers[i]!, output, { count, source, counts: counts[i]! });
  return answers;
}

/** Room for the answers to all examples; throws UsageError where there is none. */
export function emptyAnswers({ places, classes, teacher }: Taught, count: number): Float32Array {
  const size = count * sizeOf(places) * classes;
  try {
    return new Float32Array(size);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new UsageError(
      `the teacher's output '${teacher.name}' takes ${fileSize(4 * size)} for ${grouped(count)} examples; give fewer ` +
        'examples, or leave it out with --outputs',
      { cause },
    );
  }
}

/** Which answers are looked at. */
interface Answered {
  readonly count: number;
  readonly source: string;
  readonly counts: Uint8Array;
}

/** Makes probabilities of logarithms, and zeros of what does not count; throws UsageError for what is no number. */
function finish(values: Float32Array, { classes, teacher }: Taught, { count, source, counts }: Answered): void {
  counts.forEach((counted, place) => {
    for (let at = place * classes; at < (place + 1) * classes; at++) {
      values[at] = counted === 0 ? 0 : teacher.isLog ? Math.exp(values[at]!) : values[at]!;
    }
  });
  const wrong = values.findIndex((value) => !Number.isFinite(value));
  if (wrong < 0) return;
  const example = Math.floor(wrong / (values.length / count));
  throw new UsageError(
    `the teacher's output '${teacher.name}' is ${values[wrong]} for example ${example} of ${source}; leave that example out`,
  );
}
