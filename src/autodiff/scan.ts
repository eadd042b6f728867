import { attribute, identityNode, intsAttribute } from '../graph/attributes.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { fullLike, scan } from '../graph/ops.ts';
import { renameInputs } from '../graph/rewrite.ts';
import type { Graph } from '../graph/types.ts';
import { addGradients, type GradientRules } from './rule.ts';
import { type ScanLoop, type StepGradient, type StepReads, scanLoop, stepGradient, stepReads } from './scanStep.ts';
import { readsOther, stackedGradient } from './stacked.ts';

/*
 * The gradient of a loop, for any body. With states s, scanned inputs x, outputs y and captured weights W,
 *   (s', y_t) = body(s, x_t; W),
 * the backward loop runs over the same steps in reverse and carries ds:
 *   (ds, dx_t, dW += …) = bodyᵀ(ds', dy_t; values that the forward step saved).
 * Where W enters the body by a product or elementwise, its gradient is not summed in the loop: the loop gives out the
 * gradient of that node's output, and one operation over all steps follows (`stacked.ts`).
 */

/**
 * The forward loop with `saved` values as further stacked outputs; its steps are now these nodes of `body`. Returns the
 * values of all steps [T, …] by the name of the value in the body.
 */
function saveInForward(loop: ScanLoop, body: Graph, saved: readonly string[]): ReadonlyMap<string, Value> {
  const { builder: b, node, stateCount } = loop;
  const nodes = [...body.nodes];
  const outputs = [...body.outputs];
  const outputNames = [...node.outputs];
  const stacks = new Map<string, string>();
  const scope = GraphBuilder.from(body, { outer: b });
  for (const name of saved) {
    const k = body.outputs.findIndex(
      (o, i) => i >= stateCount && o.name === name && node.outputs[i] !== '' && !loop.isOutputReversed(i - stateCount),
    );
    if (k >= 0) {
      stacks.set(name, node.outputs[k]!);
      continue;
    }
    const isComputed = body.nodes.some((n) => n.outputs.includes(name)) && !body.outputs.some((o) => o.name === name);
    const copy = isComputed ? name : b.fresh(`${name}_saved`);
    if (!isComputed) nodes.push(identityNode(name, copy));
    outputs.push({ name: copy, type: scope.value(name).type });
    const stack = b.fresh(`${name}_steps`);
    outputNames.push(stack);
    stacks.set(name, stack);
  }
  const added = outputs.length - body.outputs.length;
  if (added > 0 || body.nodes.some((n, i) => n !== loop.body.nodes[i])) {
    const directions = intsAttribute(node, 'scan_output_directions');
    const attributes = {
      ...node.attributes,
      body: { type: 'graph', value: { ...body, nodes, outputs } } as const,
      ...(directions && { scan_output_directions: attribute([...directions, ...new Array<number>(added).fill(0)]) }),
    };
    b.replaceNode(node, { ...node, outputs: outputNames, attributes });
  }
  return new Map([...stacks].map(([name, stack]) => [name, b.value(stack)]));
}

/** A gradient that the backward loop gives out of all steps, in the forward loop's order or against it. */
interface GradientStack {
  readonly name: string;
  /** The scan that gives it out writes from the last step to the first. */
  readonly isReversed: boolean;
}

/** The stacks that scanned inputs and deferred gradients ask for, each once, and the place of each of theirs. */
function gradientStacks(loop: ScanLoop, { inputs, stacked }: StepGradient) {
  const stacks: GradientStack[] = [];
  const place = (name: string, isReversed: boolean): number => {
    const known = stacks.findIndex((stack) => stack.name === name && stack.isReversed === isReversed);
    return known >= 0 ? known : stacks.push({ name, isReversed }) - 1;
  };
  const ofInputs = inputs.map((x) => place(x.gradient.name, !loop.isInputReversed(x.input)));
  const ofDeferred = stacked.map((name) => place(name, true));
  return { stacks, ofInputs, ofDeferred };
}

/** One step of the backward loop. */
function backwardBody(
  { builder: b, body }: ScanLoop,
  { step, states, sums, outputs }: StepGradient,
  reads: StepReads,
  stacks: readonly GradientStack[],
): Graph {
  const back = new GraphBuilder(b.fresh(`${body.name}_gradient`), b);
  const names = new Map<string, string>();
  const declare = (from: Value) => {
    const v = back.input(back.fresh(from.name), from.type.elementType, from.type.shape);
    names.set(from.name, v.name);
  };
  for (const s of states) declare(s.next);
  for (const s of sums) declare(s.sum);
  for (const o of outputs) declare(o.dy);
  for (const name of reads.inLoop) declare(step.value(name));
  for (const constant of reads.constants) {
    const output = back.fresh('saved_constant');
    back.addNode({ ...constant, name: output, outputs: [output] });
    names.set(constant.outputs[0]!, output);
  }
  for (const n of reads.backward) back.addNode(renameInputs(n, names));
  const emit = (name: string) => back.output(back.value(names.get(name) ?? name));
  for (const s of states) emit(s.gradient.name);
  for (const s of sums) emit(s.next.name);
  for (const { name } of stacks) emit(name);
  return back.build();
}

export const scanGradients = {
  /** Gradients of a Scan's inputs; those of the outer values that its body captures are added where they belong. */
  Scan: (c) => {
    const loop = scanLoop(c);
    const gradient = stepGradient(c, loop);
    const reads = stepReads(loop, gradient);
    const saved = saveInForward(loop, { ...loop.body, nodes: reads.forward }, reads.saved);
    const { builder: b, stateCount } = loop;
    const { states, sums, inputs, outputs, stacked } = gradient;
    const { stacks, ofInputs, ofDeferred } = gradientStacks(loop, gradient);
    const backward = backwardBody(loop, gradient, reads, stacks);
    const initial = [
      ...states.map((s) => c.gradients[s.state] ?? fullLike(c.inputs[s.state]!, 0)),
      ...sums.map((s) => fullLike(b.value(s.name), 0)),
    ];
    const scanned = [
      ...outputs.map((o) => c.gradients[stateCount + o.output]!),
      ...reads.inLoop.map((name) => saved.get(name)!),
    ];
    // Gradients of the states, sums for captured values, then for all steps [T, …] those of scanned inputs and the rest.
    const results = scan(initial, scanned, backward, {
      reverseInputs: [...outputs.map((o) => !loop.isOutputReversed(o.output)), ...reads.inLoop.map(() => true)],
      reverseOutputs: stacks.map(({ isReversed }) => isReversed),
    });
    const found: (Value | undefined)[] = loop.node.inputs.map(() => undefined);
    const captured = new Map<string, Value>();
    const ofSteps = results.slice(states.length + sums.length);
    states.forEach((s, i) => {
      found[s.state] = results[i];
    });
    sums.forEach((s, i) => {
      captured.set(s.name, results[states.length + i]!);
    });
    inputs.forEach((x, i) => {
      found[stateCount + x.input] = ofSteps[ofInputs[i]!];
    });
    const deferred = new Map(stacked.map((name, i) => [name, ofSteps[ofDeferred[i]!]!]));
    for (const { c: inside, input } of gradient.deferred) {
      const name = inside.node.inputs[input]!;
      const isRead = (i: number) => i === input || readsOther(inside.node);
      const operands = inside.node.inputs.map((operand, i) =>
        isRead(i) ? (saved.get(operand) ?? b.value(operand)) : undefined,
      );
      const stack = deferred.get(inside.gradients[0]!.name)!;
      const g = stackedGradient(b, inside, input, operands, stack);
      captured.set(name, addGradients(captured.get(name), g));
    }
    for (const [name, g] of captured) c.addToCaptured(name, g);
    return found;
  },
} satisfies GradientRules;
