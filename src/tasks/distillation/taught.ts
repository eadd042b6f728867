import { UsageError } from '../../base/errors.ts';
import { didYouMean } from '../../base/suggest.ts';
import { isFloat } from '../../graph/elementTypes.ts';
import type { ValueInfo } from '../../graph/types.ts';
import { streamingStates } from '../arrays/examples.ts';
import { type OutputAxes, type OutputKind, outputAxes } from './outputAxes.ts';
import { forTeacher, type Placed, type Wired } from './wiring.ts';

/** An output of the student, with that of the teacher which it learns to be like. */
export interface Taught extends OutputAxes {
  readonly teacher: OutputAxes;
}

/**
 * Finds the outputs in which a student can follow a teacher: those of equal names, or the only ones; of `wanted` names,
 * where they are said. Throws UsageError where there are none, or they do not fit together.
 */
export function taughtOutputs(student: Placed, teacher: Placed, wanted: readonly string[] | undefined): Taught[] {
  const [own, theirs] = [realOutputs(student), realOutputs(teacher)];
  const [known, there] = [own, theirs].map((outputs) => outputs.map((v) => v.name)) as [string[], string[]];
  if (own.length === 0) throw new UsageError('the model has no output of real numbers but its states');
  if (theirs.length === 0) throw new UsageError('the teacher has no output of real numbers but its states');
  for (const name of wanted ?? []) {
    if (known.includes(name)) continue;
    throw new UsageError(
      `--outputs ${name}: the model has no such output of real numbers${didYouMean(name, known)}; it has ${known.join(', ')}`,
    );
  }
  const isOnly = own.length === 1 && theirs.length === 1;
  const partners = own
    .filter(({ name }) => wanted?.includes(name) ?? true)
    .map((info) => ({ info, from: theirs.find((v) => v.name === info.name) ?? (isOnly ? theirs[0] : undefined) }));
  const lonely = partners.find(({ from }) => from === undefined);
  if (lonely && (wanted !== undefined || partners.every(({ from }) => from === undefined))) {
    throw new UsageError(`the teacher has no output '${lonely.info.name}' of real numbers; it has ${there.join(', ')}`);
  }
  return partners.flatMap(({ info, from }) => (from ? [pairOf(student, info, teacher, from)] : []));
}

/** The outputs of real numbers that are no states. */
export function realOutputs({ model, wiring }: Wired): ValueInfo[] {
  const states = new Set(streamingStates(model, wiring).map((s) => s.output));
  return model.graph.outputs.filter(({ name, type }) => !states.has(name) && isFloat(type.elementType));
}

function pairOf(student: Placed, info: ValueInfo, teacher: Placed, from: ValueInfo): Taught {
  const ours = outputAxes(student, info);
  const theirs = forTeacher(() => outputAxes(teacher, from));
  const [own, other] = [sizesOf(ours), sizesOf(theirs)];
  // Axes of size 1 are a matter of form, such as the batch of a model that takes one example at a time.
  if (withoutOnes(own) !== withoutOnes(other)) {
    throw new UsageError(
      `output '${info.name}' is [${own.join(', ')}] for each example, the teacher's '${from.name}' is [${other.join(', ')}]`,
    );
  }
  if (ours.kind !== theirs.kind || ours.classes !== theirs.classes) {
    throw new UsageError(
      `output '${info.name}' is ${kindText(ours)}, the teacher's '${from.name}' ${kindText(theirs)}; ` +
        '--outputs says which outputs are followed',
    );
  }
  return { ...ours, teacher: theirs };
}

/** Sizes of one example, the classes last. */
function sizesOf({ places, classes }: OutputAxes): number[] {
  return classes > 1 ? [...places, classes] : [...places];
}

function withoutOnes(sizes: readonly number[]): string {
  return sizes.filter((size) => size !== 1).join();
}

/** What an output is, in words. */
export function kindText({ kind, classes }: Pick<OutputAxes, 'kind' | 'classes'>): string {
  const texts: Readonly<Record<OutputKind, string>> = {
    classes: `a softmax over ${classes} classes`,
    probability: 'a sigmoid',
    values: 'plain numbers',
  };
  return texts[kind];
}
