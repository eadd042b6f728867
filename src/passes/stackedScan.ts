import { graphAttribute, intAttribute, intsAttribute } from '../graph/attributes.ts';
import { GraphBuilder, isConstant, type Value } from '../graph/builder.ts';
import { scan, transpose } from '../graph/ops.ts';
import { initializersAsConstants, renameInputs, usedNames } from '../graph/rewrite.ts';
import type { Node } from '../graph/types.ts';
import { fixedIntegers, repeated, type Stacking, stackNode, stepsOf } from './stackedRules.ts';

/**
 * A node for all steps at once, a loop in it too: one loop then runs over the values of all steps. Undefined where that
 * is not known to be possible.
 */
export function stackAny(s: Stacking, node: Node): readonly Value[] | undefined {
  return node.op === 'Scan' && node.domain === '' ? stackLoop(s, node) : stackNode(s, node);
}

function stackLoop(s: Stacking, node: Node): readonly Value[] | undefined {
  const found = graphAttribute(node, 'body');
  const hasAxes = ['scan_input_axes', 'scan_output_axes'].some((key) => intsAttribute(node, key)?.some((a) => a !== 0));
  if (found === undefined || hasAxes) return undefined;
  const body = initializersAsConstants(found);
  const differing = usedNames(node).find(s.isStacked);
  const steps = differing === undefined ? undefined : stepsOf(s.value(differing));
  if (steps === undefined) return undefined;
  const stateCount = node.inputs.length - intAttribute(node, 'num_scan_inputs', 0);
  const inner = new GraphBuilder(s.b.fresh(`${body.name}_all`), s.b);
  const inside = insideLoop(s, inner, GraphBuilder.from(body, { outer: s.scope }));
  const outer = node.inputs.map((name, i) => {
    const isStacked = s.isStacked(name);
    if (i < stateCount) return isStacked ? s.value(name) : repeated(s, name, steps);
    return isStacked ? swapFirst(s.value(name)) : s.value(name);
  });
  body.inputs.forEach((info, i) => {
    const { elementType, shape } = outer[i]!.type;
    const given = inner.input(inner.fresh(info.name), elementType, i < stateCount ? shape : shape?.slice(1));
    inside.define(info.name, given, i < stateCount || s.isStacked(node.inputs[i]!));
  });
  for (const n of body.nodes) if (!inside.add(n)) return undefined;
  for (const { name } of body.outputs) {
    inner.output(inside.isStacked(name) ? inside.value(name) : repeated(inside, name, steps));
  }
  const results = scan(outer.slice(0, stateCount), outer.slice(stateCount), inner.build(), {
    reverseInputs: intsAttribute(node, 'scan_input_directions')?.map((d) => d === 1) ?? [],
    reverseOutputs: intsAttribute(node, 'scan_output_directions')?.map((d) => d === 1) ?? [],
  });
  return results.map((result, i) => (i < stateCount ? result : swapFirst(result)));
}

/** The body of a loop as it is written anew for all steps. */
export function insideLoop(s: Stacking, inner: GraphBuilder, scope: GraphBuilder) {
  const own = new Map<string, { readonly value: Value; readonly isStacked: boolean }>();
  const stacking: Stacking = {
    b: inner,
    scope,
    isStacked: (name) => own.get(name)?.isStacked ?? s.isStacked(name),
    value: (name) => own.get(name)?.value ?? s.value(name),
  };
  const define = (name: string, value: Value, isStacked: boolean) => own.set(name, { value, isStacked });
  return {
    ...stacking,
    define,
    /** Writes a node; false where it cannot be written for all steps. */
    add(node: Node): boolean {
      const used = usedNames(node);
      const fixed = isConstant(node) ? undefined : fixedIntegers(scope, node);
      if (fixed) {
        define(node.outputs[0]!, inner.constant(fixed), false);
        return true;
      }
      if (!isConstant(node) && used.some(stacking.isStacked)) {
        const results = stackAny(stacking, node);
        node.outputs.forEach((name, i) => {
          if (name !== '' && results) define(name, results[i]!, true);
        });
        return results !== undefined;
      }
      const names = new Map(used.map((name) => [name, stacking.value(name).name]));
      const outputs = node.outputs.map((name) => (name === '' ? '' : inner.fresh(name)));
      inner.addNode({ ...renameInputs(node, names), name: inner.fresh(node.op), outputs });
      node.outputs.forEach((name, i) => {
        if (name !== '') define(name, inner.value(outputs[i]!), false);
      });
      return true;
    },
  };
}

/** [S, T, …] ↔ [T, S, …] */
function swapFirst(x: Value): Value {
  return transpose(x, [1, 0, ...(x.type.shape ?? []).slice(2).map((_, i) => i + 2)]);
}
