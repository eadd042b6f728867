import { graphAttribute, intAttribute, intsAttribute } from '../graph/attributes.ts';
import { GraphBuilder, isConstant, type Value } from '../graph/builder.ts';
import { isFloat } from '../graph/elementTypes.ts';
import { add, fullLike, scan } from '../graph/ops.ts';
import {
  capturedNames,
  initializersAsConstants,
  liveNodes,
  producers,
  renameInputs,
  usedNames,
} from '../graph/rewrite.ts';
import type { Graph, Node } from '../graph/types.ts';
import { backpropagate } from './differentiate.ts';
import { addGradients, type GradientContext, unsupported } from './rule.ts';
import { canStack, readsOther, stackedGradient } from './stacked.ts';

/*
 * The gradient of a loop, for any body. With states s, scanned inputs x, outputs y and captured weights W,
 *   (s', y_t) = body(s, x_t; W),
 * the backward loop runs over the same steps in reverse and carries ds:
 *   (ds, dx_t, dW += …) = bodyᵀ(ds', dy_t; values that the forward step saved).
 * Where W enters the body by a product or elementwise, its gradient is not summed in the loop: the loop gives out the
 * gradient of that node's output, and one operation over all steps follows (`stacked.ts`).
 */

/** A captured weight whose gradient is computed once, after the backward loop. */
interface Deferred {
  readonly c: GradientContext;
  readonly input: number;
}

/** Gradients of a Scan's inputs and of the outer values that its body captures. */
export function scanGradient(
  c: GradientContext,
  wanted: (name: string) => boolean,
): { inputs: (Value | undefined)[]; captured: Map<string, Value> } {
  const { builder: b, node } = c;
  const body = initializersAsConstants(graphAttribute(node, 'body') ?? unsupported(c, 'it has no body'));
  const scanned = intAttribute(node, 'num_scan_inputs', 0);
  const stateCount = node.inputs.length - scanned;
  for (const key of ['scan_input_axes', 'scan_output_axes']) {
    if (intsAttribute(node, key)?.some((a) => a !== 0))
      unsupported(c, `${key} other than 0 (transpose outside the loop)`);
  }
  const reversedInput = (j: number) => intsAttribute(node, 'scan_input_directions')?.[j] === 1;
  const reversedOutput = (k: number) => intsAttribute(node, 'scan_output_directions')?.[k] === 1;
  const outerCaptured = new Set([...capturedNames(body)].filter(wanted));

  // 1. Differentiate one step: forward nodes followed by gradient nodes, in one scratch graph.
  const step = GraphBuilder.from(body, { outer: b, keepOutputs: false });
  const seeds = new Map<string, Value>();
  const seed = (name: string, g: Value) => seeds.set(name, addGradients(seeds.get(name), g));
  const inputLike = (name: string, prefix: string) => {
    const { type } = step.value(name);
    return step.input(step.fresh(prefix), type.elementType, type.shape);
  };
  const stateGradients = body.outputs.slice(0, stateCount).map((output, i) => {
    if (!isFloat(step.value(output.name).type.elementType)) return undefined;
    const next = inputLike(output.name, 'd_state');
    seed(output.name, next);
    return { state: i, next };
  });
  const outputGradients = body.outputs.slice(stateCount).map((output, k) => {
    if (c.gradients[stateCount + k] === undefined) return undefined;
    const dy = inputLike(output.name, 'd_output');
    seed(output.name, dy);
    return { output: k, dy };
  });
  const deferred: Deferred[] = [];
  // Only what differs from step to step can be stacked.
  const changing = definedNames({ ...body, nodes: body.nodes.filter((n) => !isConstant(n)) });
  const wrt = [
    ...body.inputs.filter((v) => isFloat(step.value(v.name).type.elementType)).map((v) => v.name),
    ...outerCaptured,
  ];
  const gradients = backpropagate(step, body.nodes, seeds, wrt, (context, input) => {
    const name = context.node.inputs[input]!;
    if (!outerCaptured.has(name) || !canStack(context, input)) return false;
    if (!changing.has(context.node.inputs[1 - input]!)) return false;
    deferred.push({ c: context, input });
    return true;
  });
  // A weight that also enters in a way that cannot be stacked is summed in the loop, in a state of its own.
  const summed = [...outerCaptured].flatMap((name) => {
    const g = gradients.get(name);
    if (g === undefined) return [];
    const sum = inputLike(name, 'd_sum');
    return [{ name, sum, next: add(sum, g) }];
  });
  const stateOutputs = stateGradients.flatMap((s) => {
    if (s === undefined) return [];
    const g = gradients.get(body.inputs[s.state]!.name) ?? fullLike(s.next, 0);
    return [{ ...s, gradient: g }];
  });
  const inputOutputs = body.inputs.slice(stateCount).flatMap((x, j) => {
    const g = gradients.get(x.name);
    return g !== undefined && c.needs(stateCount + j) ? [{ input: j, gradient: g }] : [];
  });

  // 2. What must the forward loop save? Everything of the forward step that gradient nodes or stacked rules read.
  // Its loops have been replaced by ones that save values in their turn, so the nodes are read anew.
  const forward = step.nodes.slice(0, body.nodes.length);
  const forwardDefined = definedNames({ ...body, nodes: forward });
  const stackedNames = new Set(deferred.map((d) => d.c.gradients[0]!.name));
  const finals = [
    ...stateOutputs.map((s) => s.gradient.name),
    ...summed.map((s) => s.next.name),
    ...inputOutputs.map((x) => x.gradient.name),
    ...stackedNames,
  ];
  const backward = liveNodes(step.nodes.slice(body.nodes.length, step.nodes.length), finals);
  const made = producers(forward);
  const readInLoop = unique([...backward.flatMap(usedNames), ...finals]).filter((name) => forwardDefined.has(name));
  const readOutside = unique(
    deferred.flatMap(({ c: { node }, input }) => (readsOther(node) ? node.inputs.filter((_, i) => i !== input) : [])),
  ).filter((name) => forwardDefined.has(name));
  const isConstantName = (name: string) => {
    const maker = made.get(name);
    return maker !== undefined && isConstant(maker);
  };
  const constants = readInLoop.filter(isConstantName).map((name) => made.get(name)!);
  const saved = unique([...readInLoop, ...readOutside]).filter((name) => !isConstantName(name));

  // 3. The forward loop again, with what it must save as further outputs.
  const savedStacks = new Map<string, Value>();
  const extended = extendForward(b, c, { ...body, nodes: forward }, saved, stateCount, savedStacks, reversedOutput);
  if (extended !== node) b.replaceNode(node, extended);
  for (const [name, stack] of savedStacks) savedStacks.set(name, b.value(stack.name));

  // 4. The backward loop.
  const back = new GraphBuilder(b.fresh(`${body.name}_gradient`), b);
  const names = new Map<string, string>();
  const declare = (from: Value) => {
    const v = back.input(back.fresh(from.name), from.type.elementType, from.type.shape);
    names.set(from.name, v.name);
  };
  for (const s of stateOutputs) declare(s.next);
  for (const s of summed) declare(s.sum);
  const dys = outputGradients.flatMap((o) => (o === undefined ? [] : [o]));
  for (const o of dys) declare(o.dy);
  const loopSaved = readInLoop.filter((name) => !isConstantName(name));
  for (const name of loopSaved) declare(step.value(name));
  for (const constant of constants) {
    const output = back.fresh('saved_constant');
    back.addNode({ ...constant, name: output, outputs: [output] });
    names.set(constant.outputs[0]!, output);
  }
  for (const n of backward) back.addNode(renameInputs(n, names));
  const emit = (name: string) => back.output(back.value(names.get(name) ?? name));
  for (const s of stateOutputs) emit(s.gradient.name);
  for (const s of summed) emit(s.next.name);
  for (const x of inputOutputs) emit(x.gradient.name);
  for (const name of stackedNames) emit(name);
  const results = scan(
    [
      ...stateOutputs.map((s) => c.gradients[s.state] ?? fullLike(c.inputs[s.state]!, 0)),
      ...summed.map((s) => fullLike(b.value(s.name), 0)),
    ],
    [...dys.map((o) => c.gradients[stateCount + o.output]!), ...loopSaved.map((name) => savedStacks.get(name)!)],
    back.build(),
    {
      reverseInputs: [...dys.map((o) => !reversedOutput(o.output)), ...loopSaved.map(() => true)],
      reverseOutputs: [...inputOutputs.map((x) => !reversedInput(x.input)), ...[...stackedNames].map(() => true)],
    },
  );

  // 5. Hand out the results.
  const inputs: (Value | undefined)[] = node.inputs.map(() => undefined);
  const captured = new Map<string, Value>();
  let at = 0;
  for (const s of stateOutputs) inputs[s.state] = results[at++];
  for (const s of summed) captured.set(s.name, results[at++]!);
  for (const x of inputOutputs) inputs[stateCount + x.input] = results[at++];
  const stacks = new Map([...stackedNames].map((name) => [name, results[at++]!]));
  for (const d of deferred) {
    const name = d.c.node.inputs[d.input]!;
    const isRead = (i: number) => i === d.input || readsOther(d.c.node);
    const operands = d.c.node.inputs.map((operand, i) =>
      isRead(i) ? (savedStacks.get(operand) ?? b.value(operand)) : undefined,
    );
    const g = stackedGradient(b, d.c, d.input, operands, stacks.get(d.c.gradients[0]!.name)!);
    captured.set(name, addGradients(captured.get(name), g));
  }
  return { inputs, captured };
}

function definedNames(body: Graph): Set<string> {
  return new Set([...body.inputs.map((v) => v.name), ...body.nodes.flatMap((n) => n.outputs)]);
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)];
}

/** The forward Scan with `saved` values as further stacked outputs, in the order of its steps. */
function extendForward(
  b: GraphBuilder,
  c: GradientContext,
  body: Graph,
  saved: readonly string[],
  stateCount: number,
  stacks: Map<string, Value>,
  reversedOutput: (k: number) => boolean,
): Node {
  const { node } = c;
  const nodes = [...body.nodes];
  const outputs = [...body.outputs];
  const outputNames = [...node.outputs];
  const scope = GraphBuilder.from(body, { outer: b });
  for (const name of saved) {
    const k = body.outputs.findIndex(
      (o, i) => i >= stateCount && o.name === name && node.outputs[i] !== '' && !reversedOutput(i - stateCount),
    );
    if (k >= 0) {
      stacks.set(name, b.value(node.outputs[k]!));
      continue;
    }
    const isComputed = body.nodes.some((n) => n.outputs.includes(name)) && !body.outputs.some((o) => o.name === name);
    const copy = isComputed ? name : b.fresh(`${name}_saved`);
    if (!isComputed) {
      nodes.push({ op: 'Identity', domain: '', name: copy, inputs: [name], outputs: [copy], attributes: {} });
    }
    outputs.push({ name: copy, type: scope.value(name).type });
    const stack = b.fresh(`${name}_steps`);
    outputNames.push(stack);
    stacks.set(name, { name: stack, type: scope.value(name).type, builder: b });
  }
  if (
    outputs.length === body.outputs.length &&
    body.nodes.every((n, i) => n === graphAttribute(node, 'body')?.nodes[i])
  ) {
    return node;
  }
  const directions = intsAttribute(node, 'scan_output_directions');
  const added = outputs.length - body.outputs.length;
  return {
    ...node,
    outputs: outputNames,
    attributes: {
      ...node.attributes,
      body: { type: 'graph', value: { ...body, nodes, outputs } },
      ...(directions && {
        scan_output_directions: { type: 'ints', value: [...directions, ...new Array<number>(added).fill(0)] },
      }),
    },
  };
}
