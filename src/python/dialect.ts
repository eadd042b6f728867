import type { RecurrentNode } from '../graph/operators.ts';
import type { ElementType, Graph, Node, Tensor } from '../graph/types.ts';
import type { Conversion } from './conversion.ts';
import type { Forms } from './forms.ts';
import type { SharedHelper } from './helperName.ts';
import type { PythonLayer, PythonModule, Statement } from './statement.ts';

/** What a framework of Python writes for the parts of a model. B batch, T time, V vocabulary, E embedding, I inputs, O outputs. */
export interface Dialect {
  /** Its name in messages: `PyTorch`. */
  readonly framework: string;
  /** Its expressions for operators. */
  readonly forms: Forms;
  /** Functions that a file brings along where it calls them, by name. */
  readonly helpers: Readonly<Record<SharedHelper, string>> & Readonly<Record<string, string>>;
  /** Names that the method must not hide, beside Python's own words. */
  readonly reservedLocals: readonly string[];
  /** Names that a member of the class must not hide. */
  readonly reservedMembers: readonly string[];
  /** A layer that looks rows up in a table [V, E]. */
  readonly embedding: (table: Tensor) => PythonLayer;
  /** A layer that multiplies with a matrix [O, I], and adds a bias [O] where there is one. */
  readonly linear: (matrix: Tensor, bias: Tensor | undefined) => PythonLayer;
  /** A layer that shares the matrix of an earlier one; undefined where this framework stores it twice. */
  readonly tied: (layer: PythonLayer, holder: PythonModule) => PythonLayer | undefined;
  /** Begins a graph: what becomes of its recurrent nodes, and of nodes that only turn their outputs. */
  readonly recurrent: (graph: Graph, conversion: Conversion) => RecurrentDialect;
  readonly text: ModuleText;
}

/** What a framework makes of the recurrent layers of one graph. */
export interface RecurrentDialect {
  /** The statements that stand where a recurrent node does. */
  readonly statements: (node: RecurrentNode) => readonly Statement[];
  /** A node that gives a layer's outputs in the framework's form; undefined for other nodes. */
  readonly steps: (node: Node) => Statement | undefined;
}

/** The frame of a module file. */
export interface ModuleText {
  /** What the docstring calls it: `a PyTorch module`. */
  readonly kind: string;
  /** Name of the file of weights that `load()` reads, in the folder of the module. */
  readonly weightsFile: string;
  readonly imports: readonly string[];
  readonly baseClass: string;
  /** The first line of `__init__`. */
  readonly init: (graph: Graph) => string;
  /** The method that computes the outputs. */
  readonly method: string;
  /** A line of `__init__` that makes a member for a stored tensor. */
  readonly buffer: (name: string, dims: readonly number[], elementType: ElementType) => string;
  /** The function `load()`. */
  readonly load: readonly string[];
}
