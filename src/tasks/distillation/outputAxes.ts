import type { Value } from '../../graph/builder.ts';
import { cast, reshape, transpose } from '../../graph/ops.ts';
import type { ValueInfo } from '../../graph/types.ts';
import { ending } from '../arrays/endings.ts';
import { softmaxAxis } from '../arrays/outputAxes.ts';
import { shapedOutput } from '../arrays/scoring.ts';
import type { Placed } from './wiring.ts';

/** What an output is: a distribution over classes (behind a softmax), a probability (behind a sigmoid), or numbers. */
export type OutputKind = 'classes' | 'probability' | 'values';

/** What the axes of a model's output are. */
export interface OutputAxes {
  readonly name: string;
  readonly kind: OutputKind;
  /** True for the logarithms of a distribution. */
  readonly isLog: boolean;
  /** Axis of the examples; undefined in a model that takes one at a time, without an axis for them. */
  readonly batchAxis: number | undefined;
  /** Axis of the classes, and their number: 1 where there are none. */
  readonly classAxis: number | undefined;
  readonly classes: number;
  /** Sizes of one example without the classes. */
  readonly places: readonly number[];
}

/** Finds the axes of an output in the whole sequences of its model. Throws SlimError where its shape does not follow. */
export function outputAxes({ model, examples, wiring }: Placed, declared: ValueInfo): OutputAxes {
  const { bound, step, lead, shape, batchAxis } = shapedOutput(model, examples, declared, wiring.batchAxis);
  const op = ending(bound, step.name).activation?.op;
  const inStep = softmaxAxis(bound, step.name, shape.length - lead.length);
  const softmaxed = inStep === undefined ? undefined : inStep + lead.length;
  const isSoftmax = op === 'Softmax' || op === 'LogSoftmax';
  // One over the examples, or over a single number, chooses no class.
  const isChoice = isSoftmax && softmaxed !== undefined && softmaxed !== batchAxis && Number(shape[softmaxed]) > 1;
  const classAxis = isChoice ? softmaxed : undefined;
  return {
    name: step.name,
    kind: isChoice ? 'classes' : op === 'Sigmoid' ? 'probability' : 'values',
    isLog: isChoice && op === 'LogSoftmax',
    batchAxis,
    classAxis,
    classes: classAxis === undefined ? 1 : Number(shape[classAxis]),
    places: shape.filter((_, axis) => axis !== batchAxis && axis !== classAxis).map(Number),
  };
}

/** Axes of an output's places, in order. */
export function placeAxes({ batchAxis, classAxis, places }: OutputAxes): number[] {
  const rank = places.length + Number(batchAxis !== undefined) + Number(classAxis !== undefined);
  return Array.from({ length: rank }, (_, axis) => axis).filter((axis) => axis !== batchAxis && axis !== classAxis);
}

/**
 * An output in float32 as rows, a place each: [R, classes], or [R] without classes; those of the first example come
 * first. Its shape must be fixed.
 */
export function placeRows(value: Value, output: OutputAxes): Value {
  const { batchAxis, classAxis, classes } = output;
  const order = [
    ...(batchAxis === undefined ? [] : [batchAxis]),
    ...placeAxes(output),
    ...(classAxis === undefined ? [] : [classAxis]),
  ];
  const turned = order.every((axis, i) => axis === i) ? value : transpose(value, order);
  const rows = reshape(turned, classes > 1 ? [-1, classes] : [-1]);
  return rows.type.elementType === 'float32' ? rows : cast(rows, 'float32');
}
