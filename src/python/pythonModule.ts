import { SlimError } from '../base/errors.ts';
import { isConstant } from '../graph/builder.ts';
import { formatShape } from '../graph/dims.ts';
import { inferTypes } from '../graph/infer/infer.ts';
import { isRecurrent } from '../graph/operators.ts';
import { storedHere } from '../graph/stored.ts';
import type { Graph, Model, Node, Tensor, ValueInfo } from '../graph/types.ts';
import { denseModel } from '../onnx/storedForm.ts';
import { simplify } from '../passes/simplify.ts';
import { toOwnOpset } from '../passes/toOwnOpset.ts';
import { wholeWeights } from '../passes/wholeWeights.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';
import { dropZeroStates } from '../passes/zeroStates.ts';
import { type Conversion, conversionOf } from './conversion.ts';
import type { Dialect, ModuleText, RecurrentDialect } from './dialect.ts';
import { embeddingStatement, linearStatement, productsWithBias } from './layerStatements.ts';
import { operatorExpression } from './operators.ts';
import { inDocstring } from './python.ts';
import { Operands, Scope } from './scope.ts';
import { assignment, liveStatements, type PythonModule, type Statement, unpacking } from './statement.ts';

/** Name of the file of the source. */
export const SOURCE_FILE = 'model.py';

/** A model as a file of Python and its weights. */
export interface PythonSource {
  /** Python: a class `Model`, and `load()`, which gives one with the weights that lie beside the file. */
  readonly source: string;
  /** What the file of weights holds, by the framework's names. */
  readonly weights: ReadonlyMap<string, Tensor>;
  /** The framework's layers in the order in which they are called: `{ name: 'rnn', made: 'nn.LSTM(4, 7)' }`. */
  readonly layers: readonly { readonly name: string; readonly made: string }[];
}

/**
 * A model in a dialect of Python: its recurrent, embedding and linear layers are layers of the framework, and a method
 * does what the graph does, node by node. Other stored tensors are members; sparse ones are laid out.
 * Throws a SlimError that names the operator where the framework has no form for it here.
 */
export function pythonModule(model: Model, dialect: Dialect): PythonSource {
  const graph = plainGraph(model, dialect);
  const scope = new Scope(dialect, storedHere(graph), inferTypes(graph));
  for (const { name } of graph.inputs) scope.local(name, name);
  const wanted = graph.outputs.map(({ name }) => name);
  const statements = liveStatements(statementsOf(graph, scope), wanted);
  const reads = [...statements.flatMap((statement) => [...statement.reads]), ...wanted];
  requireKnown(
    reads,
    [...graph.inputs.map(({ name }) => name), ...statements.flatMap(({ outputs }) => outputs)],
    scope,
  );
  const layers = [...new Set(statements.flatMap(({ module }) => module ?? []))];
  const buffers = buffersOf(reads, scope);
  const source = [
    ...header(graph, dialect.text),
    ...helpersOf(statements, dialect),
    ...classSource(graph, layers, buffers, dialect.text),
    ...methodSource(graph, statements, scope),
    ...dialect.text.load,
  ];
  return { source: `${source.join('\n')}\n`, weights: weightsOf(layers, buffers), layers };
}

/** The graph of a model in operator set 17, with no more in it than what it computes. */
function plainGraph(model: Model, { framework }: Dialect): Graph {
  const seen = simplify(denseModel(model), { all: true });
  const whole = { ...seen, graph: wholeWeights(seen.graph) };
  const simple = simplify(withoutDropout(dropZeroStates(whole)), { all: true });
  const opaque = [...simple.graph.inputs, ...simple.graph.outputs].find((value) => value.opaque !== undefined);
  if (opaque) throw new SlimError(`'${opaque.name}' is ${opaque.opaque}, which has no form in ${framework} here`);
  return toOwnOpset(simple);
}

function statementsOf(graph: Graph, scope: Scope): Statement[] {
  const conversion = conversionOf(graph, scope);
  const recurrent = scope.dialect.recurrent(graph, conversion);
  const parts = productsWithBias(graph.nodes, conversion);
  return graph.nodes.flatMap((node) => {
    if (isConstant(node) || parts.has(node)) return [];
    return isRecurrent(node) ? recurrent.statements(node) : [statementOf(node, recurrent, conversion)];
  });
}

function statementOf(node: Node, recurrent: RecurrentDialect, conversion: Conversion): Statement {
  const found = embeddingStatement(node, conversion) ?? linearStatement(node, conversion) ?? recurrent.steps(node);
  if (found) return found;
  const c = new Operands(node, conversion.scope);
  return (node.op === 'Split' ? unpacking : assignment)(c, operatorExpression(c));
}

/** Throws a SlimError for a value that is stored in a form that `Tensor` cannot hold. */
function requireKnown(reads: readonly string[], computed: readonly string[], { stored, dialect }: Scope): void {
  const known = new Set(computed);
  const strange = reads.find((name) => !known.has(name) && !stored.has(name));
  if (strange !== undefined)
    throw new SlimError(`the tensor '${strange}' is stored in a form that ${dialect.framework} has not`);
}

/** The tensors that statements read from buffers, by the buffers' names. */
function buffersOf(reads: readonly string[], scope: Scope): Map<string, Tensor> {
  const names = [...new Set(reads)].filter((name) => scope.isBuffer(name));
  return new Map(names.map((name) => [scope.buffer(name), scope.stored.get(name)!]));
}

function weightsOf(layers: readonly PythonModule[], buffers: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const own = layers.flatMap(({ name, weights }) =>
    [...weights].map(([parameter, tensor]): [string, Tensor] => [`${name}.${parameter}`, tensor]),
  );
  // What the file said of a tensor beside its values has no place in the new one.
  return new Map(
    [...own, ...buffers].map(([name, { elementType, dims, data }]) => [name, { elementType, dims, data }]),
  );
}

function header({ inputs, outputs }: Graph, { kind, weightsFile, imports }: ModuleText): string[] {
  return [
    `"""The model as ${kind}, written by slimrnn: \`load()\` gives it with the weights of ${weightsFile}.`,
    '',
    ...inputs.map(valueLine),
    `-> ${outputs.map(valueLine).join('\n   ')}`,
    '"""',
    '',
    ...imports,
    '',
    '',
  ];
}

function valueLine({ name, type }: ValueInfo): string {
  return inDocstring(`${name} ${formatShape(type.shape)} ${type.elementType}`);
}

function helpersOf(statements: readonly Statement[], dialect: Dialect): string[] {
  const needed = new Set(statements.flatMap((statement) => [...statement.helpers]));
  return [...needed].map((name) => `${dialect.helpers[name]}\n`);
}

function classSource(
  graph: Graph,
  layers: readonly PythonModule[],
  buffers: ReadonlyMap<string, Tensor>,
  { baseClass, init, buffer }: ModuleText,
): string[] {
  const members = layers.flatMap(({ name, made, setUp }) => [
    `self.${name} = ${made}`,
    ...(setUp?.(`self.${name}`) ?? []),
  ]);
  const registered = [...buffers].map(([name, { dims, elementType }]) => buffer(name, dims, elementType));
  return [
    `class Model(${baseClass}):`,
    '    def __init__(self):',
    ...[init(graph), ...members, ...registered].map((line) => `        ${line}`),
    '',
  ];
}

function methodSource(graph: Graph, statements: readonly Statement[], scope: Scope): string[] {
  const read = new Set([...statements.flatMap(({ reads }) => [...reads]), ...graph.outputs.map(({ name }) => name)]);
  const target = (name: string) => (read.has(name) ? scope.local(name) : '_');
  const lines = statements.flatMap(({ outputs, lines }) => lines(outputs.map(target)));
  const inputs = graph.inputs.map(({ name }) => scope.local(name));
  const outputs = graph.outputs.map(({ name }) => scope.tensor(name));
  return [
    `    def ${scope.dialect.text.method}(${['self', ...inputs].join(', ')}):`,
    ...[...lines, `return ${outputs.join(', ')}`].map((line) => `        ${line}`),
    '',
    '',
  ];
}
