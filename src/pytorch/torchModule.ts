import { SlimError } from '../base/errors.ts';
import { isConstant } from '../graph/builder.ts';
import { formatShape } from '../graph/dims.ts';
import { inferTypes } from '../graph/infer/infer.ts';
import { isRecurrent, type RecurrentNode } from '../graph/operators.ts';
import { storedHere } from '../graph/stored.ts';
import type { Graph, Model, Node, Tensor, ValueInfo } from '../graph/types.ts';
import { denseModel } from '../onnx/storedForm.ts';
import { simplify } from '../passes/simplify.ts';
import { toOwnOpset } from '../passes/toOwnOpset.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';
import { dropZeroStates } from '../passes/zeroStates.ts';
import { type Conversion, conversionOf } from './conversion.ts';
import { type HelperName, helpers } from './helpers.ts';
import { embeddingStatement, linearStatement, productsWithBias } from './layerStatements.ts';
import { operatorExpression } from './operators.ts';
import { dtypeOf, inDocstring, list } from './python.ts';
import { recurrentStatements, stepsStatement } from './recurrentStatements.ts';
import { Operands, Scope } from './scope.ts';
import { type Stack, stacksOf } from './stacks.ts';
import { assignment, liveStatements, type Statement, type TorchModule, unpacking } from './statement.ts';
import { wholeWeights } from './wholeWeights.ts';

/** Name of the file of the source. */
export const SOURCE_FILE = 'model.py';
/** Name of the file of weights that the source of a module loads, from the folder that it lies in. */
export const WEIGHTS_FILE = 'model.safetensors';

/** A model as a module of PyTorch. */
export interface TorchSource {
  /** Python: a class `Model`, which is a `torch.nn.Module`, and `load()`, which gives one with its weights. */
  readonly source: string;
  /** What `WEIGHTS_FILE` holds: the module's parameters and buffers by PyTorch's names. */
  readonly weights: ReadonlyMap<string, Tensor>;
  /** The layers of `torch.nn` in the order in which they are called: `{ name: 'rnn', made: 'nn.LSTM(4, 7)' }`. */
  readonly layers: readonly { readonly name: string; readonly made: string }[];
}

/**
 * A model as a `torch.nn.Module` whose submodules are its recurrent, embedding and linear layers and whose `forward`
 * does what the graph does, node by node. Other stored tensors are buffers; sparse ones are laid out.
 * Throws a SlimError that names the operator where PyTorch has no form for it here.
 * @example const { source, weights } = torchModule(await loadModel('slim.onnx'));
 */
export function torchModule(model: Model): TorchSource {
  const graph = plainGraph(model);
  const stored = storedHere(graph);
  const scope = new Scope(stored, inferTypes(graph));
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
    header(graph),
    ...helpersOf(statements),
    ...classSource(layers, buffers),
    ...forwardSource(graph, statements, scope),
    ...LOAD,
  ];
  return { source: `${source.join('\n')}\n`, weights: weightsOf(layers, buffers), layers };
}

/** The graph of a model in operator set 17, with no more in it than what it computes. */
function plainGraph(model: Model): Graph {
  const seen = simplify(denseModel(model), { all: true });
  const whole = { ...seen, graph: wholeWeights(seen.graph) };
  const simple = simplify(withoutDropout(dropZeroStates(whole)), { all: true });
  const opaque = [...simple.graph.inputs, ...simple.graph.outputs].find((value) => value.opaque !== undefined);
  if (opaque) throw new SlimError(`'${opaque.name}' is ${opaque.opaque}, which has no form in PyTorch here`);
  return toOwnOpset(simple);
}

function statementsOf(graph: Graph, scope: Scope): Statement[] {
  const conversion = conversionOf(graph, scope);
  const stacks = stacksOf(graph, conversion);
  const parts = productsWithBias(graph.nodes, conversion);
  return graph.nodes.flatMap((node) => {
    if (isConstant(node) || parts.has(node)) return [];
    if (!isRecurrent(node)) return [statementOf(node, stacks, conversion)];
    const stack = stacks.get(node);
    return stack ? recurrentStatements(stack, conversion) : [];
  });
}

function statementOf(node: Node, stacks: ReadonlyMap<RecurrentNode, Stack>, conversion: Conversion): Statement {
  const found =
    embeddingStatement(node, conversion) ??
    linearStatement(node, conversion) ??
    stepsStatement(node, stacks, conversion);
  if (found) return found;
  const c = new Operands(node, conversion.scope);
  return (node.op === 'Split' ? unpacking : assignment)(c, operatorExpression(c));
}

/** Throws a SlimError for a value that is stored in a form that `Tensor` cannot hold. */
function requireKnown(reads: readonly string[], computed: readonly string[], { stored }: Scope): void {
  const known = new Set(computed);
  const strange = reads.find((name) => !known.has(name) && !stored.has(name));
  if (strange !== undefined) throw new SlimError(`the tensor '${strange}' is stored in a form that PyTorch has not`);
}

/** The tensors that statements read from buffers, by the buffers' names. */
function buffersOf(reads: readonly string[], scope: Scope): Map<string, Tensor> {
  const names = [...new Set(reads)].filter((name) => scope.isBuffer(name));
  return new Map(names.map((name) => [scope.buffer(name), scope.stored.get(name)!]));
}

function weightsOf(layers: readonly TorchModule[], buffers: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const own = layers.flatMap(({ name, weights, tiedTo }) =>
    [...weights].flatMap(([parameter, tensor]): [string, Tensor][] =>
      tiedTo && parameter === 'weight' ? [] : [[`${name}.${parameter}`, tensor]],
    ),
  );
  // What the file said of a tensor beside its values has no place in the new one.
  return new Map(
    [...own, ...buffers].map(([name, { elementType, dims, data }]) => [name, { elementType, dims, data }]),
  );
}

function header({ inputs, outputs }: Graph): string {
  return `\
"""The model as a PyTorch module, written by slimrnn: \`load()\` gives it with the weights of ${WEIGHTS_FILE}.

${inputs.map(valueLine).join('\n')}
-> ${outputs.map(valueLine).join('\n   ')}
"""

from pathlib import Path

import torch
from safetensors.torch import load_model
from torch import nn

`;
}

function valueLine({ name, type }: ValueInfo): string {
  return inDocstring(`${name} ${formatShape(type.shape)} ${type.elementType}`);
}

function helpersOf(statements: readonly Statement[]): string[] {
  const needed = new Set<HelperName>(statements.flatMap((statement) => [...statement.helpers]));
  return [...needed].map((name) => `${helpers[name]}\n`);
}

function classSource(layers: readonly TorchModule[], buffers: ReadonlyMap<string, Tensor>): string[] {
  const members = layers.flatMap(({ name, made, tiedTo }) => [
    `self.${name} = ${made}`,
    ...(tiedTo ? [`self.${name}.weight = self.${tiedTo.name}.weight`] : []),
  ]);
  const registered = [...buffers].map(
    ([buffer, { dims, elementType }]) =>
      `self.register_buffer("${buffer}", torch.empty(${list(dims)}, dtype=${dtypeOf(elementType)}))`,
  );
  return [
    'class Model(nn.Module):',
    '    def __init__(self):',
    '        super().__init__()',
    ...[...members, ...registered].map((line) => `        ${line}`),
    '',
  ];
}

function forwardSource(graph: Graph, statements: readonly Statement[], scope: Scope): string[] {
  const read = new Set([...statements.flatMap(({ reads }) => [...reads]), ...graph.outputs.map(({ name }) => name)]);
  const target = (name: string) => (read.has(name) ? scope.local(name) : '_');
  const lines = statements.flatMap(({ outputs, lines }) => lines(outputs.map(target)));
  const inputs = graph.inputs.map(({ name }) => scope.local(name));
  const outputs = graph.outputs.map(({ name }) => scope.tensor(name));
  return [
    `    def forward(${['self', ...inputs].join(', ')}):`,
    ...[...lines, `return ${outputs.join(', ')}`].map((line) => `        ${line}`),
    '',
    '',
  ];
}

const LOAD = [
  `def load(path=Path(__file__).with_name("${WEIGHTS_FILE}")):`,
  '    """The model with its weights, ready to run."""',
  '    model = Model()',
  '    load_model(model, path)',
  '    return model.eval()',
];
