import { SlimError } from '../base/errors.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { isFloat } from '../graph/elementTypes.ts';
import { traits } from '../graph/operators.ts';
import { fullLike } from '../graph/ops.ts';
import { usedNames } from '../graph/rewrite.ts';
import { ruleFor } from '../graph/rules.ts';
import type { Graph, Node } from '../graph/types.ts';
import { branchGradients } from './branch.ts';
import { convolutionGradients } from './convolution.ts';
import { elementwiseGradients } from './elementwise.ts';
import { indexingGradients } from './indexing.ts';
import { matrixGradients } from './matrix.ts';
import { movementGradients } from './movement.ts';
import { normalizationGradients } from './normalization.ts';
import { reduceGradients } from './reduce.ts';
import { addGradients, type Backpropagate, type Differentiable, type GradientRule, gradientContext } from './rule.ts';
import { scanGradients } from './scan.ts';

const rules = {
  ...elementwiseGradients,
  ...matrixGradients,
  ...movementGradients,
  ...reduceGradients,
  ...indexingGradients,
  ...normalizationGradients,
  ...convolutionGradients,
  ...scanGradients,
  ...branchGradients,
} satisfies Readonly<Record<Differentiable, GradientRule>>;

/** Operators that have a gradient, for documentation and tests. */
export const differentiableOperators: readonly string[] = Object.keys(rules).sort();

/**
 * Reverse-mode differentiation: adds to the graph the gradient of a scalar `loss` with respect to each value in `wrt`,
 * as outputs that `gradients` names. Throws when an operator between `wrt` and `loss` has no gradient rule.
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

const backpropagate: Backpropagate = (b, nodes, seeds, wrt, defer = () => false) => {
  const active = dependents(b, nodes, wrt);
  const gradients = new Map(seeds);
  const accumulate = (name: string, g: Value) => {
    gradients.set(name, addGradients(gradients.get(name), g));
  };
  const valueNamed = (name: string) => (name === '' ? undefined : b.value(name));
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i]!;
    const outputGradients = node.outputs.map((name) => gradients.get(name));
    if (outputGradients.every((g) => g === undefined) || !usedNames(node).some((name) => active.has(name))) continue;
    if (traits(node).gradient === 'zero') continue;
    const deferred = new Set<number>();
    const context = gradientContext({
      builder: b,
      node,
      inputs: node.inputs.map(valueNamed),
      outputs: node.outputs.map(valueNamed),
      gradients: outputGradients,
      needs: (input) => active.has(node.inputs[input] ?? '') && !deferred.has(input),
      wants: (name) => active.has(name),
      addToCaptured: accumulate,
      backpropagate,
    });
    node.inputs.forEach((name, input) => {
      if (active.has(name) && defer(context, input)) deferred.add(input);
    });
    const captures = usedNames(node).some((name) => active.has(name) && !node.inputs.includes(name));
    if (!captures && node.inputs.every((_, input) => !context.needs(input))) continue;
    ruleOf(node)(context).forEach((g, input) => {
      if (g !== undefined && context.needs(input)) accumulate(node.inputs[input]!, g);
    });
  }
  return gradients;
};

function ruleOf(node: Node): GradientRule {
  const rule = ruleFor<GradientRule>(rules, node);
  if (rule !== undefined) return rule;
  const operator = node.domain === '' ? node.op : `${node.domain}.${node.op}`;
  const title = `${operator} '${node.name || node.outputs[0]}'`;
  if (operator === 'Loop') {
    throw new SlimError(
      `cannot differentiate ${title}: a loop is trained where its number of steps is given before it starts, no ` +
        'condition ends it earlier, and its states keep their shapes; write it so, or as a Scan',
    );
  }
  const known = differentiableOperators.join(', ');
  throw new SlimError(`cannot differentiate ${title}: no gradient rule; known: ${known}`);
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
