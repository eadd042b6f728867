import { bodiesOf, mapBodies } from '../graph/rewrite.ts';
import type { Graph, Node, Tensor, ValueInfo } from '../graph/types.ts';

/**
 * The same graph with values in bodies renamed where another graph inside uses the name for a value of its own, as ONNX
 * allows, so that one table can hold the values of all graphs. A graph without doubles is returned as it is.
 */
export function uniqueNames(graph: Graph): Graph {
  const taken = new Set(definedIn(graph));
  let changed = false;
  const renameBodies = (node: Node, outer: ReadonlyMap<string, string>): Node =>
    mapBodies(node, (body) => {
      const names = new Map(outer);
      for (const name of definedIn(body)) {
        names.delete(name);
        if (!taken.has(name)) {
          taken.add(name);
          continue;
        }
        let fresh = name;
        for (let i = 1; taken.has(fresh); i++) fresh = `${name}.${i}`;
        taken.add(fresh);
        names.set(name, fresh);
        changed = true;
      }
      const to = (name: string) => names.get(name) ?? name;
      const info = (v: ValueInfo) => ({ ...v, name: to(v.name) });
      // What the file says of values in between goes by their old names.
      const { valueInfo: _, valueExtras: __, otherValueInfo: ___, ...rest } = body;
      return {
        ...rest,
        inputs: body.inputs.map(info),
        outputs: body.outputs.map(info),
        initializers: new Map([...body.initializers].map(([name, tensor]): [string, Tensor] => [to(name), tensor])),
        nodes: body.nodes.map((inner) => {
          const inside = renameBodies(inner, names);
          return { ...inside, inputs: inner.inputs.map(to), outputs: inner.outputs.map(to) };
        }),
      };
    });
  const nodes = graph.nodes.map((node) => (bodiesOf(node).length === 0 ? node : renameBodies(node, new Map())));
  return changed ? { ...graph, nodes } : graph;
}

/** Names that a graph defines itself, without those of its bodies. */
function definedIn(graph: Graph): string[] {
  const names = [...graph.inputs.map((v) => v.name), ...graph.initializers.keys()];
  return [...new Set([...names, ...graph.nodes.flatMap((n) => n.outputs)])].filter((name) => name !== '');
}
