import { constantNode, intAttribute, stringAttribute } from '../graph/attributes.ts';
import { normalizeAxis } from '../graph/dims.ts';
import { producers } from '../graph/rewrite.ts';
import type { Attribute, Graph, Model, Node, Tensor } from '../graph/types.ts';
import { directionNames } from '../recurrent/directions.ts';
import { isRecurrent } from './lowerRecurrent.ts';
import { PartWriter, storedHere } from './parts.ts';

/*
 * A bidirectional operator holds both directions in one tensor, so both must have equally many units. Before units
 * leave it becomes two operators, one for each direction, and everything that its consumers did with the axis of the
 * directions is done with the two parts: Transpose and Reshape to [T, B, 2H] becomes a Concat.
 */

/**
 * The same model with each bidirectional recurrent operator as a forward and a reverse one, named `name (forward)` and
 * `name (reverse)`. Left as they are: operators whose weights are computed, and all where nothing is bidirectional.
 */
export function splitDirections(model: Model): Model {
  const { graph } = model;
  const stored = storedHere(graph);
  const wanted = new Set(graph.nodes.filter((node) => canSplit(node, stored)));
  if (wanted.size === 0 && !graph.nodes.some((node) => gathersStates(node, graph))) return model;
  const splitter = new Splitter(model);
  for (const node of graph.nodes) {
    if (wanted.has(node)) splitter.split(node);
    else splitter.writer.pass(node);
  }
  return { ...model, graph: splitter.writer.finish() };
}

/** Inputs of a recurrent operator that hold one part per direction: W, R, B and the peepholes. */
export const WEIGHTS = [1, 2, 3, 7] as const;
/** Its initial states. */
export const STATES = [5, 6] as const;
/** Attributes that list each direction's share. */
export const PER_DIRECTION = ['activations', 'activation_alpha', 'activation_beta'] as const;

function canSplit(node: Node, stored: ReadonlyMap<string, Tensor>): boolean {
  if (!isRecurrent(node) || stringAttribute(node, 'direction', 'forward') !== 'bidirectional') return false;
  const storedWeights = WEIGHTS.every((i) => !node.inputs[i] || stored.get(node.inputs[i])?.dims[0] === 2);
  return storedWeights && sharesEvenly(node);
}

/**
 * True when each direction's share of the lists is one half. Alpha and beta hold numbers for those activations only
 * that take some, so that the halves are the shares when both directions use the same activations.
 */
function sharesEvenly({ attributes }: Node): boolean {
  const lists = PER_DIRECTION.map((name) => listOf(attributes[name]));
  const [activations, ...parameters] = lists as [readonly unknown[], ...(readonly unknown[])[]];
  const half = activations.length / 2;
  const alike = activations.slice(0, half).join() === activations.slice(half).join();
  return (
    lists.every((list) => list.length % 2 === 0) && (alike || parameters.every((list) => (list as []).length === 0))
  );
}

/** A Concat of final states: heads pick those of the last layer out of it, so it is worth parts. */
function gathersStates(node: Node, graph: Graph): boolean {
  if (node.op !== 'Concat') return false;
  return graph.nodes.some((n) => isRecurrent(n) && n.outputs.slice(1).some((o) => o !== '' && node.inputs.includes(o)));
}

function listOf(a: Attribute | undefined): readonly unknown[] {
  return a !== undefined && Array.isArray(a.value) ? a.value : [];
}

class Splitter {
  readonly writer: PartWriter;
  private readonly made: ReadonlyMap<string, Node>;
  /** The halves of a stored tensor, so that shared weights stay shared. */
  private readonly halves = new Map<string, readonly string[]>();

  constructor(model: Model) {
    this.writer = new PartWriter(model);
    this.made = producers(model.graph.nodes);
  }

  /** Emits a bidirectional operator as two. */
  split(node: Node): void {
    const labels = directionNames(node);
    const batchFirst = intAttribute(node, 'layout', 0) === 1;
    const inputs = node.inputs.map((name, i): readonly string[] => {
      if (name === '') return ['', ''];
      if (WEIGHTS.some((w) => w === i)) return this.halvesOf(name);
      if (STATES.some((s) => s === i)) return this.statesOf(name, batchFirst ? 1 : 0);
      this.writer.whole(name);
      return [name, name];
    });
    const raw = labels.map((name, d) => {
      const outputs = node.outputs.map((o) =>
        o === '' ? '' : this.writer.fresh(`${o}.${d === 0 ? 'forward' : 'reverse'}`),
      );
      this.writer.nodes.push({
        ...node,
        name,
        inputs: inputs.map((pair) => pair[d]!),
        outputs,
        attributes: directionAttributes(node, d),
      });
      return outputs;
    });
    node.outputs.forEach((output, k) => {
      if (output === '') return;
      const axis = k === 0 ? (batchFirst ? 2 : 1) : batchFirst ? 1 : 0;
      const names = raw.map((outputs) => this.writer.emit('Squeeze', [outputs[k]!], {}, [axis]));
      this.writer.parts.set(output, { names, axis, stacked: true });
    });
  }

  /** Both halves [1, …] of a stored tensor [2, …], as views of its values. */
  private halvesOf(name: string): readonly string[] {
    const known = this.halves.get(name);
    if (known) return known;
    const tensor = this.writer.stored.get(name)!;
    const half = tensor.data.length / 2;
    const names = ['forward', 'reverse'].map((direction, d) => {
      const made = this.writer.fresh(`${name}.${direction}`);
      const data = Array.isArray(tensor.data)
        ? tensor.data.slice(d * half, (d + 1) * half)
        : tensor.data.subarray(d * half, (d + 1) * half);
      const part: Tensor = { ...tensor, dims: [1, ...tensor.dims.slice(1)], data };
      if (this.writer.initializers.has(name)) this.writer.initializers.set(made, part);
      else this.writer.nodes.push(constantNode(made, part));
      return made;
    });
    this.halves.set(name, names);
    return names;
  }

  /** The initial state of each direction: the two inputs of the Concat that makes it, or its halves. */
  private statesOf(name: string, axis: number): readonly string[] {
    const parts = this.writer.parts.get(name);
    if (parts?.stacked && parts.axis === axis && parts.names.length === 2) {
      return parts.names.map((part) => this.writer.emit('Unsqueeze', [part], {}, [axis]));
    }
    this.writer.whole(name);
    const maker = this.made.get(name);
    if (maker?.op === 'Concat' && maker.inputs.length === 2) {
      const along = normalizeAxis(intAttribute(maker, 'axis', 0), this.writer.shapeOf(name)?.length ?? 0);
      if (along === axis && maker.inputs.every((i) => this.writer.shapeOf(i)?.[axis] === 1)) return maker.inputs;
    }
    return [0, 1].map((d) => {
      return this.writer.emit('Gather', [name, this.writer.constant([d])], { axis: { type: 'int', value: axis } });
    });
  }
}

function directionAttributes(node: Node, d: number): Record<string, Attribute> {
  const attributes: Record<string, Attribute> = { ...node.attributes };
  for (const name of PER_DIRECTION) {
    const a = attributes[name];
    if (a?.type === 'strings' || a?.type === 'floats') {
      const half = a.value.length / 2;
      attributes[name] = { ...a, value: a.value.slice(d * half, (d + 1) * half) } as Attribute;
    }
  }
  attributes.direction = { type: 'string', value: d === 0 ? 'forward' : 'reverse' };
  return attributes;
}
