import { UsageError } from '../base/errors.ts';
import { graphsOf, identityNode } from '../graph/attributes.ts';
import { Names } from '../graph/names.ts';
import { mapBodies } from '../graph/rewrite.ts';
import type { Attribute, Graph, Model, ModelFunction, Node, ValueInfo } from '../graph/types.ts';

/** Most nodes that calls may become: functions that call each other twice grow as 2^depth. */
const MOST_NODES = 100_000;
/** Longer names of calls are not put before those of values: they would grow with each call in a call. */
const LONGEST_PREFIX = 100;
/** How deep functions may call each other. */
const DEEPEST = 100;

/** What all calls share while they are replaced. */
interface Inlining {
  readonly functions: ReadonlyMap<string, ModelFunction>;
  readonly opsets: Map<string, number>;
  readonly names: Names;
  nodes: number;
}

/** New names by old ones, within a function or one of its subgraphs. */
type Scope = ReadonlyMap<string, string>;

/**
 * The same model without functions of its own: every call is replaced by the function's nodes, whose values get names
 * that no other value has. Throws a UsageError for functions that call themselves, need other operator sets than the
 * model, or are called in a way that they do not provide for.
 */
export function inlineFunctions(model: Model): Model {
  const { functions, ...rest } = model;
  if (functions === undefined) return model;
  const names = new Names();
  names.addGraph(model.graph);
  const inlining: Inlining = {
    functions: new Map(functions.map((f) => [keyOf(f.domain, f.name, f.overload), f])),
    opsets: new Map(Object.entries(model.opsets)),
    names,
    nodes: 0,
  };
  const graph = inlineGraph(model.graph, [], inlining);
  const used = new Set<string>();
  forEachNode(graph, (node) => used.add(node.domain));
  const provided = new Set(functions.map((f) => f.domain).filter((domain) => domain !== '' && !used.has(domain)));
  const opsets = Object.fromEntries([...inlining.opsets].filter(([domain]) => !provided.has(domain)));
  return { ...rest, graph, opsets };
}

function keyOf(domain: string, name: string, overload = ''): string {
  return JSON.stringify([domain, name, overload]);
}

function functionOf(node: Node, { functions }: Inlining): ModelFunction | undefined {
  return functions.get(keyOf(node.domain, node.op, node.overload));
}

function forEachNode(graph: Graph, visit: (node: Node) => void): void {
  for (const node of graph.nodes) {
    visit(node);
    for (const body of graphsOf(node)) forEachNode(body, visit);
  }
}

/** A graph with its calls replaced; `callers` are the functions that it is a part of. */
function inlineGraph(graph: Graph, callers: readonly ModelFunction[], inlining: Inlining): Graph {
  return { ...graph, nodes: graph.nodes.flatMap((node) => inlineNode(node, callers, inlining)) };
}

function inlineNode(node: Node, callers: readonly ModelFunction[], inlining: Inlining): Node[] {
  const f = functionOf(node, inlining);
  const inside = mapBodies(node, (body) => inlineGraph(body, callers, inlining));
  if (f === undefined) return [inside];
  if (callers.includes(f)) throw refuse(f, 'calls itself');
  if (callers.length > DEEPEST) throw refuse(f, `is called more than ${DEEPEST} functions deep`);
  return instantiate(f, inside, inlining).flatMap((inner) => inlineNode(inner, [...callers, f], inlining));
}

function refuse(f: ModelFunction, what: string): UsageError {
  return new UsageError(`cannot inline the function '${f.name}' of the domain '${f.domain}': it ${what}`);
}

/** The nodes of a function for one call. */
function instantiate(f: ModelFunction, call: Node, inlining: Inlining): Node[] {
  if (call.inputs.length > f.inputs.length || call.outputs.length > f.outputs.length) {
    const takes = `has ${f.inputs.length} inputs and ${f.outputs.length} outputs`;
    throw refuse(f, `${takes}, node '${call.name}' gives it ${call.inputs.length} and wants ${call.outputs.length}`);
  }
  requireOpsets(f, inlining);
  const prefix = call.name === '' || call.name.length > LONGEST_PREFIX ? f.name : call.name;
  const scope = new Map(f.inputs.map((name, i) => [name, call.inputs[i] ?? '']));
  const wanted = new Map<string, string>();
  f.outputs.forEach((name, i) => {
    const actual = call.outputs[i] ?? '';
    if (actual !== '' && !wanted.has(name)) wanted.set(name, actual);
  });
  for (const name of f.nodes.flatMap((node) => node.outputs)) {
    if (name !== '' && !scope.has(name))
      scope.set(name, wanted.get(name) ?? inlining.names.unique(`${prefix}/${name}`));
  }
  const nodes = f.nodes.map((node) => renameNode(node, scope, { f, call, prefix, inlining }));
  // An output that is an input, too, or that is given out twice.
  const copies = f.outputs.flatMap((name, i): Node[] => {
    const actual = call.outputs[i] ?? '';
    const made = lookup(name, scope, f);
    if (actual === '' || made === actual) return [];
    if (made === '') throw refuse(f, `gives out its input '${name}', which node '${call.name}' leaves out`);
    return [identityNode(made, actual)];
  });
  return [...nodes, ...copies];
}

/** Adds the operator sets that a function's nodes need to those of the model. */
function requireOpsets(f: ModelFunction, inlining: Inlining): void {
  const check = (node: Node): void => {
    for (const body of graphsOf(node)) forEachNode(body, check);
    if (functionOf(node, inlining)) return;
    const version = f.opsets[node.domain];
    if (version === undefined) return;
    const known = inlining.opsets.get(node.domain);
    if (known === undefined) inlining.opsets.set(node.domain, version);
    else if (known !== version) {
      const fix = 'convert the model to one version, for example in Python with onnx.version_converter';
      throw refuse(f, `uses version ${version} of operator set '${node.domain}', the model version ${known}; ${fix}`);
    }
  };
  f.nodes.forEach(check);
}

function lookup(name: string, scope: Scope, f: ModelFunction): string {
  const found = name === '' ? '' : scope.get(name);
  if (found === undefined) throw refuse(f, `uses '${name}', which nothing in it defines`);
  return found;
}

/** One call that is being replaced. */
interface Call {
  readonly f: ModelFunction;
  readonly call: Node;
  readonly prefix: string;
  readonly inlining: Inlining;
}

/** A node of a function with the names and attributes of a call. */
function renameNode(node: Node, scope: Scope, context: Call): Node {
  const { f, call, prefix, inlining } = context;
  if (++inlining.nodes > MOST_NODES) throw refuse(f, `and others become more than ${MOST_NODES} nodes`);
  const name = node.name === '' ? '' : inlining.names.unique(`${prefix}/${node.name}`);
  const inside = mapBodies(node, (body) => renameGraph(body, scope, context));
  const attributes = Object.entries(inside.attributes).flatMap(([key, a]): [string, Attribute][] => {
    const value = a.type === 'reference' ? (call.attributes[a.value] ?? f.defaults[a.value]) : a;
    return value ? [[key, value]] : [];
  });
  return {
    ...node,
    name,
    inputs: node.inputs.map((name) => lookup(name, scope, f)),
    outputs: node.outputs.map((name) => lookup(name, scope, f)),
    attributes: Object.fromEntries(attributes),
  };
}

/** A subgraph within a function: its own values get new names as well. */
function renameGraph(graph: Graph, outer: Scope, context: Call): Graph {
  const { f, prefix, inlining } = context;
  const scope = new Map(outer);
  const define = (name: string) => {
    if (name !== '') scope.set(name, inlining.names.unique(`${prefix}/${name}`));
  };
  for (const name of [...graph.inputs.map((v) => v.name), ...graph.initializers.keys()]) define(name);
  for (const name of graph.nodes.flatMap((node) => node.outputs)) define(name);
  // A sparse tensor has its name within.
  for (const [name, tensor] of graph.opaqueInitializers ?? []) {
    if (tensor.sparse) scope.set(name, name);
    else define(name);
  }
  const rename = (name: string) => lookup(name, scope, f);
  const renameInfo = (info: ValueInfo) => ({ ...info, name: rename(info.name) });
  // What the file says of values in between goes by their old names.
  const { valueInfo, valueExtras, otherValueInfo, opaqueInitializers, listedInitializers, ...rest } = graph;
  return {
    ...rest,
    inputs: graph.inputs.map(renameInfo),
    outputs: graph.outputs.map(renameInfo),
    initializers: renameKeys(graph.initializers, rename),
    nodes: graph.nodes.map((node) => renameNode(node, scope, context)),
    ...(opaqueInitializers && { opaqueInitializers: renameKeys(opaqueInitializers, rename) }),
    ...(listedInitializers && {
      listedInitializers: listedInitializers.map(({ at, info }) => ({ at, info: renameInfo(info) })),
    }),
  };
}

function renameKeys<T>(map: ReadonlyMap<string, T>, rename: (name: string) => string): Map<string, T> {
  return new Map([...map].map(([name, value]) => [rename(name), value]));
}
