import { attributesText, constantNode } from '../graph/attributes.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import { canEvaluate } from '../graph/evaluate/evaluate.ts';
import {
  finishRewrite,
  liveNodes,
  mapBodies,
  readNames,
  renameInputs,
  startRewrite,
  usedNames,
  withoutInputShapes,
} from '../graph/rewrite.ts';
import { storedHere } from '../graph/stored.ts';
import type { Graph, Node } from '../graph/types.ts';
import { foldSmall, foldWanted, foldWhatCostsLittle, type KnownValue, knownValues, planFolds } from './foldPlan.ts';
import { withoutOverridable } from './overridable.ts';

/** What is folded. */
export interface FoldOptions {
  /** The values of these names and no others, also where the file grows. */
  readonly wanted?: ReadonlySet<string> | undefined;
  /** Small values that are made of no weights and no sizes of other values, and no others. */
  readonly small?: boolean | undefined;
}

/**
 * Computes before the run what a graph computes from stored tensors and known sizes alone, graphs inside included: each
 * becomes one tensor with the name of the value, unless the file grew by much. With `wanted`, of parameters only those
 * are folded that nothing else needs, so that shared ones stay shared. A graph in which there is nothing to do is
 * returned as it is.
 */
export function foldConstants(graph: Graph, options: FoldOptions = {}): Graph {
  return withoutOverridable(graph, (given) => foldIn(given, options));
}

function foldIn(given: Graph, { wanted, small }: FoldOptions, outer?: GraphBuilder): Graph {
  const reaching = wanted && new Set(liveNodes(given.nodes, wanted));
  const { graph, renamed } = shareConstants(given, (node) => reaching?.has(node) ?? true);
  const names = wanted && new Set([...wanted].map((name) => renamed.get(name) ?? name));
  const usual = small ? foldSmall() : foldWhatCostsLittle(graph);
  const policy = names ? foldWanted(graph, names) : usual;
  const inferred = asInferred(graph, outer !== undefined);
  const known = knownValues(graph, startRewrite(inferred, { outer }), policy);
  const plan = planFolds(graph, known, policy);
  const b = startRewrite({ ...inferred, inputs: graph.inputs }, { outer });
  let changed = plan.folded.size > 0 || [...renamed.keys()].some((name) => wanted?.has(name) ?? true);
  for (const node of graph.nodes) {
    const mine = node.outputs.filter((name) => plan.folded.has(name));
    for (const name of mine) store(b, name, known.get(name)!, graph);
    if (mine.length > 0 || plan.gone.has(node)) continue;
    const inside = mapBodies(node, (body) => {
      const folded = foldIn(body, { wanted: names, small }, b);
      changed ||= folded !== body;
      return folded;
    });
    b.addNode(inside);
  }
  return changed ? withoutLost(finishRewrite(b, given), given) : given;
}

/**
 * The graph with one node for wanted ones that compute the same from the same stored tensors, and none for the Identity
 * of such a value, so that what was shared stays so; `renamed` says which values others stand for.
 */
function shareConstants(graph: Graph, isWanted: (node: Node) => boolean) {
  const stored = new Set(storedHere(graph).keys());
  const outputs = new Set(graph.outputs.map((o) => o.name));
  const renamed = new Map<string, string>();
  const first = new Map<string, readonly string[]>();
  const nodes = graph.nodes.flatMap((given): Node[] => {
    const node = renameInputs(given, renamed);
    const isStored = node.inputs.length > 0 && node.inputs.every((name) => name === '' || stored.has(name));
    if (!isWanted(given) || !canEvaluate(node) || !isStored) return [node];
    for (const name of node.outputs) stored.add(name);
    if (node.outputs.some((name) => outputs.has(name))) return [node];
    const key = JSON.stringify([node.op, node.inputs, node.outputs.length, attributesText(node)]);
    const same = node.op === 'Identity' ? node.inputs : first.get(key);
    if (same === undefined) {
      first.set(key, node.outputs);
      return [node];
    }
    for (const [i, name] of node.outputs.entries()) renamed.set(name, same[i]!);
    return [];
  });
  return { graph: renamed.size === 0 ? graph : { ...graph, nodes }, renamed };
}

/** Without the types that a file declares but nothing checks: what is computed from wrong ones must not be folded. */
function asInferred({ valueInfo: _, ...graph }: Graph, isBody: boolean): Graph {
  return isBody ? withoutInputShapes(graph) : graph;
}

/** An initializer if it is made of one, so that several users share it; else a constant. */
function store(b: GraphBuilder, name: string, { tensor, fromParameter }: KnownValue, { outputs }: Graph): void {
  if (fromParameter && !outputs.some((o) => o.name === name)) b.parameter(name, tensor);
  else b.addNode(constantNode(name, tensor));
}

/** A graph without what its outputs depended on before and nothing depends on any more; what was dead before stays. */
function withoutLost(graph: Graph, before: Graph): Graph {
  const outputs = graph.outputs.map((o) => o.name);
  const wasUsed = new Set(liveNodes(before.nodes, outputs).flatMap(usedNames));
  const wasDead = graph.nodes.flatMap((node) => node.outputs).filter((name) => !wasUsed.has(name));
  const nodes = liveNodes(graph.nodes, [...outputs, ...wasDead]);
  const isUsed = readNames({ ...graph, nodes });
  const stays = (name: string) => isUsed.has(name) || !wasUsed.has(name);
  return { ...graph, nodes, initializers: new Map([...graph.initializers].filter(([name]) => stays(name))) };
}
