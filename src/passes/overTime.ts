import { GraphBuilder } from '../graph/builder.ts';
import { scan } from '../graph/ops.ts';
import { removeDeadNodes, renameInputs } from '../graph/rewrite.ts';
import type { StatePair } from '../graph/states.ts';
import type { Dim, Graph, Node } from '../graph/types.ts';
import { hoistLoops } from './hoistLoops.ts';
import { sinkLoops } from './sinkLoops.ts';
import { inlineSingleSteps } from './unrollLoops.ts';

/** How a graph of one step runs over a sequence. */
export interface OverTime {
  /** Number of steps, T. */
  readonly steps: number;
  /** What goes from step to step. */
  readonly states: readonly StatePair[];
  /** Inputs that differ from step to step; the others are the same at every step. */
  readonly scanned: ReadonlySet<string>;
}

/**
 * A graph of one step as one of T: scanned inputs and all outputs have the steps as their first axis, [T, …]; states go
 * in as they are at the start, and their outputs hold them after each step. What depends on no state is computed for all
 * steps at once, before and behind the loop. Weights keep their names. Sizes must be fixed.
 */
export function overTime(graph: Graph, { steps, states, scanned }: OverTime): Graph {
  const flat = removeDeadNodes(inlineSingleSteps(graph));
  const b = startLike(flat);
  const nextOf = new Map(states.map((s) => [s.input, s.output]));
  for (const { name, type } of flat.inputs) {
    b.input(name, type.elementType, scanned.has(name) ? stepsOf(type.shape, steps) : type.shape);
  }
  const carried = flat.inputs.filter((v) => nextOf.has(v.name));
  const body = new GraphBuilder(`${graph.name}_step`, b);
  const names = new Map<string, string>();
  const own = [...carried, ...flat.inputs.filter((v) => scanned.has(v.name))];
  for (const { name, type } of own) {
    names.set(name, body.input(b.fresh(`${name}_step`), type.elementType, type.shape).name);
  }
  copyInto(body, flat, names);
  const value = (name: string) => body.value(names.get(name) ?? name);
  for (const { name } of carried) body.output(value(nextOf.get(name)!));
  for (const { name } of flat.outputs) body.output(value(name));
  const results = scan(
    carried.map((v) => b.value(v.name)),
    own.slice(carried.length).map((v) => b.value(v.name)),
    body.build(),
    { outputs: [...carried.map((v) => b.fresh(`${v.name}_end`)), ...flat.outputs.map((o) => o.name)] },
  );
  for (const result of results.slice(carried.length)) b.output(result);
  return sinkLoops(hoistLoops(b.build()));
}

/**
 * A graph of one example as one of N that stand side by side: every input and output has them as its first axis, [N, …].
 * What no rule can compute for all at once stays in a loop over them. Sizes must be fixed.
 */
export function sideBySide(graph: Graph, examples: number): Graph {
  const flat = removeDeadNodes(inlineSingleSteps(graph));
  const b = startLike(flat);
  const body = new GraphBuilder(`${graph.name}_example`, b);
  const names = new Map<string, string>();
  for (const { name, type } of flat.inputs) {
    b.input(name, type.elementType, stepsOf(type.shape, examples));
    names.set(name, body.input(b.fresh(`${name}_example`), type.elementType, type.shape).name);
  }
  copyInto(body, flat, names);
  for (const { name } of flat.outputs) body.output(body.value(names.get(name) ?? name));
  const given = flat.inputs.map((v) => b.value(v.name));
  const outputs = flat.outputs.map((o) => o.name);
  for (const result of scan([], given, body.build(), { outputs })) b.output(result);
  return hoistLoops(b.build());
}

/** A builder with the initializers of a graph, whose names are all taken. */
function startLike(graph: Graph): GraphBuilder {
  const b = GraphBuilder.from({ ...graph, inputs: [], nodes: [], outputs: [] });
  b.reserve(graph);
  return b;
}

/** Copies the nodes of a graph under new names, which go into `names`. */
function copyInto(body: GraphBuilder, graph: Graph, names: Map<string, string>): void {
  for (const node of graph.nodes) {
    const outputs = node.outputs.map((name) => (name === '' ? '' : body.fresh(name)));
    const copy: Node = { ...renameInputs(node, names), name: body.fresh(node.op), outputs };
    body.addNode(copy);
    node.outputs.forEach((name, i) => {
      if (name !== '') names.set(name, outputs[i]!);
    });
  }
}

function stepsOf(shape: readonly Dim[] | undefined, steps: number): readonly Dim[] | undefined {
  return shape && [steps, ...shape];
}
