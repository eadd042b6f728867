import { graphAttribute, intAttribute, intsAttribute } from '../../graph/attributes.ts';
import { normalizeAxis } from '../../graph/dims.ts';
import type { TensorType } from '../../graph/types.ts';
import { obstruct, operand, outputShape, type TraceContext, type TraceRule } from './context.ts';
import { FIXED, type Identities } from './identities.ts';
import { asFlow, type Flow, flow, isNone, uniform } from './traced.ts';

/**
 * A loop: what a state is after a step, it is before the next one. The body is followed until that changes nothing,
 * which takes two passes, or three where a state starts without channels (zeros).
 */
const scan: TraceRule = (c) => {
  const body = graphAttribute(c.node, 'body');
  if (body === undefined) return obstruct(c, 'it has no body');
  const stateCount = c.inputs.length - intAttribute(c.node, 'num_scan_inputs', 0);
  const inputAxes = intsAttribute(c.node, 'scan_input_axes') ?? [];
  const outputAxes = intsAttribute(c.node, 'scan_output_axes') ?? [];
  const inputs = c.inputs.map((_, i) => asFlow(operand(c, i), c.identities));
  let states = inputs.slice(0, stateCount);
  const steps: Flow[] = [];
  for (const [j, x] of inputs.slice(stateCount).entries()) {
    const axis = normalizeAxis(inputAxes[j] ?? 0, x.shape?.length ?? 0) ?? 0;
    if (x.axis === axis) return obstruct(c, 'it loops over the units');
    const shape = x.shape?.filter((_, i) => i !== axis);
    steps.push({ ...x, shape, axis: x.axis === undefined ? undefined : x.axis - (x.axis > axis ? 1 : 0) });
  }
  const elementType = (i: number) => c.inputTypes[i]?.elementType ?? 'float32';
  for (;;) {
    const before = c.identities.unions;
    const bound = [...states, ...steps];
    const types = bound.map((x, i): TensorType => ({ elementType: elementType(i), shape: x.shape }));
    const results = c.runBody(body, bound, types).map((x) => asFlow(x, c.identities));
    const next = states.map((s, i) => merge(s, results[i]!, c.identities));
    if (!next.every((s) => s !== undefined)) return obstruct(c, 'a state changes the axis that carries its units');
    const settled =
      c.identities.unions === before &&
      next.every((s, i) => s.axis === states[i]!.axis && isNone(s) === isNone(states[i]!));
    states = next;
    if (settled) {
      return c.node.outputs.map((_, i) =>
        i < stateCount ? states[i]! : stack(c, results[i]!, i, outputAxes[i - stateCount]),
      );
    }
  }
};

/** A state before and after a step as one; undefined when its channels would lie along two axes. */
function merge(state: Flow, next: Flow, identities: Identities): Flow | undefined {
  if (isNone(state)) return { ...next, shape: state.shape ?? next.shape };
  if (isNone(next)) return state;
  if (state.axis === undefined || next.axis === undefined) {
    identities.fix(state.ids);
    identities.fix(next.ids);
    return uniform(state.shape, FIXED);
  }
  if (state.axis !== next.axis || state.ids.length !== next.ids.length || state.shape === undefined) return undefined;
  return flow(state.shape, state.axis, identities.unite(state.ids, next.ids));
}

/** An output of the body with the axis of the steps. */
function stack(c: TraceContext, x: Flow, output: number, axis = 0): Flow {
  const shape = outputShape(c, output);
  const at = normalizeAxis(axis, shape?.length ?? 1) ?? 0;
  return { ...x, shape, axis: x.axis === undefined ? undefined : x.axis + (x.axis >= at ? 1 : 0) };
}

export const loopTraces: Readonly<Record<string, TraceRule>> = { Scan: scan };
