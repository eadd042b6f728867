import { sha256Hex } from '../../base/digest.ts';
import { UsageError } from '../../base/errors.ts';
import type { Model } from '../../graph/types.ts';
import { encodeModel } from '../../onnx/write.ts';
import { type Examples, examplesOf, type NamedArrays } from '../arrays/examples.ts';
import { modelFor } from '../arrays/loadedArrays.ts';
import { type ArrayData, digestOfArrays } from '../arrays/problem.ts';
import { sequenceExamples } from '../arrays/sequences.ts';
import { placesThatCount } from './counts.ts';
import type { DistillationFields } from './definition.ts';
import { type Taught, taughtOutputs } from './taught.ts';
import { type TeachOptions, teach } from './teach.ts';
import { forTeacher, ownWiring, type Placed, type Wired } from './wiring.ts';

/** A student, the model that it follows, and inputs. */
export interface DistillationData {
  readonly student: Model;
  readonly teacher: Model;
  readonly data: ArrayData;
}

/** Examples with what the teacher says to them. */
export interface Lesson {
  readonly examples: Examples;
  readonly taught: readonly Taught[];
  /** For each output [N · places · classes]; probabilities for classes, and 0 in places that do not count. */
  readonly answers: readonly Float32Array[];
  /** For each output [N · places], 1 for places that count, else 0. */
  readonly counts: readonly Uint8Array[];
}

/** All that a student learns from: the teacher has spoken. */
export interface Lessons extends Pick<DistillationData, 'data'> {
  /** For the values and sizes that the fields say. */
  readonly student: Model;
  /** The fields that are meant for the student. */
  readonly wiring: DistillationFields;
  readonly train: Lesson;
  readonly valid: Lesson | undefined;
  /** Identifies the two models and the inputs. */
  readonly digest: string;
}

/** Runs a teacher once on all inputs. Throws UsageError where models, arrays and fields do not fit together. */
export async function prepareLessons(
  { student, teacher, data }: DistillationData,
  fields: DistillationFields,
  options: TeachOptions,
): Promise<Lessons> {
  const own = wired(student, ownWiring(fields, student, teacher));
  const theirs = forTeacher(() => wired(teacher, ownWiring(fields, teacher)));
  const lessonOn = async (named: NamedArrays): Promise<Lesson> => {
    const placed = { student: placedOn(own, named), teacher: forTeacher(() => placedOn(theirs, named)) };
    requireSameCount(placed);
    const taught = taughtOutputs(placed.student, placed.teacher, fields.outputs);
    const counts = placesThatCount(named, placed.student, taught);
    const answers = await teach(placed.teacher, taught, counts, options);
    return { examples: placed.student.examples, taught, counts, answers };
  };
  const train = await lessonOn(data.train);
  const valid = data.valid && (await lessonOn(data.valid));
  const digest = sha256Hex(digestOfArrays(own.model, data), ...encodeModel(theirs.model));
  return { student: own.model, wiring: own.wiring, data, train, valid, digest };
}

function requireSameCount({ student, teacher }: Readonly<Record<'student' | 'teacher', Placed>>): void {
  const [own, theirs] = [student.examples, teacher.examples];
  if (own.count === theirs.count) return;
  throw new UsageError(
    `${own.source}: there are ${own.count} examples for the model, '${own.inputs[0]!.from}', and ${theirs.count} for the ` +
      `teacher, '${theirs.inputs[0]!.from}'; the first axis of every array is the examples`,
  );
}

function wired(model: Model, wiring: DistillationFields): Wired {
  return { model: modelFor(model, wiring), wiring };
}

function placedOn({ model, wiring }: Wired, data: NamedArrays): Placed {
  return { model, wiring, examples: sequenceExamples(model, data, wiring) ?? examplesOf(model, data, wiring) };
}
