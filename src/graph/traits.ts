/**
 * How an operator's outputs get the elements of its first input. Each once: under another shape (`keeps`), in another
 * order (`reorders`), as another type (`converts`); some of them once (`drops`); some by index or condition (`picks`);
 * each several times (`copies`).
 */
export type Movement = 'keeps' | 'reorders' | 'converts' | 'drops' | 'picks' | 'copies';

/**
 * What an input is for. A `matrix` multiplies data and a `vector` scales or shifts it: both are weights where they are
 * stored. A `statistic` was measured, not learned.
 */
export type InputRole = 'data' | 'matrix' | 'vector' | 'statistic' | 'state' | 'lengths' | 'index';

/** What is known of an operator. Whatever is left out does not hold. */
export interface OperatorTraits {
  readonly moves?: Movement;
  /** Works on each element of its first input (`unary`, other inputs are settings), or on those at the same place. */
  readonly elementwise?: 'unary' | 'broadcast';
  /** Gives truth values, whatever its inputs are. */
  readonly decides?: true;
  /** Operands may differ in type; the first one says what comes out. */
  readonly mixesTypes?: true;
  /** Gives numbers from 0 to 1, of which engines get the small ones right up to an absolute error only. */
  readonly probability?: true;
  /** What a cell may put its sums through: `bounded` where it could be that of a gate. */
  readonly activation?: 'bounded' | 'open';
  /** Weighs scores against each other along the one axis of its attribute, which is that of the classes. */
  readonly overClasses?: true;
  /** Makes 0 of 0, whatever its attributes are. */
  readonly keepsZero?: true;
  /** Gives elements that are those of its input, rounded or limited. */
  readonly rounds?: true;
  /** Linear in each operand: a `sum`, whose gradient reads no operand, or a `product`, whose gradient reads the other. */
  readonly linear?: 'sum' | 'product';
  /** Sums up products of data with weights. */
  readonly product?: true;
  /** Makes one of all elements along axes: a number, or the place of one. */
  readonly reduces?: 'value' | 'place';
  /** A reduction that leaves a single element as it is. */
  readonly keepsSingle?: true;
  /** A recurrent layer: its gates in the order of their weights, and its states in the order of inputs and outputs. */
  readonly recurrent?: { readonly gates: readonly string[]; readonly states: readonly string[] };
  /** A loop over a body: how many inputs come before its states, and how many outputs of the body. */
  readonly loop?: { readonly inputsBefore: number; readonly outputsBefore: number };
  /** Attributes that hold graphs. */
  readonly bodies?: readonly string[];
  /** What the inputs are for, by place; left out where nobody asks. */
  readonly inputs?: readonly InputRole[];
  /** Gives something else each time it runs. */
  readonly random?: true;
  /**
   * How its gradient is found: by a `rule` of its own, or after the operator has been replaced by others (`rewritten`
   * one by one, or `lowered` to a loop). `zero` where no output changes smoothly. Left out: it has none here.
   */
  readonly gradient?: 'rule' | 'rewritten' | 'lowered' | 'zero';
}
