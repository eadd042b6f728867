import { sizeOf } from '../graph/dims.ts';
import { Names } from '../graph/names.ts';
import { useCounts } from '../graph/rewrite.ts';
import { RECURRENT_INPUT } from '../graph/slots.ts';
import { storedHere } from '../graph/stored.ts';
import { emptyData } from '../graph/tensors.ts';
import type { Graph, Node, Tensor } from '../graph/types.ts';
import type { AxisComponents } from '../groups/groups.ts';
import type { TracedGroups } from '../groups/trace.ts';
import type { UnitReader } from './readers.ts';

/** Where a reader's bias is stored: `size` entries from `at` on, each counting `1 / scale` times in the product. */
export interface OwnBias {
  readonly tensor: string;
  readonly at: number;
  readonly size: number;
  readonly scale: number;
}

/** A graph in which readers have biases of their own, the groups with those that were made, and where each is. */
export interface OwnBiases {
  readonly graph: Graph;
  readonly groups: TracedGroups;
  /** Readers with a bias that no vector can be added to are missing. */
  readonly biases: ReadonlyMap<UnitReader, OwnBias>;
}

/**
 * Gives each of these readers a stored bias that nothing else uses: the one that it has, a copy of one that it shares,
 * or zeros (added to the bias of a recurrent operator that is computed). The graph computes what it did.
 */
export function ownBiases(graph: Graph, groups: TracedGroups, readers: readonly UnitReader[]): OwnBiases {
  const biases = new BiasTable(graph, groups);
  const found = readers.flatMap((reader): [UnitReader, OwnBias][] => {
    const bias = biases.of(reader);
    return bias ? [[reader, bias]] : [];
  });
  return { graph: biases.graph(), groups: biases.groups(), biases: new Map(found) };
}

/** The biases of a graph, and those that are made on the way. */
class BiasTable {
  private readonly before: Graph;
  private readonly traced: TracedGroups;
  private readonly tensors: Map<string, Tensor>;
  private readonly uses: ReadonlyMap<string, number>;
  private readonly names = new Names();
  /** What stands in place of a node. */
  private readonly replaced = new Map<Node, readonly Node[]>();
  private readonly made = new Map<string, Tensor>();
  /** Names of biases that were made, by the input, its old name and the outputs of their node. */
  private readonly atInput = new Map<string, string>();
  private readonly axes: AxisComponents[] = [];

  constructor(graph: Graph, groups: TracedGroups) {
    this.before = graph;
    this.traced = groups;
    this.tensors = storedHere(graph);
    this.uses = useCounts(graph);
    this.names.addGraph(graph);
  }

  of(reader: UnitReader): OwnBias | undefined {
    const { bias, weight, makes } = reader;
    const rows = this.tensors.get(weight)!.dims[makes]!;
    if (bias.kind === 'recurrent') {
      const tensor = this.input(reader, RECURRENT_INPUT.bias, [1, 2 * rows]);
      return tensor === undefined ? undefined : { tensor, at: bias.half * rows, size: bias.rows, scale: 1 };
    }
    if (bias.kind === 'behind') return { tensor: this.behind(reader, rows), at: 0, size: rows, scale: 1 };
    const tensor = this.input(reader, bias.input, [rows]);
    return tensor === undefined ? undefined : { tensor, at: 0, size: rows, scale: bias.scale };
  }

  graph(): Graph {
    const { before, replaced, made } = this;
    return {
      ...before,
      initializers: new Map([...before.initializers, ...made]),
      nodes: before.nodes.flatMap((node) => replaced.get(node) ?? [node]),
    };
  }

  groups(): TracedGroups {
    return { ...this.traced, axes: [...this.traced.axes, ...this.axes] };
  }

  /** Name of the bias at an input of the reader's node; undefined for one of another size. */
  private input(reader: UnitReader, place: number, dims: readonly number[]): string | undefined {
    const { node } = reader;
    const name = node.inputs[place] ?? '';
    const own = this.atInput.get(`${place} ${name} ${node.outputs}`);
    if (own !== undefined) return own;
    const known = this.tensors.get(name);
    const isVector = known?.data.length === sizeOf(dims) && known.dims.at(-1) === dims.at(-1);
    if (isVector && this.uses.get(name) === 1) return name;
    const isComputed = known === undefined && name !== '';
    if ((known && !isVector) || (isComputed && reader.bias.kind !== 'recurrent')) return undefined;
    const made = this.make(reader, dims, known);
    this.atInput.set(`${place} ${name} ${node.outputs}`, made);
    const sum = isComputed ? [addNode(name, made, this.names.unique(`${made}.sum`))] : [];
    const inputs = Array.from({ length: Math.max(place + 1, node.inputs.length) }, (_, i) => node.inputs[i] ?? '');
    this.replaced.set(node, [...sum, { ...node, inputs: inputs.with(place, sum[0]?.outputs[0] ?? made) }]);
    return made;
  }

  /** Name of the vector that is added to a product: by an Add that follows it, or by a new one. */
  private behind(reader: UnitReader, rows: number): string {
    const { node } = reader;
    const [product] = node.outputs as [string];
    const known = this.addedVector(product, rows);
    if (known !== undefined) return known;
    const own = this.make(reader, [rows], undefined);
    const inner = this.names.unique(`${product}.product`);
    this.replaced.set(node, [{ ...node, outputs: [inner] }, addNode(inner, own, product)]);
    return own;
  }

  /** The stored vector that ends in a sum with a value, which nothing else uses; other terms may come in between. */
  private addedVector(value: string, rows: number): string | undefined {
    const [user] = this.uses.get(value) === 1 ? this.before.nodes.filter((node) => node.inputs.includes(value)) : [];
    if (user?.op !== 'Add' || user.domain !== '') return undefined;
    const other = user.inputs.find((name) => name !== value) ?? '';
    const vector = this.tensors.get(other);
    const fits = vector?.dims.at(-1) === rows && vector.data.length === rows && this.uses.get(other) === 1;
    return fits ? other : this.addedVector(user.outputs[0]!, rows);
  }

  /** Stores a new bias [.., n · rows] with the components of what the weight makes. */
  private make({ node, weight, makes }: UnitReader, dims: readonly number[], like: Tensor | undefined): string {
    const name = this.names.unique(`${node.name || weight}.bias`);
    const { elementType } = this.tensors.get(weight)!;
    this.made.set(name, { elementType, dims, data: like?.data ?? emptyData(elementType, sizeOf(dims)) });
    const made = this.traced.axes.find(({ tensor, axis }) => tensor === weight && axis === makes);
    if (made) {
      const { length } = made.components;
      const components = Int32Array.from({ length: sizeOf(dims) }, (_, i) => made.components[i % length]!);
      this.axes.push({ tensor: name, axis: dims.length - 1, role: 'bias', components });
    }
    return name;
  }
}

function addNode(a: string, b: string, sum: string): Node {
  return { op: 'Add', domain: '', name: sum, inputs: [a, b], outputs: [sum], attributes: {} };
}
