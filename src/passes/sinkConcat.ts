import { intAttribute } from '../graph/attributes.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { normalizeAxis } from '../graph/dims.ts';
import { moves } from '../graph/operators.ts';
import { usedNames } from '../graph/rewrite.ts';
import type { Dim, Graph, Node } from '../graph/types.ts';
import { asSlice, type Pieces, piecesRule } from './sinkConcatRules.ts';

/**
 * A tensor that holds the units of several layers or directions side by side must lose equally many of each; in pieces
 * it need not. So this copies nodes, lets what moves elements of a value in pieces work on them, and puts the Concat
 * off until something needs the value as a whole.
 */
export class ConcatSinker {
  /** Values in pieces, by the name that they had as a whole. */
  readonly pieces = new Map<string, Pieces>();
  private readonly b: GraphBuilder;
  private readonly shape: (name: string) => readonly Dim[] | undefined;
  /** Values that something takes slices out of. */
  private readonly taken: ReadonlySet<string>;

  /** `b` builds the new graph; `outer` the one around it, if there is one. */
  constructor(b: GraphBuilder, graph: Graph, outer?: GraphBuilder) {
    this.b = b;
    const taking = graph.nodes.filter((node) => moves(node) === 'picks' || moves(node) === 'drops');
    this.taken = new Set(taking.map((n) => n.inputs[0] ?? ''));
    const types = GraphBuilder.from(graph, { outer });
    this.shape = (name) => types.value(name).type.shape;
  }

  /** Copies a node, on the pieces of its input where it can work on them. */
  copy(node: Node): void {
    const pieces = this.pieces.get(node.inputs[0] ?? '');
    const others = node.inputs.slice(1).some((name) => this.pieces.has(name));
    if (node.domain === '') {
      if (node.op === 'Concat' && this.concat(node)) return;
      if (pieces && !others && this.onPieces(node, pieces)) return;
    }
    for (const name of usedNames(node)) this.whole(name);
    this.b.addNode(node);
  }

  /** A value as a whole, put together under the name that it had if it was in pieces. */
  whole(name: string): Value {
    const pieces = this.pieces.get(name);
    if (pieces === undefined) return this.b.value(name);
    this.pieces.delete(name);
    const slices = pieces.values.map((piece) => asSlice(pieces, piece));
    return this.b.node('Concat', slices, { axis: pieces.axis }, [name])[0]!;
  }

  /** A node on each piece; false when it needs the value as a whole. */
  private onPieces(node: Node, pieces: Pieces): boolean {
    const { b } = this;
    const shape = this.shape(node.inputs[0]!);
    const rule = piecesRule(node);
    // A rule says what becomes of the first output; only Split has more of a kind.
    const several = node.op !== 'Split' && node.outputs.slice(1).some((output) => output !== '');
    if (shape === undefined || several || rule === undefined) return false;
    const outputShape = this.shape(node.outputs[0]!);
    const results = rule({ b, node, pieces, shape, outputShape });
    if (results === undefined) return false;
    node.outputs.forEach((output, i) => {
      const result = results[i];
      if (output === '' || result === undefined) return;
      if ('values' in result) this.pieces.set(output, result);
      else b.node('Identity', [result], {}, [output]);
    });
    return true;
  }

  /** Concat of values in pieces along the axis of the pieces: the pieces of all of them, one after another. */
  private concat(node: Node): boolean {
    const all = node.inputs.map((name) => this.pieces.get(name));
    const rank = this.shape(node.outputs[0]!)?.length;
    const first = all.find((p) => p !== undefined);
    if (rank === undefined) return false;
    const axis = normalizeAxis(intAttribute(node, 'axis', 0), rank);
    if (first !== undefined && all.every((p) => p?.axis === axis && p?.stacked === first.stacked)) {
      const sizes = all.every((p) => p?.sizes) ? all.flatMap((p) => p?.sizes ?? []) : undefined;
      this.pieces.set(node.outputs[0]!, { ...first, values: all.flatMap((p) => p?.values ?? []), sizes });
      return true;
    }
    // A row of single slices, of which some may be taken out again: the last states of all layers.
    if (first !== undefined || axis === undefined || !this.taken.has(node.outputs[0]!)) return false;
    if (!node.inputs.every((name) => this.shape(name)?.[axis] === 1)) return false;
    const values = node.inputs.map((name) => this.b.value(name));
    this.pieces.set(node.outputs[0]!, { values, axis, stacked: false, sizes: values.map(() => 1) });
    return true;
  }
}
