import { constantNode, graphAttribute, int64s } from '../graph/attributes.ts';
import { elementTypeNumbers } from '../graph/elementTypes.ts';
import { scansBatches, takenBranches } from '../graph/infer/control.ts';
import { Names, nodeTitle } from '../graph/names.ts';
import { isLoop } from '../graph/operators.ts';
import { bodiesOf, mapBodies } from '../graph/rewrite.ts';
import type { Attribute, Graph, Model, Node, Tensor, ValueInfo } from '../graph/types.ts';
import { possibleBranches } from './possibleBranches.ts';

/*
 * Which branches of a model's Ifs its runs take. Each condition comes out of the graph as two counts, of how often it was
 * true and how often false; those in loops are summed over the steps, those in branches are 0 when these are not taken.
 */

/** A branch of an If that some input may take, and the name of the output that counts how often it was. */
interface Flag {
  readonly name: string;
  /** In words: "the then_branch of If 'choose'". */
  readonly branch: string;
  /** The branches around it. */
  readonly inside: readonly string[];
}

/** The branches that runs of a model may take, and those that they have taken. */
export class Branches {
  /** The model with a count of every branch among its outputs; itself where it has no choice. */
  readonly model: Model;
  private readonly flags: readonly Flag[];
  private readonly seen = new Set<string>();

  constructor(model: Model) {
    const { graph, flags } = hasBranches(model.graph)
      ? new Counter(model.graph).counted()
      : { graph: model.graph, flags: [] };
    this.model = flags.length === 0 ? model : { ...model, graph };
    this.flags = flags;
  }

  /** The outputs of a run without the counts, which are kept. */
  observe(outputs: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
    const own = { ...outputs };
    for (const { name } of this.flags) {
      if (Number(own[name]?.data[0] ?? 0) > 0) this.seen.add(name);
      delete own[name];
    }
    return own;
  }

  /** The branches that no run has taken, in words. */
  get untaken(): string[] {
    const left = this.flags.filter(({ name }) => !this.seen.has(name));
    const names = new Set(left.map(({ branch }) => branch));
    // What lies in a branch that is not taken goes without saying.
    return left.filter(({ inside }) => !inside.some((outer) => names.has(outer))).map(({ branch }) => branch);
  }
}

function hasBranches(graph: Graph): boolean {
  return graph.nodes.some((node) => isIf(node) || bodiesOf(node).some(hasBranches));
}

function isIf(node: Node): boolean {
  return node.op === 'If' && node.domain === '';
}

const COUNT = { elementType: 'int32', shape: [1] } as const;
const branchNames = ['then_branch', 'else_branch'] as const;

/** Writes the counts into a graph. */
class Counter {
  private readonly names = new Names();
  private readonly graph: Graph;
  private readonly possible: ReadonlyMap<Node, ReadonlySet<string>>;

  constructor(graph: Graph) {
    this.graph = graph;
    this.names.addGraph(graph);
    this.possible = possibleBranches(graph);
  }

  counted(): { graph: Graph; flags: Flag[] } {
    return this.body(this.graph);
  }

  /** A graph that counts its branches at outputs behind its own. */
  private body(graph: Graph): { graph: Graph; flags: Flag[] } {
    const nodes: Node[] = [];
    const flags: Flag[] = [];
    for (const node of graph.nodes) {
      const made = isIf(node) ? this.ofIf(node) : isLoop(node) ? this.ofLoop(node) : { nodes: [node], flags: [] };
      nodes.push(...made.nodes);
      flags.push(...made.flags);
    }
    return { graph: { ...graph, nodes, outputs: [...graph.outputs, ...flags.map(infoOf)] }, flags };
  }

  private ofIf(node: Node): { nodes: Node[]; flags: Flag[] } {
    const possible = this.possible.get(node) ?? new Set<string>(takenBranches(node, undefined));
    const taken = branchNames.map((branch) => {
      const body = graphAttribute(node, branch);
      return { branch, ...(body && possible.has(branch) ? this.body(body) : { graph: body, flags: [] }) };
    });
    const inner = taken.flatMap(({ branch, flags }) =>
      flags.map((flag) => {
        return { ...flag, outside: this.names.unique(flag.name), inside: [...flag.inside, titleOf(node, branch)] };
      }),
    );
    const attributes = { ...node.attributes };
    for (const { branch, graph, flags } of taken) {
      if (graph === undefined) continue;
      const outputs = graph.outputs.slice(0, graph.outputs.length - flags.length);
      const zeros: Node[] = [];
      for (const { name } of inner) {
        const own = flags.some((flag) => flag.name === name);
        const at = own ? name : this.names.unique(`${name}.none`);
        if (!own) zeros.push(constantNode(at, ZERO));
        outputs.push(infoOf({ name: at }));
      }
      attributes[branch] = { type: 'graph', value: { ...graph, nodes: [...graph.nodes, ...zeros], outputs } };
    }
    const counts = branchNames
      .filter((branch) => possible.size > 1 && possible.has(branch))
      .map((branch) => this.condition(node, branch));
    const changed = { ...node, attributes, outputs: [...node.outputs, ...inner.map(({ outside }) => outside)] };
    return {
      nodes: [changed, ...counts.flatMap(({ nodes }) => nodes)],
      flags: [
        ...inner.map(({ outside, branch, inside }) => ({ name: outside, branch, inside })),
        ...counts.map(({ flag }) => flag),
      ],
    };
  }

  /** 1 where the condition of an If leads into a branch, else 0. */
  private condition(node: Node, branch: (typeof branchNames)[number]): { nodes: Node[]; flag: Flag } {
    const name = this.names.unique(`${nodeTitle(node)}.${branch}`);
    const [shape, flat, turned] = ['shape', 'flat', 'not'].map((part) => this.names.unique(`${name}.${part}`)) as [
      string,
      string,
      string,
    ];
    const isThen = branch === 'then_branch';
    const nodes = [
      constantNode(shape, int64s([1], [1])),
      operator('Reshape', [node.inputs[0]!, shape], flat),
      ...(isThen ? [] : [operator('Not', [flat], turned)]),
      operator('Cast', [isThen ? flat : turned], name, { to: { type: 'int', value: elementTypeNumbers.int32 } }),
    ];
    return { nodes, flag: { name, branch: titleOf(node, branch), inside: [] } };
  }

  /** Counts inside of a loop are stacked over its steps, and summed behind it. */
  private ofLoop(node: Node): { nodes: Node[]; flags: Flag[] } {
    const [body] = bodiesOf(node);
    if (body === undefined || !hasBranches(body)) return { nodes: [node], flags: [] };
    if (node.op === 'Scan' && scansBatches(node, body)) return { nodes: [node], flags: [] };
    const { graph, flags } = this.body(body);
    const made = flags.map(({ name, branch, inside }) => {
      const [stacked, sum, shape, count] = ['stacked', 'sum', 'shape', 'count'].map((part) =>
        this.names.unique(`${name}.${part}`),
      ) as [string, string, string, string];
      const nodes = [
        operator('ReduceSum', [stacked], sum, { keepdims: { type: 'int', value: 0 } }),
        constantNode(shape, int64s([1], [1])),
        operator('Reshape', [sum, shape], count),
      ];
      return { stacked, nodes, flag: { name: count, branch, inside } };
    });
    const changed = mapBodies(node, () => graph);
    const attributes = { ...changed.attributes };
    for (const list of ['scan_output_axes', 'scan_output_directions']) {
      const given = attributes[list];
      if (given?.type === 'ints') attributes[list] = { ...given, value: [...given.value, ...flags.map(() => 0)] };
    }
    return {
      nodes: [
        { ...changed, attributes, outputs: [...node.outputs, ...made.map(({ stacked }) => stacked)] },
        ...made.flatMap(({ nodes }) => nodes),
      ],
      flags: made.map(({ flag }) => flag),
    };
  }
}

function titleOf(node: Node, branch: string): string {
  return `the ${branch} of If '${nodeTitle(node)}'`;
}

const ZERO: Tensor = { elementType: 'int32', dims: [1], data: Int32Array.of(0) };

function infoOf({ name }: Pick<Flag, 'name'>): ValueInfo {
  return { name, type: COUNT };
}

function operator(
  op: string,
  inputs: readonly string[],
  output: string,
  attributes: Record<string, Attribute> = {},
): Node {
  return { op, domain: '', name: output, inputs, outputs: [output], attributes };
}
