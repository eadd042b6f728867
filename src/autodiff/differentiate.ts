import { SlimError } from '../base/errors.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { isFloat } from '../graph/elementTypes.ts';
import { fullLike } from '../graph/ops.ts';
import { usedNames } from '../graph/rewrite.ts';
import type { Graph, Node } from '../graph/types.ts';
import { activationGradients } from './activations.ts';
import { convolutionGradients } from './convolution.ts';
import { elementwiseGradients } from './elementwise.ts';
import { indexingGradients } from './indexing.ts';
import { matrixGradients } from './matrix.ts';
import { movementGradients } from './movement.ts';
import { normalizationGradients } from './normalization.ts';
import { reduceGradients } from './reduce.ts';
import { addGradients, type GradientContext, type GradientRule } from './rule.ts';
import { scanGradient } from './scan.ts';
import { sequenceGradients } from './sequence.ts';

const rules: Readonly<Record<string, GradientRule>> = {
  ...elementwiseGradients,
  ...matrixGradients,
  ...movementGradients,
  ...reduceGradients,
  ...indexingGradients,
  ...activationGradients,
  ...normalizationGradients,
  ...convolutionGradients,
  ...sequenceGradients,
};

/** Operators whose outputs do not change smoothly with their inputs: no gradient passes, and none is missed. */
const flat = new Set(
  (
    'Shape Size Equal Greater GreaterOrEqual Less LessOrEqual Not And Or Xor Sign Floor Ceil Round ArgMax ArgMin ' +
    'IsNaN IsInf Hardmax'
  ).split(' '),
);

/** Operators that have a gradient, for documentation and tests. */
export const differentiableOperators: readonly string[] = [...Object.keys(rules), 'Scan'].sort();

/**
 * Reverse-mode differentiation: adds to the graph the gradient of a scalar `loss` with respect to each value in `wrt`.
 * The result computes everything that the graph did, plus one output per gradient named by `gradients`.
 * Throws when an operator between `wrt` and `loss` has no gradient rule.
 */
export function differentiate(
  graph: Graph,
  loss: string,
  wrt: readonly string[],
): { graph: Graph; gradients: ReadonlyMap<string, string> } {
  const b = GraphBuilder.from(graph);
  const shape = b.value(loss).type.shape;
  if (shape?.length !== 0)
    throw new SlimError(`the loss '${loss}' must be a scalar, but has shape [${shape ?? 'unknown'}]`);
  const found = backpropagate(b, graph.nodes, new Map([[loss, b.float(1)]]), wrt);
  const gradients = new Map<string, string>();
  for (const name of wrt) {
    const value = found.get(name) ?? fullLike(b.value(name), 0);
    const output = `gradient/${name}`;
    b.output(value, output);
    gradients.set(name, output);
  }
  return { graph: b.build(), gradients };
}

/** Leaves the gradient of one input to the caller: a loop computes it once outside instead of at every step. */
export type Defer = (c: GradientContext, input: number) => boolean;

/**
 * The reverse sweep over `nodes`, whose values live in `b`: from gradients of some values (`seeds`) to the gradients of
 * `wrt`, as new nodes of `b`. Gradients of a value that is used several times are summed.
 */
export function backpropagate(
  b: GraphBuilder,
  nodes: readonly Node[],
  seeds: ReadonlyMap<string, Value>,
  wrt: Iterable<string>,
  defer: Defer = () => false,
): Map<string, Value> {
  const active = dependents(b, nodes, wrt);
  const gradients = new Map(seeds);
  const accumulate = (name: string, g: Value) => gradients.set(name, addGradients(gradients.get(name), g));
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i]!;
    const outputGradients = node.outputs.map((name) => gradients.get(name));
    if (outputGradients.every((g) => g === undefined) || !usedNames(node).some((name) => active.has(name))) continue;
    if (flat.has(node.op)) continue;
    const deferred = new Set<number>();
    const context: GradientContext = {
      builder: b,
      node,
      inputs: node.inputs.map((name) => (name === '' ? undefined : b.value(name))),
      outputs: node.outputs.map((name) => (name === '' ? undefined : b.value(name))),
      gradients: outputGradients,
      needs: (input) => active.has(node.inputs[input] ?? '') && !deferred.has(input),
    };
    node.inputs.forEach((name, input) => {
      if (active.has(name) && defer(context, input)) deferred.add(input);
    });
    if (node.op === 'Scan') {
      const { inputs, captured } = scanGradient(context, (name) => active.has(name));
      for (const [name, g] of captured) accumulate(name, g);
      distribute(node, inputs, context, accumulate);
      continue;
    }
    const captures = usedNames(node).some((name) => active.has(name) && !node.inputs.includes(name));
    if (!captures && node.inputs.every((_, input) => !context.needs(input))) continue;
    const rule = node.domain === '' ? rules[node.op] : undefined;
    if (rule === undefined) {
      const known = differentiableOperators.join(', ');
      const operator = node.domain === '' ? node.op : `${node.domain}.${node.op}`;
      const name = node.name || node.outputs[0];
      throw new SlimError(`cannot differentiate ${operator} '${name}': no gradient rule; known: ${known}`);
    }
    distribute(node, rule(context), context, accumulate);
  }
  return gradients;
}

function distribute(
  node: Node,
  inputGradients: readonly (Value | undefined)[],
  c: GradientContext,
  accumulate: (name: string, g: Value) => void,
): void {
  inputGradients.forEach((g, input) => {
    if (g !== undefined && c.needs(input)) accumulate(node.inputs[input]!, g);
  });
}

/** Values that change when `wrt` does, floats only. */
function dependents(b: GraphBuilder, nodes: readonly Node[], wrt: Iterable<string>): Set<string> {
  const active = new Set(wrt);
  for (const node of nodes) {
    if (!usedNames(node).some((name) => active.has(name))) continue;
    for (const name of node.outputs) if (name !== '' && isFloat(b.value(name).type.elementType)) active.add(name);
  }
  return active;
}
