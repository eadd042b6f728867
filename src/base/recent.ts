/** Values that are dear to keep, by key: at most so many, the ones that were asked for last. */
export class Recent<V> {
  private readonly values = new Map<string, V>();
  private readonly most: number;
  private readonly giveBack: (value: V) => Promise<void>;

  /** Keeps at most `most` values; `giveBack` is called with each that has to go. */
  constructor(most: number, giveBack: (value: V) => Promise<void>) {
    this.most = most;
    this.giveBack = giveBack;
  }

  /** The value of that key, made where there is none; the one that was asked for longest ago makes room for it. */
  async get(key: string, make: () => Promise<V>): Promise<V> {
    const known = this.values.get(key);
    if (known !== undefined) {
      // A map lists its keys in the order in which they were set.
      this.values.delete(key);
      this.values.set(key, known);
      return known;
    }
    const [oldest] = this.values;
    if (oldest !== undefined && this.values.size >= this.most) {
      this.values.delete(oldest[0]);
      await this.giveBack(oldest[1]);
    }
    const made = await make();
    this.values.set(key, made);
    return made;
  }

  /** Gives all of them back. */
  async clear(): Promise<void> {
    const all = [...this.values.values()];
    this.values.clear();
    for (const value of all) await this.giveBack(value);
  }
}
