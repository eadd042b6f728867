import { bindDim } from '../dims.ts';
import type { Dim, Graph } from '../types.ts';
import { inferWhatFits, Scope } from './infer.ts';

type Equation = readonly [a: Dim, b: Dim];

const known = new WeakMap<Graph, readonly Equation[]>();

/** Pairs of sizes that must be the same for a graph's operators to fit; what must be so in any case comes first. */
function equationsOf(graph: Graph): readonly Equation[] {
  const found = known.get(graph);
  if (found) return found;
  const certain = new Map<string, Equation>();
  const likely = new Map<string, Equation>();
  const listener = (a: Dim, b: Dim, maybe: boolean) => {
    if (a === b || (typeof a === 'number' && typeof b === 'number')) return;
    // A branch that takes an axis of 1 away is for that case, and says nothing of others.
    if (maybe && (a === 1 || b === 1)) return;
    (maybe ? likely : certain).set(`${a}=${b}`, [a, b]);
  };
  inferWhatFits(graph, new Scope(undefined, { listener }));
  const equations = [...certain.values(), ...likely.values()];
  known.set(graph, equations);
  return equations;
}

/** Names of free dimensions in a dimension: those in a product or sum, or its own. */
export function namesIn(dim: Dim): string[] {
  if (typeof dim === 'number') return [];
  const parts = dim.startsWith('(') ? dim.split(/[*+()]/) : dim.includes('(') ? [dim] : dim.split('*');
  return parts.filter((part) => part !== '' && !/^-?\d+$/.test(part));
}

/**
 * Sizes of a graph's free dimensions as far as its operators imply them: an LSTM's weights say how many numbers a step
 * has, a state of fixed size says how many sequences there are. What is set besides has consequences, too.
 */
export class FreeSizes {
  private equations: readonly Equation[];
  /** Of each name the size, or the name that stands for it. */
  private readonly values: Record<string, Dim> = Object.create(null) as Record<string, Dim>;

  constructor(graph: Graph) {
    this.equations = equationsOf(graph);
    this.settle();
  }

  /** A name that stands for all names that must have the same size. */
  name(name: string): string {
    let at = name;
    for (let next = this.values[at]; typeof next === 'string'; next = this.values[at]) at = next;
    return at;
  }

  /** The size that a name must have, if anything says so. */
  size(name: string): number | undefined {
    const size = this.values[this.name(name)];
    return typeof size === 'number' ? size : undefined;
  }

  /** Sets the size of a name that has none, and all that follows. */
  set(name: string, size: number): void {
    if (this.size(name) !== undefined) return;
    this.values[this.name(name)] = size;
    this.settle();
  }

  private bound(dim: Dim): Dim {
    return bindDim(dim, Object.fromEntries(namesIn(dim).map((name) => [name, this.size(name) ?? this.name(name)])));
  }

  private settle(): void {
    for (let before = -1; before !== this.equations.length; ) {
      before = this.equations.length;
      this.equations = this.equations.filter(([a, b]) => !this.solve(this.bound(a), this.bound(b)));
    }
  }

  /** Whether nothing more can be learned from two sizes being the same. */
  private solve(a: Dim, b: Dim): boolean {
    if (a === b || (typeof a === 'number' && typeof b === 'number')) return true;
    if (typeof a === 'number') return this.solve(b, a);
    const names = new Set(namesIn(a));
    if (typeof b === 'string') {
      if (!isName(a) || !isName(b)) return false;
      this.values[a] = b;
      return true;
    }
    const [name] = names;
    if (name === undefined || names.size > 1) return false;
    const size = name === a ? b : solutionOf(a, name, b);
    // Nothing has a size of zero, whatever a file says.
    if (size !== undefined && size > 0) this.values[name] = size;
    return true;
  }
}

function isName(dim: string): boolean {
  return namesIn(dim)[0] === dim;
}

/** The whole number that makes a·name + c this size, if there is one. */
function solutionOf(dim: Dim, name: string, size: number): number | undefined {
  const at = (value: number) => bindDim(dim, { [name]: value }) as number;
  const [none, one, two] = [at(0), at(1), at(2)];
  const solution = (size - none) / (one - none);
  return two - one === one - none && Number.isInteger(solution) ? solution : undefined;
}
