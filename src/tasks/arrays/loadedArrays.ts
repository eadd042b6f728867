import { grouped } from '../../base/format.ts';
import type { Model } from '../../graph/types.ts';
import { traceNotes } from '../../onnx/traces.ts';
import { hasFloat16 } from '../../passes/float32.ts';
import { isNothing } from '../../passes/given.ts';
import { readGiven } from '../../passes/givenText.ts';
import { inlineFunctions } from '../../passes/inlineFunctions.ts';
import { specialize } from '../../passes/specialize.ts';
import type { LoadedTask, Problem, TaskConfig } from '../task.ts';
import { BATCH } from './bound.ts';
import { readTaskFields, type Wiring } from './definition.ts';
import { type Sequences, streamingStates } from './examples.ts';
import { paddingNotes } from './paddingNotes.ts';
import { type ArrayData, arraysProblem } from './problem.ts';
import { sequenceExamples } from './sequences.ts';

/** A model and arrays that are in memory already. Throws UsageError where they do not fit together. */
export function loadedArrays(config: TaskConfig, given: Model, data: ArrayData): LoadedTask {
  const fields = readTaskFields(config.task);
  const model = modelFor(given, fields);
  const problem = arraysProblem(model, data, fields, config.batch);
  return loadedImported({ model, data, fields, problem, config }, [
    ...[data.train, ...(data.valid ? [data.valid] : [])].flatMap((named) => paddingNotes(model.graph, named, fields)),
  ]);
}

/** What is known of an imported model with its arrays. */
interface ImportedProblem {
  readonly model: Model;
  readonly data: ArrayData;
  readonly fields: Wiring;
  readonly problem: Problem;
  readonly config: TaskConfig;
}

/** An imported model as a task: what data there are, which states, and notes on both before those that are given. */
export function loadedImported(
  { model, data, fields, problem, config }: ImportedProblem,
  notes: readonly string[],
): LoadedTask {
  const [train, valid] = [exampleCount(data.train), data.valid && exampleCount(data.valid)];
  const { source, arrays } = data.train;
  const held = valid === undefined ? '' : `, ${grouped(valid)} held out in ${data.valid!.source}`;
  return {
    problem,
    data: {
      name: source,
      source,
      sha256: problem.digest,
      facts: { examples: train, ...(valid !== undefined && { heldOut: valid }) },
    },
    model: () => model,
    // States that take their values from arrays keep their sizes.
    states: streamingStates(model, fields).filter((s) => !arrays.has(fields.input?.[s.input] ?? s.input)),
    isImported: true,
    notes: [
      `${source}: ${grouped(train)} examples${held}`,
      ...notesOn(model, problem, config, train),
      ...sequenceNotes(sequenceExamples(model, data.train, fields)?.sequences),
      ...notes,
    ],
    files: {},
  };
}

/** The model without functions of its own, for the values and sizes that the fields say. */
export function modelFor(model: Model, { set = {}, size = {} }: Pick<Wiring, 'set' | 'size'>): Model {
  const inlined = inlineFunctions(model);
  const textOf = (pairs: object) => Object.entries(pairs).map(([name, value]) => `${name}=${value}`);
  const given = readGiven(inlined.graph, { set: textOf(set), size: textOf(size) });
  return isNothing(given) ? inlined : specialize(inlined, given).model;
}

function sequenceNotes(sequences: Sequences | undefined): string[] {
  if (sequences === undefined) return [];
  const carried = sequences.states.map(({ input, output }) => `'${output}' goes in again at '${input}'`).join(', ');
  return [`note: the model runs over the ${sequences.steps} steps of each example: ${carried}`];
}

function exampleCount({ arrays }: ArrayData['train']): number {
  return [...arrays.values()][0]?.dims[0] ?? 0;
}

function notesOn(model: Model, problem: Problem, { batch, seed }: TaskConfig, count: number): string[] {
  const { graph } = model;
  const notes: string[] = traceNotes(model, 'the model');
  if (hasFloat16(graph)) notes.push('note: half precision is trained in float32 and rounded back when it is written');
  if (graph.nodes.some((n) => n.op === 'BatchNormalization')) {
    notes.push('note: BatchNormalization keeps its stored mean and variance; scale and bias are trained');
  }
  const size = problem.batches('train', { epoch: 0, seed, rank: 0, ranks: 1 }).shapeOf(0)[BATCH]!;
  if (size !== Math.min(batch, count)) notes.push(`note: the model fixes its batch: ${size} examples at a time`);
  return notes;
}
