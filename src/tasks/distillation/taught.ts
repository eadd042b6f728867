import { UsageError } from '../../base/errors.ts';
import { didYouMean } from '../../base/suggest.ts';
import { isFloat } from '../../graph/elementTypes.ts';
import type { Model, ValueInfo } from '../../graph/types.ts';
import { ending } from '../arrays/endings.ts';
import { type Examples, streamingStates } from '../arrays/examples.ts';
import { softmaxAxis } from '../arrays/outputAxes.ts';
import { shapedOutput } from '../arrays/scoring.ts';
import type { DistillationFields } from './definition.ts';

/**
 * What an output is: a distribution over classes (behind a softmax), a probability (behind a sigmoid), or numbers.
 * `log-classes` are the logarithms of a distribution.
 */
export type OutputKind = 'classes' | 'log-classes' | 'probability' | 'values';

/** An output that a student learns from its teacher. */
export interface Taught {
  /** Its name in the student. */
  readonly name: string;
  /** Its name in the teacher. */
  readonly from: string;
  readonly kind: OutputKind;
  /** Axis of the examples; undefined in a model that takes one at a time, without an axis for them. */
  readonly batchAxis: number | undefined;
  /** Axis of the classes, and their number: 1 where there are none. */
  readonly classAxis: number | undefined;
  readonly classes: number;
  /** Sizes of one example without the classes. */
  readonly places: readonly number[];
}

/** A model with what its inputs take from the arrays. */
export interface Placed {
  readonly model: Model;
  readonly examples: Examples;
}

/**
 * Finds the outputs in which a student can follow a teacher: those of equal names, or the only ones. Throws UsageError
 * where there are none, or they do not fit together.
 */
export function taughtOutputs(student: Placed, teacher: Placed, fields: DistillationFields): Taught[] {
  const [own, theirs] = [realOutputs(student.model, fields), realOutputs(teacher.model, fields)];
  const nameOf = ({ name }: ValueInfo) => name;
  const wanted = fields.outputs ?? own.map(nameOf);
  for (const name of wanted) {
    const known = own.map(nameOf);
    if (known.includes(name)) continue;
    throw new UsageError(
      `the model has no output '${name}'${didYouMean(name, known)} of real numbers that is no state; it has ${known.join(', ')}`,
    );
  }
  const partner = (name: string) =>
    theirs.find((v) => v.name === name) ?? (own.length === 1 && theirs.length === 1 ? theirs[0] : undefined);
  const pairs = wanted.map((name) => ({ info: own.find((v) => v.name === name)!, from: partner(name) }));
  const lonely = pairs.find(({ from }) => from === undefined);
  if (lonely && (fields.outputs || pairs.every(({ from }) => from === undefined))) {
    throw new UsageError(
      `the teacher has no output '${lonely.info.name}'; it has ${theirs.map(nameOf).join(', ')}` +
        ' (without those that are states, or no real numbers)',
    );
  }
  const taught = pairs.flatMap(({ info, from }) => (from ? [pairOf(student, info, teacher, from, fields)] : []));
  if (taught.length === 0) throw new UsageError('the model has no output of real numbers but its states');
  return taught;
}

function realOutputs(model: Model, fields: DistillationFields): ValueInfo[] {
  const states = new Set(streamingStates(model, fields).map((s) => s.output));
  return model.graph.outputs.filter(({ name, type }) => !states.has(name) && isFloat(type.elementType));
}

function pairOf(
  student: Placed,
  info: ValueInfo,
  teacher: Placed,
  from: ValueInfo,
  fields: DistillationFields,
): Taught {
  const [ours, theirs] = [describe(student, info, fields), describe(teacher, from, fields)];
  const textOf = ({ places, classes }: typeof ours) => `[${[...places, ...(classes > 1 ? [classes] : [])].join(', ')}]`;
  if (textOf(ours) !== textOf(theirs)) {
    throw new UsageError(
      `output '${info.name}' is ${textOf(ours)} for each example, the teacher's '${from.name}' is ${textOf(theirs)}`,
    );
  }
  if (ours.kind !== theirs.kind) {
    throw new UsageError(
      `output '${info.name}' is ${kindText[ours.kind]}, the teacher's '${from.name}' ${kindText[theirs.kind]}`,
    );
  }
  return { ...ours, name: info.name, from: from.name };
}

const kindText: Readonly<Record<OutputKind, string>> = {
  classes: 'a softmax',
  'log-classes': 'the logarithm of a softmax',
  probability: 'a sigmoid',
  values: 'neither a softmax nor a sigmoid',
};

function describe({ model, examples }: Placed, declared: ValueInfo, fields: DistillationFields) {
  const { bound, step, lead, isAlone, shape, batchAxis } = shapedOutput(model, examples, declared, fields.batchAxis);
  const rank = shape.length - lead.length;
  const { activation } = ending(bound, step.name);
  const inStep = softmaxAxis(bound, step.name, rank);
  const classAxis = inStep === undefined ? undefined : inStep + lead.length;
  const isBatch = classAxis !== undefined && classAxis === batchAxis;
  const isClasses = classAxis !== undefined && !isBatch && Number(shape[classAxis]) > 1;
  const kind: OutputKind = isClasses
    ? activation!.op === 'LogSoftmax'
      ? 'log-classes'
      : 'classes'
    : activation?.op === 'Sigmoid'
      ? 'probability'
      : 'values';
  const places = shape.filter((_, axis) => axis !== batchAxis && !(isClasses && axis === classAxis)).map(Number);
  const own = isClasses ? { classAxis, classes: Number(shape[classAxis]) } : { classAxis: undefined, classes: 1 };
  // Steps of examples that stand side by side come without the size of one that the model has for its batch.
  return { kind, batchAxis: isAlone ? 1 : batchAxis, places, ...own };
}
