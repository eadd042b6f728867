import { graphAttribute, intAttribute, intsAttribute } from '../attributes.ts';
import type { Rules } from '../rules.ts';
import type { Dim, Graph, TensorType } from '../types.ts';
import { axisOf, canEqual, fail, type InferContext, type InferRule, inputType } from './context.ts';

function bodyOf(c: InferContext, attribute: string): Graph {
  return graphAttribute(c.node, attribute) ?? fail(c, `the ${attribute} is missing`);
}

/** Operator set 8 of Scan: sequence lengths come first, all else has a batch axis in front that the body does not see. */
export function scansBatches(node: InferContext['node'], body: Graph): boolean {
  return node.inputs.length === body.inputs.length + 1;
}

/** Scan: N loop states, M scanned inputs → N final states and K outputs stacked over the steps. */
const scan: InferRule = (c) => {
  const body = bodyOf(c, 'body');
  const batched = scansBatches(c.node, body);
  const inputs = c.inputs.map((_, i) => i).slice(batched ? 1 : 0);
  const scanned = intAttribute(c.node, 'num_scan_inputs', 0);
  const states = inputs.length - scanned;
  if (states < 0 || scanned < 0 || body.inputs.length !== inputs.length) {
    fail(c, `the body takes ${body.inputs.length} inputs, the Scan has ${inputs.length}`);
  }
  if (body.outputs.length !== c.node.outputs.length || body.outputs.length < states) {
    fail(c, `the body gives ${body.outputs.length} outputs, the Scan names ${c.node.outputs.length}`);
  }
  const inputAxes = intsAttribute(c.node, 'scan_input_axes') ?? [];
  const outputAxes = intsAttribute(c.node, 'scan_output_axes') ?? [];
  let batch: Dim | undefined;
  let steps: Dim | undefined;
  const bodyInputs = inputs.map((input, i): TensorType => {
    let { elementType, shape } = inputType(c, input);
    if (shape === undefined) return { elementType, shape };
    if (batched) {
      batch ??= shape[0];
      shape = shape.slice(1);
    }
    if (i < states) return { elementType, shape };
    const axis = axisOf(c, inputAxes[i - states] ?? 0, shape.length);
    if (steps !== undefined && !canEqual(c, steps, shape[axis]!)) fail(c, `${steps} and ${shape[axis]} steps to scan`);
    steps ??= shape[axis]!;
    return { elementType, shape: shape.filter((_, a) => a !== axis) };
  });
  return c.inferBody(body, bodyInputs).map((type, i) => {
    const shape = i < states ? (bodyInputs[i]!.shape ?? type.shape) : type.shape;
    // A state keeps its size from step to step.
    if (i < states) for (const [a, size] of (type.shape ?? []).entries()) c.meet(shape?.[a] ?? size, size);
    if (shape === undefined) return type;
    const out = [...shape];
    if (i >= states) {
      out.splice(axisOf(c, outputAxes[i - states] ?? 0, type.shape!.length + 1), 0, steps ?? c.freshDim());
    }
    return { elementType: type.elementType, shape: batched ? [batch ?? c.freshDim(), ...out] : out };
  });
};

/** Loop: (trip count, condition, states) → final states and outputs stacked over the steps. */
const loop: InferRule = (c) => {
  const body = bodyOf(c, 'body');
  const states = c.inputs.length - 2;
  if (states < 0 || body.inputs.length !== states + 2) {
    fail(c, `the body takes ${body.inputs.length} inputs, the Loop has ${c.inputs.length}`);
  }
  if (body.outputs.length !== c.node.outputs.length + 1 || c.node.outputs.length < states) {
    fail(c, `the body gives ${body.outputs.length} outputs, the Loop names ${c.node.outputs.length}`);
  }
  const counter: TensorType = { elementType: 'int64', shape: [] };
  const condition: TensorType = { elementType: 'bool', shape: [] };
  let types = Array.from({ length: states }, (_, i) => inputType(c, i + 2));
  // Unlike those of a Scan, the states may change their sizes (a list that grows): what differs is not known.
  for (;;) {
    const outputs = c.inferBody(body, [counter, condition, ...types]).slice(1);
    const widened = types.map((t, i) => common(t, outputs[i]!, c));
    if (widened.every((t, i) => t === types[i])) {
      const trips = c.ints(0)?.[0];
      const steps = typeof trips === 'number' && !c.inputs[1] ? Math.max(0, trips) : c.freshDim();
      return outputs.map((type, i) => {
        if (i < states) return types[i]!;
        return { elementType: type.elementType, shape: type.shape && [steps, ...type.shape] };
      });
    }
    types = widened;
  }
};

/** What two types have in common; the first itself when it says no more than the second. */
function common(a: TensorType, b: TensorType, c: InferContext): TensorType {
  if (a.shape === undefined) return a;
  if (b.shape === undefined || b.shape.length !== a.shape.length) return { ...a, shape: undefined };
  const isFree = (d: Dim) => typeof d === 'string' && d.startsWith('?');
  if (a.shape.every((d, i) => d === b.shape![i] || isFree(d))) return a;
  return { ...a, shape: a.shape.map((d, i) => (d === b.shape![i] || isFree(d) ? d : c.freshDim())) };
}

/** If: what both branches agree on; a branch that is known not to be taken does not count. */
const branch: InferRule = (c) => {
  const taken = takenBranches(c.node, c.ints(0)).map((name) => bodyOf(c, name));
  const [first, second] = taken.map((body) => {
    if (body.inputs.length > 0 || body.outputs.length !== c.node.outputs.length) {
      fail(c, `a branch gives ${body.outputs.length} outputs, the If names ${c.node.outputs.length}`);
    }
    return c.inferBody(body, [], true);
  });
  if (first === undefined) fail(c, 'it has no branches');
  return second === undefined ? first : first.map((type, i) => common(type, second[i]!, c));
};

/** Names of the branches of an If that may be taken, given what is known of its condition. */
export function takenBranches(node: InferContext['node'], condition: readonly Dim[] | undefined): string[] {
  const [known] = condition ?? [];
  if (known === 1) return ['then_branch'];
  return known === 0 ? ['else_branch'] : ['then_branch', 'else_branch'].filter((name) => graphAttribute(node, name));
}

/** Shapes of operators with graphs inside. */
export const controlShapes = { Scan: scan, Loop: loop, If: branch } satisfies Rules<InferRule>;
