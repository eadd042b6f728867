import { isBroadcasting, isLoop, isRecurrent, isUnary, traits } from '../../graph/operators.ts';
import { stateSlots } from '../../graph/slots.ts';
import type { Node } from '../../graph/types.ts';
import { type FlatGraph, movesStates } from './parts.ts';

/**
 * How a step makes a new state of an old one.
 * - `slot`: it is the initial state of a layer or a loop, and the other is the final one.
 * - `gated`: weighted by a gate, with something added: the memory of an LSTM, the state of a GRU or RHN.
 * - `product`: through one product with weights and an activation: the output of an LSTM, the state of a plain RNN
 *   or of one that leaks.
 */
export type Relation = 'slot' | 'gated' | 'product';

/** What has happened to a state on the way to a value, as bits: several ways may lead there. */
const HAPPENED = { moved: 1, plain: 2, gated: 4, added: 8, multiplied: 16, activated: 32, far: 64 } as const;
const ELEMENTWISE = HAPPENED.moved | HAPPENED.plain | HAPPENED.gated | HAPPENED.added;

/** True for what an exporter bounds a gate with; the sigmoid may be written out, 1 / (1 + e⁻ˣ). */
function isBounding(node: Node): boolean {
  return traits(node).activation === 'bounded' || node.op === 'Reciprocal' || node.op === 'Div';
}

/** True for the activation of a plain cell. */
function isActivation(node: Node): boolean {
  return traits(node).activation !== undefined || isBounding(node);
}

/** Follows states through one step of a graph, up to the new states (`ends`). */
export class StepFlow {
  private readonly nodes: readonly Node[];
  private readonly ends: ReadonlySet<string>;
  /** Values that depend on the graph's inputs; products with others are products with weights. */
  private readonly data: Set<string>;
  private readonly gates = new Set<string>();

  /** `candidates` are the inputs that may be states: what a product makes of one of them, bounded, is a gate. */
  constructor({ nodes }: FlatGraph, inputs: Iterable<string>, candidates: Iterable<string>, ends: ReadonlySet<string>) {
    this.nodes = nodes;
    this.ends = ends;
    this.data = new Set(inputs);
    for (const node of nodes) {
      if (node.inputs.some((name) => this.data.has(name))) for (const name of node.outputs) this.data.add(name);
    }
    this.findGates(candidates);
  }

  /** True for a product of data with a stored weight. */
  multiplies(node: Node): boolean {
    return traits(node).product === true && node.inputs.slice(0, 2).some((name) => name !== '' && !this.data.has(name));
  }

  /** How each new state that part of a state reaches is made of it. */
  relationsOf(part: string): Map<string, Relation> {
    const found = new Map<string, Relation>();
    for (const node of this.nodes) {
      const slots = stateSlots(node);
      slots?.inputs.forEach((place, i) => {
        const output = node.outputs[slots.outputs[i]!];
        if (node.inputs[place] === part && output && this.ends.has(output)) found.set(output, 'slot');
      });
    }
    for (const [value, bits] of this.spread([part])) {
      if (!this.ends.has(value) || value === part || found.has(value)) continue;
      if (bits & HAPPENED.added) found.set(value, 'gated');
      else if (bits & HAPPENED.activated) found.set(value, 'product');
    }
    return found;
  }

  /** New states that one product with weights makes of another new state: the projected output of an LSTM. */
  projectionsOf(end: string): Set<string> {
    const bits = this.spread([end]);
    return new Set([...this.ends].filter((other) => other !== end && (bits.get(other) ?? 0) & HAPPENED.multiplied));
  }

  /** The products with weights that read part of a state in the step itself, elementwise operators in between. */
  productsOf(part: string): Node[] {
    const bits = this.spread([part]);
    return this.nodes.filter(
      (node) => this.multiplies(node) && node.inputs.some((name) => this.onTheWay(bits, name, part) & ELEMENTWISE),
    );
  }

  /** True where what a node makes reaches one of these new states without another product. */
  leads(node: Node, ends: readonly string[]): boolean {
    const bits = this.spread(node.outputs.filter((name) => name !== ''));
    return ends.some((end) => (bits.get(end) ?? 0) & ELEMENTWISE);
  }

  private onTheWay(bits: ReadonlyMap<string, number>, name: string, start?: string): number {
    return this.ends.has(name) && name !== start ? 0 : (bits.get(name) ?? 0);
  }

  private spread(starts: Iterable<string>): Map<string, number> {
    const bits = new Map<string, number>();
    const first = new Set(starts);
    for (const name of first) bits.set(name, HAPPENED.moved);
    const at = (name: string) => (this.ends.has(name) && !first.has(name) ? 0 : (bits.get(name) ?? 0));
    for (const node of this.nodes) {
      if (isRecurrent(node) || isLoop(node)) continue;
      const all = node.inputs.reduce((sum, name) => sum | at(name), 0);
      if (all === 0) continue;
      const after = this.after(node, all, at);
      for (const name of node.outputs) if (!first.has(name)) bits.set(name, after);
    }
    return bits;
  }

  /** What has happened behind a node to what `bits` has happened to before it. */
  private after(node: Node, bits: number, at: (name: string) => number): number {
    const { moved, plain, gated, added, multiplied, activated, far } = HAPPENED;
    if (traits(node).product) {
      const once = this.multiplies(node) && bits & ELEMENTWISE ? multiplied : 0;
      return once | (bits & ~ELEMENTWISE || !this.multiplies(node) ? far : 0);
    }
    if (movesStates(node) || node.op === 'Concat' || node.op === 'If') return bits;
    if (node.op === 'Mul') {
      const isState = (name: string) => (at(name) & (moved | plain | gated)) !== 0;
      const weighted = node.inputs.some((name, i) => isState(name) && this.gates.has(node.inputs[1 - i] ?? ''));
      return bits & (moved | plain | gated) ? (bits & ~(moved | plain)) | (weighted ? gated : plain) : bits;
    }
    const became = (from: number, to: number) => (bits & from ? to : 0);
    const kept = bits & ~(moved | plain | gated);
    if (traits(node).linear === 'sum') return kept | became(moved | plain, plain) | became(gated, added);
    if (isUnary(node) || isBroadcasting(node) || node.op.endsWith('Normalization')) {
      const acts = isActivation(node) ? became(multiplied, activated) : 0;
      return kept | became(moved | plain, plain) | (bits & gated) | acts;
    }
    return far;
  }

  /** Bounded values that follow, without another product, from a product with weights that reads a state. */
  private findGates(candidates: Iterable<string>): void {
    const bits = this.spread(candidates);
    const direct = new Set<string>();
    const starts = new Set(candidates);
    for (const node of this.nodes) {
      if (isRecurrent(node) || isLoop(node)) continue;
      const from = node.inputs.filter((name) => !this.ends.has(name) || starts.has(name));
      const product = traits(node).product === true;
      const begins = this.multiplies(node) && from.some((name) => (bits.get(name) ?? 0) & ELEMENTWISE);
      if (!begins && (product || !from.some((name) => direct.has(name)))) continue;
      const gate = !product && (isBounding(node) || from.some((name) => this.gates.has(name)));
      for (const name of node.outputs) {
        direct.add(name);
        if (gate) this.gates.add(name);
      }
    }
  }
}
