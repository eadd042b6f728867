import { integers } from '../graph/attributes.ts';
import { LONGEST_SHAPE } from '../graph/infer/integers.ts';
import { Names } from '../graph/names.ts';
import type { Dim, Node, Tensor, TensorType } from '../graph/types.ts';
import type { Dialect } from './dialect.ts';
import type { Forms } from './forms.ts';
import { identifierOf, integersLiteral, KEYWORDS, scalarLiteral } from './python.ts';

/** What the values of a graph are called in Python, and the tensors that are stored in the module. */
export class Scope {
  readonly dialect: Dialect;
  readonly stored: ReadonlyMap<string, Tensor>;
  readonly typeOf: (value: string) => TensorType | undefined;
  readonly #locals = new Map<string, string>();
  readonly #localNames = new Names();
  readonly #buffers = new Map<string, string>();
  readonly #memberNames = new Names();

  constructor(
    dialect: Dialect,
    stored: ReadonlyMap<string, Tensor>,
    typeOf: (value: string) => TensorType | undefined,
  ) {
    this.dialect = dialect;
    this.stored = stored;
    this.typeOf = typeOf;
    const { helpers, reservedLocals, reservedMembers } = dialect;
    const locals = [...KEYWORDS, '_', 'self', ...reservedLocals, ...Object.keys(helpers)];
    for (const name of locals) this.#localNames.add(name);
    for (const name of [...KEYWORDS, ...reservedMembers]) this.#memberNames.add(name);
  }

  /** The variable that holds a value of the graph; `wanted` is used as it is where it can be. */
  local(value: string, wanted = variableOf(value)): string {
    const known = this.#locals.get(value);
    if (known !== undefined) return known;
    const name = this.#localNames.unique(identifierOf(wanted));
    this.#locals.set(value, name);
    return name;
  }

  /** Two values of the graph that are one in Python. */
  alias(value: string, of: string): void {
    this.#locals.set(value, this.local(of));
  }

  /** The name of a member that is free. */
  member(wanted: string): string {
    return this.#memberNames.unique(identifierOf(wanted));
  }

  /** The buffer that holds a stored tensor. */
  buffer(stored: string): string {
    const known = this.#buffers.get(stored) ?? this.member(stored);
    this.#buffers.set(stored, known);
    return known;
  }

  /** A value as an expression that is a tensor. */
  tensor(value: string): string {
    const stored = this.stored.get(value);
    if (stored === undefined) return this.local(value);
    const elements = integersLiteral(stored, LONGEST_SHAPE);
    if (elements === undefined) return `self.${this.buffer(value)}`;
    return this.dialect.forms.integers(elements, stored.elementType);
  }

  /** True for a value that `tensor` takes from a buffer. */
  isBuffer(value: string): boolean {
    const stored = this.stored.get(value);
    return stored !== undefined && integersLiteral(stored, LONGEST_SHAPE) === undefined;
  }
}

/** A value's name without what exporters add for the number of an output, in small letters. */
function variableOf(value: string): string {
  return identifierOf(value.replace(/_(output_0|out)$/, '')).toLowerCase();
}

/** A node on its way to Python: what its inputs are called there, and what is known of them. */
export class Operands {
  readonly node: Node;
  readonly reads = new Set<string>();
  readonly helpers = new Set<string>();
  readonly #scope: Scope;

  constructor(node: Node, scope: Scope) {
    this.node = node;
    this.#scope = scope;
  }

  /** What the framework writes for operators. */
  get forms(): Forms {
    return this.#scope.dialect.forms;
  }

  /** The framework's name. */
  get framework(): string {
    return this.#scope.dialect.framework;
  }

  /** True where the node has this input. */
  has(i: number): boolean {
    return (this.node.inputs[i] ?? '') !== '';
  }

  /** An input as a tensor. */
  input(i: number): string {
    return this.value(this.node.inputs[i]!);
  }

  /** Any value as a tensor. */
  value(name: string): string {
    this.reads.add(name);
    return this.#scope.tensor(name);
  }

  /** An input as a tensor or, of a stored one of rank 0, its number. */
  operand(i: number): string {
    const stored = this.#scope.stored.get(this.node.inputs[i]!);
    return (stored && scalarLiteral(stored)) ?? this.input(i);
  }

  /** The integers of an input that is stored. */
  ints(i: number): number[] | undefined {
    return integers(this.#scope.stored.get(this.node.inputs[i] ?? ''));
  }

  /** The stored tensor that an input is. */
  stored(i: number): Tensor | undefined {
    return this.#scope.stored.get(this.node.inputs[i] ?? '');
  }

  /** What is known of an input. */
  type(i: number): TensorType | undefined {
    return this.#scope.typeOf(this.node.inputs[i] ?? '');
  }

  /** The sizes of an output, as far as they are known. */
  outputShape(i = 0): readonly Dim[] | undefined {
    return this.#scope.typeOf(this.node.outputs[i] ?? '')?.shape;
  }

  /** The name of a function that the file must bring along. */
  helper<Name extends string>(name: Name): Name {
    this.helpers.add(name);
    return name;
  }
}
