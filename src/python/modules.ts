import { attributesText } from '../graph/attributes.ts';
import type { Node, Tensor } from '../graph/types.ts';
import { identifierOf } from './python.ts';
import type { Scope } from './scope.ts';
import type { PythonLayer, PythonModule } from './statement.ts';

/** Endings of the names of weights, behind the name of their layer. */
const WEIGHT_NAME = /^(.+)\.(weight|bias|kernel|W|R|B)$/;
/** What exporters call a value or a node that nobody named. */
const GENERATED = /^(val|node|onnx|v)?_|^onnx::|^[A-Z][A-Za-z]*_\d+$/;

/** The submodules of the module that is made: one for all nodes that share weights. */
export class Modules {
  readonly #scope: Scope;
  readonly #byKey = new Map<string, PythonModule>();

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /** The module of a node with these stored weights; called `otherwise` where nobody gave it a name. */
  of(node: Node, layer: PythonLayer, weights: readonly string[], otherwise: string): PythonModule {
    const key = JSON.stringify([node.op, weights, attributesText(node)]);
    const known = this.#byKey.get(key);
    if (known) return known;
    const holder = this.#holderOf(layer.matrix);
    const tied = holder && this.#scope.dialect.tied(layer, holder);
    const module = { ...(tied ?? layer), name: this.#scope.member(layerName(node, weights) ?? otherwise) };
    this.#byKey.set(key, module);
    return module;
  }

  /** The module with the same matrix: an embedding that is the head, too. Exporters store it twice. */
  #holderOf(matrix: Tensor | undefined): PythonModule | undefined {
    return matrix && [...this.#byKey.values()].find((module) => isSame(matrix, module.matrix));
  }
}

function isSame(a: Tensor, b: Tensor | undefined): boolean {
  if (a.elementType !== b?.elementType || a.dims.join() !== b.dims.join()) return false;
  const [x, y] = [a.data, b.data];
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false;
  return true;
}

/** What somebody called a layer: before `.weight` in a weight's name, or before the operator in the node's. */
export function layerName(node: Node, weights: readonly string[]): string | undefined {
  const stems = weights.flatMap((name) => WEIGHT_NAME.exec(name)?.[1] ?? []).filter((stem) => !GENERATED.test(stem));
  if (stems.length > 0) return identifierOf(stems[0]!);
  const path = node.name.split('/').filter((part) => part !== '');
  const part = path.length > 1 ? path.at(-2)! : (path[0] ?? '');
  if (part !== '' && !GENERATED.test(part)) return identifierOf(part);
  const only = weights.length === 1 ? weights[0]! : '';
  return only === '' || GENERATED.test(only) ? undefined : identifierOf(only);
}
