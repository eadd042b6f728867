import { graphAttribute, intAttribute, intsAttribute } from '../graph/attributes.ts';
import { GraphBuilder, isConstant, type Value } from '../graph/builder.ts';
import { isFloat } from '../graph/elementTypes.ts';
import { add, fullLike } from '../graph/ops.ts';
import { capturedNames, initializersAsConstants, liveNodes, producers, usedNames } from '../graph/rewrite.ts';
import type { Graph, Node } from '../graph/types.ts';
import { addGradients, type GradientContext, unsupported } from './rule.ts';
import { canStack, readsOther } from './stacked.ts';

/** A loop that is differentiated. */
export interface ScanLoop {
  /** What the loop stands in, and its gradient goes to. */
  readonly builder: GraphBuilder;
  readonly node: Node;
  readonly body: Graph;
  /** Inputs and outputs of the body that are carried states; they come first. */
  readonly stateCount: number;
  /** Names that the body captures whose gradients are asked for. */
  readonly captured: ReadonlySet<string>;
  isInputReversed(scanned: number): boolean;
  isOutputReversed(stacked: number): boolean;
}

/** Looks at the loop of a Scan node. Throws SlimError where it has no gradient here. */
export function scanLoop(c: GradientContext): ScanLoop {
  const { builder, node } = c;
  const body = initializersAsConstants(graphAttribute(node, 'body') ?? unsupported(c, 'it has no body'));
  for (const key of ['scan_input_axes', 'scan_output_axes']) {
    if (intsAttribute(node, key)?.some((a) => a !== 0))
      unsupported(c, `${key} other than 0 (transpose outside the loop)`);
  }
  return {
    builder,
    node,
    body,
    stateCount: node.inputs.length - intAttribute(node, 'num_scan_inputs', 0),
    captured: new Set([...capturedNames(body)].filter((name) => c.wants(name))),
    isInputReversed: (j) => intsAttribute(node, 'scan_input_directions')?.[j] === 1,
    isOutputReversed: (k) => intsAttribute(node, 'scan_output_directions')?.[k] === 1,
  };
}

/** The gradient of one step: forward nodes followed by gradient nodes, in one scratch graph. */
export interface StepGradient {
  readonly step: GraphBuilder;
  /** Gradients of the states: `next` comes in from the step behind, `gradient` goes to the step before. */
  readonly states: readonly { readonly state: number; readonly next: Value; readonly gradient: Value }[];
  /** Gradients that come in of outputs that the loop stacks. */
  readonly outputs: readonly { readonly output: number; readonly dy: Value }[];
  /** Gradients of captured values that are summed over the steps: `sum` so far, and `next`. */
  readonly sums: readonly { readonly name: string; readonly sum: Value; readonly next: Value }[];
  /** Gradients of scanned inputs. */
  readonly inputs: readonly { readonly input: number; readonly gradient: Value }[];
  /** Captured weights whose gradients are computed once, after the backward loop. */
  readonly deferred: readonly { readonly c: GradientContext; readonly input: number }[];
  /** Gradients of values of this step that the deferred gradients need of all steps, by name. */
  readonly stacked: readonly string[];
}

/** Differentiates one step of a loop. */
export function stepGradient(c: GradientContext, loop: ScanLoop): StepGradient {
  const { body, stateCount, captured } = loop;
  const step = GraphBuilder.from(body, { outer: loop.builder, keepOutputs: false });
  const isReal = (name: string) => isFloat(step.value(name).type.elementType);
  const inputLike = (name: string, prefix: string) => {
    const { type } = step.value(name);
    return step.input(step.fresh(prefix), type.elementType, type.shape);
  };
  const seeds = new Map<string, Value>();
  const seed = (name: string, g: Value) => seeds.set(name, addGradients(seeds.get(name), g));
  const ends = body.outputs.slice(0, stateCount).flatMap(({ name }, state) => {
    if (!isReal(name)) return [];
    const next = inputLike(name, 'd_state');
    seed(name, next);
    return [{ state, next }];
  });
  const outputs = body.outputs.slice(stateCount).flatMap(({ name }, output) => {
    if (c.gradients[stateCount + output] === undefined) return [];
    const dy = inputLike(name, 'd_output');
    seed(name, dy);
    return [{ output, dy }];
  });
  const deferred: { c: GradientContext; input: number }[] = [];
  // Only what differs from step to step can be stacked.
  const changing = definedNames({ ...body, nodes: body.nodes.filter((n) => !isConstant(n)) });
  const wrt = [...body.inputs.map((v) => v.name).filter(isReal), ...captured];
  const gradients = c.backpropagate(step, body.nodes, seeds, wrt, (context, input) => {
    if (!captured.has(context.node.inputs[input]!) || !canStack(context, input)) return false;
    if (!changing.has(context.node.inputs[1 - input]!)) return false;
    deferred.push({ c: context, input });
    return true;
  });
  // A weight that also enters in a way that cannot be stacked is summed in the loop, in a state of its own.
  const sums = [...captured].flatMap((name) => {
    const g = gradients.get(name);
    if (g === undefined) return [];
    const sum = inputLike(name, 'd_sum');
    return [{ name, sum, next: add(sum, g) }];
  });
  const states = ends.map((s) => {
    return { ...s, gradient: gradients.get(body.inputs[s.state]!.name) ?? fullLike(s.next, 0) };
  });
  const inputs = body.inputs.slice(stateCount).flatMap((x, input) => {
    const g = gradients.get(x.name);
    return g !== undefined && c.needs(stateCount + input) ? [{ input, gradient: g }] : [];
  });
  const stacked = unique(deferred.map((d) => d.c.gradients[0]!.name));
  return { step, states, outputs, sums, inputs, deferred, stacked };
}

export type StepReads = ReturnType<typeof stepReads>;

/**
 * The nodes of a step and its gradient, what the gradient reads of the step in the loop (constants apart), and what the
 * forward loop must save: that and what deferred gradients read of all steps. Loops in the step have been replaced by
 * ones that save values in their turn, so the nodes are read anew.
 */
export function stepReads({ body }: ScanLoop, gradient: StepGradient) {
  const { step, states, sums, inputs, deferred, stacked } = gradient;
  const forward = step.nodes.slice(0, body.nodes.length);
  const defined = definedNames({ ...body, nodes: forward });
  const finals = [
    ...states.map((s) => s.gradient.name),
    ...sums.map((s) => s.next.name),
    ...inputs.map((x) => x.gradient.name),
    ...stacked,
  ];
  const backward = liveNodes(step.nodes.slice(body.nodes.length), finals);
  const made = producers(forward);
  const constantNamed = (name: string) => {
    const maker = made.get(name);
    return maker !== undefined && isConstant(maker) ? maker : undefined;
  };
  const read = unique([...backward.flatMap(usedNames), ...finals]).filter((name) => defined.has(name));
  const readOutside = unique(
    deferred.flatMap(({ c: { node }, input }) => (readsOther(node) ? node.inputs.filter((_, i) => i !== input) : [])),
  ).filter((name) => defined.has(name));
  return {
    forward,
    backward,
    inLoop: read.filter((name) => !constantNamed(name)),
    constants: read.flatMap((name) => constantNamed(name) ?? []),
    saved: unique([...read, ...readOutside]).filter((name) => !constantNamed(name)),
  };
}

function definedNames(body: Graph): Set<string> {
  return new Set([...body.inputs.map((v) => v.name), ...body.nodes.flatMap((n) => n.outputs)]);
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)];
}
