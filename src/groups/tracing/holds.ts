/**
 * Which channels are tied to each other and what holds them in their places: a union-find beside that of the identities,
 * in which all fixed channels are one and nobody can tell any more what fixed them. For messages alone.
 */
export class Holds {
  private readonly parents: number[] = [0];
  private readonly held = new Map<string, Set<number>>();

  /** Room for one more identity. */
  add(): void {
    this.parents.push(this.parents.length);
  }

  private find(id: number): number {
    let root = id;
    while (this.parents[root] !== root) root = this.parents[root]!;
    for (let at = id; at !== root; ) {
      const next = this.parents[at]!;
      this.parents[at] = root;
      at = next;
    }
    return root;
  }

  /** Notes that two channels are tied. */
  tie(a: number, b: number): void {
    const [x, y] = [this.find(a), this.find(b)];
    if (x !== y) this.parents[Math.max(x, y)] = Math.min(x, y);
  }

  /** Notes what holds a channel. */
  hold(id: number, by: string): void {
    if (by === '') return;
    const ids = this.held.get(by);
    if (ids) ids.add(id);
    else this.held.set(by, new Set([id]));
  }

  /** What holds any of these channels: inputs and outputs of the graph, or where there is none of these, operators. */
  of(ids: Iterable<number>): string[] {
    const wanted = new Set<number>();
    for (const id of ids) if (id > 0) wanted.add(this.find(id));
    if (wanted.size === 0) return [];
    const isMeant = (held: ReadonlySet<number>) => {
      for (const id of held) if (wanted.has(this.find(id))) return true;
      return false;
    };
    const found = [...this.held].filter(([, held]) => isMeant(held)).map(([by]) => by);
    const borders = found.filter((by) => /^(in|out)put '/.test(by));
    return borders.length > 0 ? borders : found;
  }
}
