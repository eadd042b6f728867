import type { Node } from '../graph/types.ts';
import type { Conversion } from './conversion.ts';
import { embeddedTable, hasFittingBias, matrixOf, type Product, productOf } from './products.ts';
import { Operands, type Scope } from './scope.ts';
import { assignment, type PythonModule, type Statement } from './statement.ts';

/** A lookup as a call of an embedding; undefined for other nodes. */
export function embeddingStatement(node: Node, { scope, modules }: Conversion): Statement | undefined {
  const values = embeddedTable(node, scope.stored);
  if (values === undefined) return undefined;
  const [table, indices] = node.inputs as [string, string];
  return callOf(modules.of(node, scope.dialect.embedding(values), [table], 'embedding'), node, indices, scope);
}

/** A product with a stored matrix, or the sum with its bias, as a call of a linear layer; undefined for other nodes. */
export function linearStatement(node: Node, conversion: Conversion): Statement | undefined {
  const { scope, modules, made } = conversion;
  const biased = biasedProduct(node, conversion);
  const product = biased?.parts ?? productOf(node, scope.stored, made);
  if (!product || !hasFittingBias(product, scope.stored) || isVector(product.x, scope)) return undefined;
  const layer = scope.dialect.linear(matrixOf(product, scope.stored), scope.stored.get(product.bias ?? ''));
  const weights = [product.weight, ...(product.bias === undefined ? [] : [product.bias])];
  return callOf(modules.of(biased?.product ?? node, layer, weights, 'linear'), node, product.x, scope);
}

/** The products whose bias another node adds: they are part of its layer. */
export function productsWithBias(nodes: readonly Node[], conversion: Conversion): Set<Node> {
  return new Set(nodes.flatMap((node) => biasedProduct(node, conversion)?.product ?? []));
}

/** The product to which an Add adds the bias, where nothing else reads it. */
function biasedProduct(node: Node, conversion: Conversion): { product: Node; parts: Product } | undefined {
  if (node.op !== 'Add' || node.domain !== '') return undefined;
  const { scope, made, uses } = conversion;
  for (const [name, bias] of [node.inputs, node.inputs.toReversed()] as [string, string][]) {
    const product = made.get(name);
    const found = product && uses.get(name) === 1 ? productOf(product, scope.stored, made) : undefined;
    if (!product || !found || found.bias !== undefined || !scope.stored.has(bias)) continue;
    const parts = { ...found, bias };
    if (hasFittingBias(parts, scope.stored) && !isVector(parts.x, scope)) return { product, parts };
  }
  return undefined;
}

/** True for data of rank 1, which not every framework's layers take. */
function isVector(x: string, scope: Scope): boolean {
  return scope.typeOf(x)?.shape?.length === 1;
}

function callOf(module: PythonModule, node: Node, x: string, scope: Scope): Statement {
  const c = new Operands(node, scope);
  for (const name of module.helpers ?? []) c.helper(name);
  return { ...assignment(c, `self.${module.name}(${c.value(x)})`), module };
}
