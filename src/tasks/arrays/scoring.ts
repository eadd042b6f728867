import { SlimError, UsageError } from '../../base/errors.ts';
import { didYouMean } from '../../base/suggest.ts';
import { graphAttribute, intAttribute } from '../../graph/attributes.ts';
import { GraphBuilder } from '../../graph/builder.ts';
import { formatShape, isStatic, normalizeAxis, sizeOf } from '../../graph/dims.ts';
import { inferTypes, knownTypes } from '../../graph/infer/infer.ts';
import { titleOf } from '../../graph/names.ts';
import { isDifferentiable, traits } from '../../graph/operators.ts';
import { mul, reduceSum, reshape, transpose } from '../../graph/ops.ts';
import { liveNodes, removeDeadNodes } from '../../graph/rewrite.ts';
import type { Dim, Graph, Model, Node, ValueInfo } from '../../graph/types.ts';
import { LOSS, type LossGraph, TARGETS } from '../task.ts';
import { BATCH, stepGraph } from './bound.ts';
import type { ArraysFields } from './definition.ts';
import { ending, moved } from './endings.ts';
import { type Examples, streamingStates } from './examples.ts';
import { type LossName, losses } from './losses.ts';
import { classAxisOf, outputBatchAxis } from './outputAxes.ts';

/** Input that takes the weight of each place in the loss, float32 [R]. */
export const PLACE_WEIGHTS = 'slimrnn/place_weights';
/** Output with the weighted number of right predictions; only where the loss knows right from wrong. */
export const CORRECT = 'slimrnn/correct';

/** How the scored output meets the targets. */
export interface Scored {
  readonly output: string;
  /** Axis of the examples; undefined in a model that takes one at a time, without an axis for them. */
  readonly batchAxis: number | undefined;
  /** Number of classes, and their axis in the output; undefined for losses without classes. */
  readonly classes: { readonly count: number; readonly axis: number } | undefined;
  /** Dimensions of the targets of one example. */
  readonly places: readonly number[];
}

/** Finds the scored output and how its axes meet the targets' [N, …]. Throws UsageError where they do not fit. */
export function scoredOutput(
  model: Model,
  examples: Examples,
  targetDims: readonly number[],
  config: Pick<ArraysFields, 'loss' | 'targetArray' | 'output' | 'state' | 'batchAxis' | 'classAxis'>,
): Scored {
  const found = shapedOutput(model, examples, chosenOutput(model, config), config.batchAxis);
  const { info, shape, batchAxis, bound, step, stepAxis, lead, isAlone } = found;
  const own = shape.filter((_, axis) => axis !== batchAxis);
  const places = targetDims.slice(1);
  const outer = { output: info.name, batchAxis, places };
  const says = `array '${config.targetArray}' has [${places.join(', ')}] for each example`;
  if (!losses[config.loss].classes) {
    if (withoutOnes(own) === withoutOnes(places)) return { ...outer, classes: undefined };
    throw new UsageError(
      `--loss ${config.loss} wants targets like the output '${info.name}', [${own.join(', ')}] for each example; ${says}`,
    );
  }
  const inStep = config.classAxis ?? classAxis(bound, step, stepAxis, places, examples.sequences !== undefined);
  const at = inStep === undefined ? undefined : inStep + lead.length;
  const rest = shape.filter((_, axis) => axis !== at && axis !== batchAxis);
  const isMet = isAlone ? withoutOnes(rest) === withoutOnes(places) : rest.join() === places.join();
  if (at === undefined || at === batchAxis || rest.length !== own.length - 1 || !isMet) {
    const isSame = own.join() === places.join();
    const hint = isSame ? ' (for targets like the output itself there are --loss mse and bce)' : '';
    const where = config.classAxis === undefined ? 'classes last' : `classes along axis ${config.classAxis}`;
    throw new UsageError(
      `--loss cross-entropy wants one class index for each place of the output '${info.name}', which is ` +
        `[${own.join(', ')}] for each example, ${where}; ${says}${hint}`,
    );
  }
  return { ...outer, classes: { count: Number(shape[at]), axis: at } };
}

/** An output as it stands in a bound graph: of one step, and of all of them where examples are sequences. */
export interface ShapedOutput {
  /** With the shape of a whole batch. */
  readonly info: ValueInfo;
  readonly shape: readonly Dim[];
  /** Axis of the examples; undefined in a model that takes one at a time, without an axis for them. */
  readonly batchAxis: number | undefined;
  /** The graph that sees one batch, or one step of it, and the output there. */
  readonly bound: Graph;
  readonly step: ValueInfo;
  readonly stepAxis: number | undefined;
  /** Axes that stand before those of a step: the steps, and examples that stand side by side. */
  readonly lead: readonly Dim[];
  readonly isAlone: boolean;
}

/** Finds the shape and the axis of the examples of an output. Throws SlimError where its shape does not follow. */
export function shapedOutput(
  model: Model,
  examples: Examples,
  declared: ValueInfo,
  batchAxes: Readonly<Record<string, number>> = {},
): ShapedOutput {
  const { sequences } = examples;
  const isAlone = sequences?.isAlone ?? false;
  const bound = stepGraph(model, examples, isAlone ? 1 : BATCH);
  const stepShape = inferTypes(bound)(declared.name)?.shape ?? declared.type.shape;
  const step = { ...declared, type: { ...declared.type, shape: stepShape } };
  // Outputs of all steps have the steps first, then examples that stand side by side.
  const lead: Dim[] = sequences === undefined ? [] : [sequences.steps, ...(isAlone ? [BATCH] : [])];
  const shape = stepShape && [...lead, ...stepShape];
  const info = { ...declared, type: { ...declared.type, shape } };
  const stepAxis = isAlone ? undefined : outputBatchAxis(step, examples, batchAxes);
  const batchAxis = isAlone ? 1 : stepAxis === undefined ? undefined : stepAxis + lead.length;
  const own = (shape ?? []).filter((_, axis) => axis !== batchAxis);
  if (shape === undefined || !isStatic(own)) {
    refuseHiding(bound, info.name);
    throw new SlimError(
      `the shape of output '${info.name}' does not follow from the inputs: it is ${formatShape(shape)}`,
    );
  }
  return { info, shape, batchAxis, bound, step, stepAxis, lead, isAlone };
}

/** Names the first operator before an output that has no derivative and hides the shape of what it gives. */
function refuseHiding(graph: Graph, output: string): void {
  const types = knownTypes(graph);
  const node = liveNodes(graph.nodes, [output]).find((node) => {
    const isOpen = node.outputs.some(
      (name) => name !== '' && !isStatic(types.type(name)?.shape?.filter((d) => d !== BATCH)),
    );
    return isOpen && !isDifferentiable(node) && traits(node).gradient !== 'zero';
  });
  if (node === undefined) return;
  throw new SlimError(
    `${titleOf(node)} cannot be trained through: it has no derivative here, nor is it known what it gives`,
  );
}

/** The axis of the classes in an output of one step, whose targets come without the axis of the steps. */
function classAxis(
  graph: Graph,
  info: ValueInfo,
  batchAxis: number | undefined,
  places: readonly number[],
  isSequence: boolean,
): number | undefined {
  if (!isSequence) return classAxisOf(graph, info, batchAxis, places);
  // The batch of a model that takes one example at a time.
  const single = info.type.shape?.indexOf(1) ?? -1;
  return classAxisOf(graph, info, batchAxis ?? (single < 0 ? undefined : single), places.slice(1));
}

function withoutOnes(dims: readonly Dim[]): string {
  return dims.filter((d) => d !== 1).join();
}

/** The output that is named, or the only one that is no state. */
function chosenOutput(model: Model, fields: Pick<ArraysFields, 'output' | 'state'>): ValueInfo {
  const { output: named } = fields;
  const { outputs } = model.graph;
  const names = outputs.map((o) => o.name);
  if (named !== undefined) {
    const found = outputs.find((o) => o.name === named);
    if (found) return found;
    throw new UsageError(
      `the model has no output '${named}'${didYouMean(named, names)} to score; it has ${names.join(', ')}`,
    );
  }
  const states = new Set(streamingStates(model, fields).map((s) => s.output));
  const candidates = outputs.filter((o) => !states.has(o.name));
  if (candidates.length === 1) return candidates[0]!;
  throw new UsageError(
    `the model has the outputs ${names.join(', ')}; say which one the targets are for: --target-array ARRAY=OUTPUT`,
  );
}

/**
 * A bound graph with Σ (weight of a place) · (its loss) as its first output. The rows of targets and weights are the
 * places of the first example, then those of the second, …
 */
export function scoredGraph(graph: Graph, scored: Scored, loss: LossName): Pick<LossGraph, 'graph' | 'sums' | 'notes'> {
  const { terms, classes: hasClasses } = losses[loss];
  const b = GraphBuilder.from(graph, { keepOutputs: false });
  const output = b.value(scored.output);
  if (output.type.elementType !== 'float32') {
    throw new UsageError(`output '${scored.output}' is ${output.type.elementType}; only real numbers can be scored`);
  }
  const { activation, moves } = ending(graph, scored.output);
  const names = Object.keys(losses) as LossName[];
  const fitting = activation && names.find((name) => losses[name].undoes.some((op) => op === activation.op));
  if (fitting && fitting !== loss && loss !== 'mse') {
    throw new UsageError(
      `output '${scored.output}' ends in ${activation!.op}, which --loss ${fitting} goes with, not ${loss}`,
    );
  }
  requireOutsideLoops(graph, scored.output, loss);
  const undone = fitting === loss ? activation : undefined;
  if (undone) requireOverClasses(b, undone, scored);
  const scores = undone ? moved(b, b.value(undone.inputs[0]!), moves) : output;
  const shape = scores.type.shape;
  if (!isStatic(shape)) {
    refuseHiding(graph, scored.output);
    throw new SlimError(`the shape of '${scores.name}' is ${formatShape(shape)}, which is not fixed`);
  }
  const { batchAxis } = scored;
  const rows = (batchAxis === undefined ? 1 : shape[batchAxis]!) * sizeOf(scored.places);
  const order = [
    ...(batchAxis === undefined ? [] : [batchAxis]),
    ...[...shape.keys()].filter((i) => i !== batchAxis && i !== scored.classes?.axis),
    ...(scored.classes ? [scored.classes.axis] : []),
  ];
  const turned = order.every((axis, i) => axis === i) ? scores : transpose(scores, order);
  const targets = b.input(TARGETS, hasClasses ? 'int64' : 'float32', [rows]);
  const weights = b.input(PLACE_WEIGHTS, 'float32', [rows]);
  const side = scored.classes ? [-1, scored.classes.count] : [-1];
  const { losses: each, correct } = terms(reshape(turned, side), targets);
  b.output(reduceSum(mul(each, weights)), LOSS);
  if (correct) b.output(reduceSum(mul(correct, weights)), CORRECT);
  return {
    graph: removeDeadNodes(b.build()),
    sums: correct ? { [CORRECT]: 'mean' } : {},
    notes: undone ? [`the loss takes what goes into the ${undone.op} that makes '${scored.output}'`] : [],
  };
}

/** An activation that a loop makes, because a later step reads it, cannot be taken off; refuses losses that would. */
function requireOutsideLoops(graph: Graph, output: string, loss: LossName): void {
  const { activation, value } = ending(graph, output);
  const body = activation?.op === 'Scan' ? graphAttribute(activation, 'body') : undefined;
  const made = body?.outputs[activation!.outputs.indexOf(value)];
  const inside = body && made && ending(body, made.name).activation;
  if (inside === undefined || !losses[loss].undoes.some((op) => op === inside.op)) return;
  throw new UsageError(
    `output '${output}' ends in a ${inside.op} that a later step reads again, so that --loss ${loss} cannot take what ` +
      'goes into it; use --loss mse',
  );
}

/** A softmax must run over the classes; that its axis is as long as they are many tells it apart from attention. */
function requireOverClasses(b: GraphBuilder, node: Node, { classes, output }: Scored): void {
  if (classes === undefined) return;
  const shape = b.value(node.inputs[0]!).type.shape ?? [];
  const size = shape[normalizeAxis(intAttribute(node, 'axis', -1), shape.length) ?? -1];
  if (size === classes.count) return;
  throw new UsageError(
    `output '${output}' ends in a ${node.op} over ${size} values, but has ${classes.count} classes; ` +
      'cut the model before it, or use --loss mse',
  );
}
