import { constantTensor, graphAttribute, intAttribute, stringAttribute } from '../graph/attributes.ts';
import { knownTypes } from '../graph/infer/infer.ts';
import { moves, traits } from '../graph/operators.ts';
import { initializersAsConstants } from '../graph/rewrite.ts';
import { type Rules, ruleFor } from '../graph/rules.ts';
import type { Graph, Node, Tensor } from '../graph/types.ts';
import type { TrainingGraph } from './compile.ts';

/*
 * Weights that no training moves, whatever the data: the loss does not depend on them, or they are multiplied by states
 * that are always 0, as those of a model of one step are that runs for one step only.
 */

/** At most so many weights are named in a note. */
const MOST_NAMED = 12;

/** Trained weights whose gradient is 0 for any data, given inputs that are always fed zeros. */
export function weightsWithoutGradient(plan: TrainingGraph, zeroInputs: readonly string[]): string[] {
  const isZero = zeroValues(plan.graph, new Set(zeroInputs));
  return plan.parameters.map((p) => p.name).filter((name) => isZero(plan.gradients.get(name)!));
}

/** What a user should know of weights without gradient, and of inputs that are always 0. */
export function gradientNotes(names: readonly string[], zeroInputs: readonly string[]): string[] {
  if (names.length === 0) return [];
  const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : '';
  const listed = `${names.slice(0, MOST_NAMED).join(', ')}${more}`;
  const inputs = zeroInputs.map((name) => `'${name}'`).join(', ');
  const why =
    zeroInputs.length > 0
      ? ` (always 0: ${inputs}; a model of one step learns what it carries from sequences [N, T, …] only)`
      : '';
  return [`no gradient reaches ${listed}: training leaves them as they are${why}`];
}

/** Asks whether a value of a graph is 0 everywhere for any data. */
function zeroValues(graph: Graph, zeroInputs: ReadonlySet<string>): (name: string) => boolean {
  const types = knownTypes(graph);
  const steps = (node: Node) => types.type(node.inputs.at(-1)!)?.shape?.[0];
  const zeros = new Set(zeroInputs);
  for (const [name, tensor] of graph.initializers) if (isAllZero(tensor)) zeros.add(name);
  findZeros(graph.nodes, zeros, (name) => zeros.has(name), steps);
  return (name) => zeros.has(name);
}

/** The number of steps of a loop, where it is known. */
type Steps = (loop: Node) => unknown;

function findZeros(nodes: readonly Node[], zeros: Set<string>, isZero: (name: string) => boolean, steps: Steps): void {
  for (const node of nodes) {
    const found = node.op === 'Scan' && node.domain === '' ? zerosOfLoop(node, isZero, steps) : zerosOf(node, isZero);
    node.outputs.forEach((name, i) => {
      if (name !== '' && found(i)) zeros.add(name);
    });
  }
}

function zerosOf(node: Node, isZero: (name: string) => boolean): (output: number) => boolean {
  const constant = constantTensor(node);
  if (constant) return () => isAllZero(constant);
  if (node.domain !== '') return () => false;
  const input = (i: number) => isZero(node.inputs[i] ?? '');
  const absent = (i: number) => !node.inputs[i];
  const rule = ruleFor<ZeroRule>(rules, node);
  if (rule) {
    const result = rule({ node, input, absent });
    return () => result;
  }
  const { keepsZero, linear, elementwise } = traits(node);
  const all = node.inputs.every((_, i) => input(i));
  if (linear === 'sum') return () => all;
  if (linear === 'product') return () => node.inputs.some((_, i) => input(i));
  return () => (keepsZero === true && elementwise === 'unary' && input(0)) || (moves(node) !== undefined && input(0));
}

/** Whether a node's output is 0, from which of its inputs are. */
type ZeroRule = (c: { readonly node: Node; input(index: number): boolean; absent(index: number): boolean }) => boolean;

/** A product of the first two inputs, and what is added to it. */
const product: ZeroRule = ({ input, absent }) => (input(0) || input(1)) && (absent(2) || input(2));
const first: ZeroRule = ({ input }) => input(0);
const every: ZeroRule = ({ node, input }) => node.inputs.every((_, i) => input(i));
const written: ZeroRule = ({ input }) => input(0) && input(2);

const rules: Rules<ZeroRule> = {
  Concat: every,
  ConstantOfShape: ({ node: { attributes } }) => {
    const { value } = attributes;
    return value?.type !== 'tensor' || isAllZero(value.value);
  },
  Conv: product,
  ConvTranspose: product,
  Div: first,
  Einsum: ({ node, input }) => node.inputs.some((_, i) => input(i)),
  Gemm: product,
  Max: every,
  Min: every,
  Pad: ({ node, input, absent }) =>
    input(0) && (stringAttribute(node, 'mode', 'constant') !== 'constant' || absent(2) || input(2)),
  ReduceL1: first,
  ReduceL2: first,
  ReduceMax: first,
  ReduceMean: first,
  ReduceMin: first,
  ReduceSum: first,
  ReduceSumSquare: first,
  ScatterElements: written,
  ScatterND: written,
  Where: ({ input }) => input(1) && input(2),
};

/** The outputs of a loop: a state stays 0 where it begins so and no step makes it anything else; one step has no next. */
function zerosOfLoop(node: Node, isZero: (name: string) => boolean, steps: Steps): (output: number) => boolean {
  const found = graphAttribute(node, 'body');
  if (found === undefined) return () => false;
  const body = initializersAsConstants(found);
  const stateCount = node.inputs.length - intAttribute(node, 'num_scan_inputs', 0);
  const isSingle = steps(node) === 1;
  let given = new Set(body.inputs.flatMap((v, i) => (isZero(node.inputs[i]!) ? [v.name] : [])));
  for (;;) {
    const zeros = new Set(given);
    const inside = (name: string) => zeros.has(name) || isZero(name);
    findZeros(body.nodes, zeros, inside, () => undefined);
    const moved = body.inputs
      .slice(0, stateCount)
      .filter((v, i) => given.has(v.name) && !inside(body.outputs[i]!.name));
    if (moved.length === 0 || isSingle) return (output) => inside(body.outputs[output]!.name);
    given = new Set([...given].filter((name) => !moved.some((v) => v.name === name)));
  }
}

function isAllZero({ data }: Tensor): boolean {
  return !Array.isArray(data) && data.every((value: number | bigint) => Number(value) === 0);
}
